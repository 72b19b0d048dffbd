/*
 * Changing the heads of HTTP/1 requests. Fed by inject.c with what is about to be written; finds
 * heads by wire's look ahead, has them announced by client.c, and makes the edits.
 */
#include "base/pool.h"
#include "flow/boot.h"
#include "flow/client.h"
#include "flow/inject.h"
#include "trace/propagate.h"

/* The header lines of one request at most: tracestate and baggage have their own caps below it. */
#define LINES_MAX 20480u

/* Offset in data of a field's value, or -1 when it began to leave in an earlier call. */
static ptrdiff_t value_offset(const struct at_http1_plan *p, const char *data, struct at_str value)
{
	if (p->starts_here)
		return value.p - data;
	return value.p - p->joined.p - (ptrdiff_t)p->joined_from;
}

/* Overwrites the value of `field` by `text` when it is as long and has not begun to leave. */
static bool rewrite(struct at_edits *e, struct at_exchange *x, const struct at_http1_plan *p,
		    const char *data, enum at_field field, const char *text, size_t n)
{
	struct at_str value = p->m.field[field].value;
	ptrdiff_t at = value.n == n ? value_offset(p, data, value) : -1;
	return at >= 0 && at_inject_edit(e, x, (size_t)at, text, n, true);
}

/* Values that a proxy passes on: each propagator's in its own place. */
static void rewrite_passed_on(struct at_edits *e, struct at_exchange *x,
			      const struct at_http1_plan *p, const char *data)
{
	unsigned set = at_boot.config.propagators;
	const struct at_field_value *f = p->m.field;
	char text[96];
	if ((set & AT_PROPAGATE_TRACECONTEXT) && f[AT_FIELD_traceparent].count == 1) {
		at_propagate_write_traceparent(text, &x->ctx);
		rewrite(e, x, p, data, AT_FIELD_traceparent, text, 55);
	}
	if ((set & AT_PROPAGATE_B3) && f[AT_FIELD_b3].count == 1) {
		at_hex_encode(text, x->ctx.trace_id, 16);
		text[32] = '-';
		at_hex_encode(text + 33, x->ctx.span_id, 8);
		text[49] = '-';
		text[50] = x->ctx.flags & AT_FLAG_DEBUG     ? 'd'
			   : x->ctx.flags & AT_FLAG_SAMPLED ? '1'
							    : '0';
		rewrite(e, x, p, data, AT_FIELD_b3, text, 51);
	}
	if ((set & AT_PROPAGATE_B3MULTI) && f[AT_FIELD_x_b3_spanid].count == 1) {
		at_hex_encode(text, x->ctx.span_id, 8);
		rewrite(e, x, p, data, AT_FIELD_x_b3_spanid, text, 16);
	}
}

/* What the application sends of its own accord is not sent twice. */
static unsigned present(const struct at_message *m)
{
	const struct at_field_value *f = m->field;
	return (f[AT_FIELD_traceparent].count ? AT_PROPAGATE_TRACECONTEXT : 0) |
	       (f[AT_FIELD_baggage].count ? AT_PROPAGATE_BAGGAGE : 0) |
	       (f[AT_FIELD_b3].count ? AT_PROPAGATE_B3 : 0) |
	       (f[AT_FIELD_x_b3_traceid].count ? AT_PROPAGATE_B3MULTI : 0);
}

static void insert_lines(struct at_edits *e, struct at_exchange *x, const struct at_http1_plan *p)
{
	struct at_str state = at_str(x->carried.p, x->state_len);
	struct at_str baggage = at_str_from(at_buf_str(&x->carried), x->state_len);
	size_t room = 512 + state.n + baggage.n;
	char *lines = at_pool_get(room < LINES_MAX ? room : LINES_MAX, NULL);
	if (!lines)
		return;
	size_t n = at_propagate_inject(at_boot.config.propagators, present(&p->m), &x->ctx,
				       p->m.field[AT_FIELD_tracestate].count ? AT_STR_NONE : state,
				       baggage, lines, room);
	if (n)
		at_inject_edit(e, x, p->insert_at, lines, n, false);
	at_pool_put(lines);
}

static int by_offset(const struct at_edit *a, const struct at_edit *b)
{
	return a->at < b->at ? -1 : a->at > b->at;
}

/* Rewrites of one head can stand in any order: keeps the list ascending (a handful of entries). */
static void sort(struct at_edits *e, uint32_t from)
{
	for (uint32_t i = from + 1; i < e->count; i++)
		for (uint32_t j = i; j > from && by_offset(&e->edit[j], &e->edit[j - 1]) < 0; j--) {
			struct at_edit swap = e->edit[j];
			e->edit[j] = e->edit[j - 1];
			e->edit[j - 1] = swap;
		}
}

static void edit_head(struct at_edits *e, struct at_exchange *x, const struct at_http1_plan *p,
		      const char *data)
{
	uint32_t from = e->count;
	if (x->injected || x->carries == AT_CLIENT_INSTRUMENTED || !at_boot.config.inject)
		return;
	if (x->carries == AT_CLIENT_PASSED_ON && !at_boot.config.sdk_disabled)
		rewrite_passed_on(e, x, p, data);
	if (p->insertable)
		insert_lines(e, x, p);
	sort(e, from);
}

void at_inject_http1_look(struct at_talk *t, struct at_edits *e, const char *data, size_t n)
{
	struct at_http1_plan plan = {0};
	struct at_exchange *next = t->announced ? t->first : NULL;
	size_t from = 0;
	while (next && !next->announced)
		next = next->next;
	while (at_http1_look(&t->http1.request, data, n, from, &plan)) {
		struct at_exchange *x = next;
		if (x)
			next = x->next;
		else
			x = at_client_announce(t, &plan.m);
		if (!x)
			break;
		edit_head(e, x, &plan, data);
		from = plan.next_at;
		if (plan.ends_at_cr || from >= n)
			break;
	}
	at_http1_plan_free(&plan);
}

uint64_t at_inject_http1_unread(const struct at_talk *t)
{
	const struct at_http1 *h = &t->http1.request;
	bool in_body = h->state == AT_HTTP1_LENGTH || h->state == AT_HTTP1_CHUNK_DATA;
	return h->state == AT_HTTP1_STOPPED ? UINT64_MAX : in_body ? h->left : 0;
}
