/*
 * Identity of a span and what travels with it (W3C Trace Context level 2). Plain values; any
 * thread.
 */
#ifndef AT_TRACE_CONTEXT_H
#define AT_TRACE_CONTEXT_H

#include "base/bytes.h"

#define AT_FLAG_SAMPLED 0x01u
#define AT_FLAG_RANDOM  0x02u
/* B3's debug flag: not a W3C bit, kept beside them so that it can be sent on; never put into a
 * traceparent. */
#define AT_FLAG_DEBUG 0x80u

struct at_context {
	uint8_t trace_id[16]; /* all zero: no context */
	uint8_t span_id[8];   /* all zero: no context */
	uint8_t flags;        /* AT_FLAG_… */
	bool deferred;        /* B3 without a sampling decision: our sampler decides */
};

bool at_context_valid(const struct at_context *c);

/* A new trace id (56 low bits and more are random) and span id, flags AT_FLAG_RANDOM. */
void at_context_new_trace(struct at_context *c);

/* A new span id, the rest stays. */
void at_context_new_span(struct at_context *c);

#endif
