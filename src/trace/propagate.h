/*
 * Context over header lines: tracecontext, baggage, b3, b3multi (OTEL_PROPAGATORS). Pure functions,
 * any thread. Input is foreign: every malformed value means "no context", never an error.
 */
#ifndef AT_TRACE_PROPAGATE_H
#define AT_TRACE_PROPAGATE_H

#include "trace/context.h"

enum at_propagator {
	AT_PROPAGATE_TRACECONTEXT = 1,
	AT_PROPAGATE_BAGGAGE = 2,
	AT_PROPAGATE_B3 = 4,
	AT_PROPAGATE_B3MULTI = 8
};

/* The header values a request came with: first line's trimmed value and the number of lines. A
 * count of 0 means absent. tracestate and baggage: all lines joined with ',' by the caller when
 * there are several. */
struct at_carrier {
	struct at_str traceparent;
	unsigned traceparent_count;
	struct at_str tracestate;
	struct at_str baggage;
	struct at_str b3;
	struct at_str x_b3_traceid;
	struct at_str x_b3_spanid;
	struct at_str x_b3_sampled;
	struct at_str x_b3_flags;
};

/* Space that at_propagate_state needs at most, bytes. */
#define AT_STATE_MAX 8192u

/* version 00..fe per W3C; false when invalid. */
bool at_propagate_parse_traceparent(struct at_str value, struct at_context *ret);

/* Exactly 55 bytes, no NUL. */
void at_propagate_write_traceparent(char dst[55], const struct at_context *c);

bool at_propagate_parse_b3(struct at_str value, struct at_context *ret);

/* Reads the context by the propagators in `set` (bits of enum at_propagator, in the standard's
 * order: later ones override only when they find a valid context). False: none, *ret untouched. */
bool at_propagate_extract(unsigned set, const struct at_carrier *in, struct at_context *ret);

/* W3C tracestate: validates, drops empty members, keeps order; writes the normalised list into dst
 * (cap bytes) and returns its length; 0 when there is none or it must be discarded as a whole (bad
 * member, over 32 members). Over cap: whole members are left out by the standard's rule (first
 * those over 128 bytes, then from the end). */
size_t at_propagate_state(struct at_str tracestate, char *dst, size_t cap);

/* Baggage that may be sent on as it stands: at most 8192 bytes and 64 members, valid syntax; false:
 * do not send. */
bool at_propagate_baggage_ok(struct at_str baggage);

/* Writes the header lines ("name: value\r\n"…) to send with a request: traceparent, tracestate,
 * baggage, b3 lines, those of them that `set` asks for and that are not in `present` (bits: the
 * application sent its own); of an invalid context only baggage. Returns the length, 0 when nothing
 * is to be sent or cap is too small (then at least traceparent is tried alone). Every line ends in
 * CRLF. */
size_t at_propagate_inject(unsigned set, unsigned present, const struct at_context *c,
			   struct at_str tracestate, struct at_str baggage, char *dst, size_t cap);

#endif
