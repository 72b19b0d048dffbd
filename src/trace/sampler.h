/*
 * The six standard samplers of OTEL_TRACES_SAMPLER. Pure; any thread.
 */
#ifndef AT_TRACE_SAMPLER_H
#define AT_TRACE_SAMPLER_H

#include "trace/context.h"

enum at_sampler_kind {
	AT_SAMPLER_ALWAYS_ON,
	AT_SAMPLER_ALWAYS_OFF,
	AT_SAMPLER_RATIO,
	AT_SAMPLER_PARENT_ON,
	AT_SAMPLER_PARENT_OFF,
	AT_SAMPLER_PARENT_RATIO
};

struct at_sampler {
	enum at_sampler_kind kind;
	uint64_t threshold; /* ratio kinds: sampled iff the last 56 bits of the trace id >= it */
};

/* By its standard name (case-insensitive), ratio in [0,1]; false when the name is unknown. */
bool at_sampler_init(struct at_sampler *s, struct at_str name, double ratio);

/* Whether the span of trace `trace_id` is sampled; parent NULL for a root. A parent with `deferred`
 * set has not decided: treated as a root with that trace id. */
bool at_sampler_decide(const struct at_sampler *s, const uint8_t trace_id[16],
		       const struct at_context *parent);

#endif
