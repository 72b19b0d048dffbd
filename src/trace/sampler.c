/*
 * The standard samplers (specification: trace SDK, "Sampler"; arithmetic of probability sampling:
 * the last 56 bits of the trace id against a threshold). Asked by flow for each new span; no state.
 */
#include "trace/sampler.h"

#define SPACE ((uint64_t)1 << 56)

static const struct {
	struct at_str name;
	enum at_sampler_kind kind;
} samplers[] = {
	{{"always_on", 9}, AT_SAMPLER_ALWAYS_ON},
	{{"always_off", 10}, AT_SAMPLER_ALWAYS_OFF},
	{{"traceidratio", 12}, AT_SAMPLER_RATIO},
	{{"parentbased_always_on", 21}, AT_SAMPLER_PARENT_ON},
	{{"parentbased_always_off", 22}, AT_SAMPLER_PARENT_OFF},
	{{"parentbased_traceidratio", 24}, AT_SAMPLER_PARENT_RATIO},
};

bool at_sampler_init(struct at_sampler *s, struct at_str name, double ratio)
{
	if (!(ratio > 0))
		ratio = 0;
	if (ratio > 1)
		ratio = 1;
	for (size_t i = 0; i < sizeof(samplers) / sizeof(samplers[0]); i++) {
		if (!at_str_eq_nocase(samplers[i].name, name))
			continue;
		s->kind = samplers[i].kind;
		s->threshold = SPACE - (uint64_t)(ratio * (double)SPACE);
		return true;
	}
	return false;
}

static bool by_ratio(const struct at_sampler *s, const uint8_t trace_id[16])
{
	uint64_t low;
	memcpy(&low, trace_id + 8, sizeof(low));
	return (__builtin_bswap64(low) & (SPACE - 1)) >= s->threshold;
}

bool at_sampler_decide(const struct at_sampler *s, const uint8_t trace_id[16],
		       const struct at_context *parent)
{
	if (s->kind >= AT_SAMPLER_PARENT_ON && parent && !parent->deferred)
		return parent->flags & AT_FLAG_SAMPLED;
	if (s->kind == AT_SAMPLER_RATIO || s->kind == AT_SAMPLER_PARENT_RATIO)
		return by_ratio(s, trace_id);
	return s->kind == AT_SAMPLER_ALWAYS_ON || s->kind == AT_SAMPLER_PARENT_ON;
}
