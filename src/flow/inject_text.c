/*
 * What a call sends of its context, as text. Fed by the protocols' injection; writes nothing but
 * its own memory.
 */
#include "base/pool.h"
#include "flow/boot.h"
#include "flow/inject.h"
#include "trace/propagate.h"

/* The header lines of one request at most: tracestate and baggage have their own caps below it. */
#define LINES_MAX 20480u

static size_t single_b3(const struct at_context *ctx, char *text)
{
	at_hex_encode(text, ctx->trace_id, 16);
	text[32] = '-';
	at_hex_encode(text + 33, ctx->span_id, 8);
	text[49] = '-';
	text[50] = ctx->flags & AT_FLAG_DEBUG ? 'd' : ctx->flags & AT_FLAG_SAMPLED ? '1' : '0';
	return 51;
}

size_t at_inject_passed_on(const struct at_exchange *x, enum at_field field, char *text)
{
	unsigned set = at_boot.config.propagators;
	if ((set & AT_PROPAGATE_TRACECONTEXT) && field == AT_FIELD_traceparent) {
		at_propagate_write_traceparent(text, &x->ctx);
		return 55;
	}
	if ((set & AT_PROPAGATE_B3) && field == AT_FIELD_b3)
		return single_b3(&x->ctx, text);
	if ((set & AT_PROPAGATE_B3MULTI) && field == AT_FIELD_x_b3_spanid) {
		at_hex_encode(text, x->ctx.span_id, 8);
		return 16;
	}
	return 0;
}

char *at_inject_lines(const struct at_exchange *x, size_t *ret_n)
{
	struct at_str state = at_str(x->carried.p, x->state_len);
	struct at_str baggage = at_str_from(at_buf_str(&x->carried), x->state_len);
	size_t room = 512 + state.n + baggage.n;
	char *lines = at_pool_get(room < LINES_MAX ? room : LINES_MAX, NULL);
	*ret_n = 0;
	if (lines)
		*ret_n = at_propagate_inject(at_boot.config.propagators, x->sends, &x->ctx,
					     x->sends_state ? AT_STR_NONE : state, baggage, lines,
					     room);
	return lines;
}
