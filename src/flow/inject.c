/*
 * Injection. Fed by the shore with writes on client connections; finds heads by wire's look-ahead,
 * has them announced by client.c, and makes the edits. Owns the edits of a call.
 */
#include "flow/inject.h"

#include "base/counter.h"
#include "base/pool.h"
#include "flow/boot.h"
#include "flow/client.h"
#include "trace/propagate.h"

/* The header lines of one request at most: tracestate and baggage have their own caps below it. */
#define LINES_MAX 20480u

static struct at_edit *edit_add(struct at_edits *e, struct at_exchange *x, size_t at,
				const char *text, size_t n, bool replaces)
{
	uint32_t text_at = e->text.n;
	if (e->count == AT_INJECT_EDITS || !at_buf_add(&e->text, text, n, AT_POOL_MAX))
		return NULL;
	struct at_edit *edit = &e->edit[e->count++];
	*edit = (struct at_edit){ .at = at, .text_at = text_at, .text_len = (uint32_t)n,
				  .replaces = replaces };
	if (x)
		edit->owner = at_exchange_ref(x);
	return edit;
}

static struct at_edits *edits_new(void)
{
	struct at_edits *e = at_pool_get(sizeof(*e), NULL);
	if (e) {
		e->count = 0;
		e->text = (struct at_buf){ 0 };
	}
	return e;
}

void at_inject_free(struct at_edits *e)
{
	at_buf_free(&e->text);
	at_pool_put(e);
}

/* Left-overs of an earlier call come first. */
static bool take_left_overs(struct at_talk *t, struct at_edits *e)
{
	struct at_edit *edit;
	if (t->tail.n) {
		edit = edit_add(e, NULL, 0, t->tail.p, t->tail.n, false);
		if (!edit)
			return false;
		edit->left_over = true;
	}
	if (t->overlay.n) {
		edit = edit_add(e, NULL, 0, t->overlay.p, t->overlay.n, true);
		if (!edit)
			return false;
		edit->left_over = true;
	}
	at_buf_free(&t->tail);
	at_buf_free(&t->overlay);
	return true;
}

/* ---- the edits of one head ---- */

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
	return at >= 0 && edit_add(e, x, (size_t)at, text, n, true);
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
		text[50] = x->ctx.flags & AT_FLAG_DEBUG	    ? 'd' :
			   x->ctx.flags & AT_FLAG_SAMPLED ? '1' :
							    '0';
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
		edit_add(e, x, p->insert_at, lines, n, false);
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
	if (x->carries == AT_CLIENT_PASSED_ON)
		rewrite_passed_on(e, x, p, data);
	if (p->insertable)
		insert_lines(e, x, p);
	sort(e, from);
}

/* ---- all heads of one write ---- */

static void look(struct at_talk *t, struct at_edits *e, const char *data, size_t n)
{
	struct at_http1_plan plan = { 0 };
	struct at_exchange *next = t->announced ? t->first : NULL;
	size_t from = 0;
	while (next && !next->announced)
		next = next->next;
	while (at_http1_look(&t->request, data, n, from, &plan)) {
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

/* The first bytes in one piece: as they are, or copied together when the head is spread over several
 * pieces (only then, and only up to the cap of a head). */
static const char *gather(const struct iovec *iov, int count, size_t *ret_n, char **ret_block)
{
	size_t total = 0;
	*ret_block = NULL;
	if (count == 1) {
		*ret_n = iov[0].iov_len;
		return iov[0].iov_base;
	}
	for (int i = 0; i < count && total < AT_HTTP1_HEAD_MAX; i++)
		total += iov[i].iov_len;
	if (total > AT_HTTP1_HEAD_MAX)
		total = AT_HTTP1_HEAD_MAX;
	char *block = at_pool_get(total ? total : 1, NULL);
	if (!block)
		return NULL;
	size_t n = 0;
	for (int i = 0; i < count && n < total; i++) {
		size_t piece = iov[i].iov_len < total - n ? iov[i].iov_len : total - n;
		memcpy(block + n, iov[i].iov_base, piece);
		n += piece;
	}
	*ret_n = n;
	*ret_block = block;
	return block;
}

struct at_edits *at_inject_plan(struct at_conn *c, int fd, const struct iovec *iov, int count)
{
	struct at_talk *t = at_talk_of(c, fd);
	struct at_edits *e = t ? edits_new() : NULL;
	char *block;
	size_t n;
	if (!e)
		return NULL;
	if (!take_left_overs(t, e)) {
		at_inject_free(e);
		return NULL;
	}
	if (t->request.state != AT_HTTP1_STOPPED) {
		const char *data = gather(iov, count, &n, &block);
		if (data && n)
			look(t, e, data, n);
		at_pool_put(block);
	}
	if (e->count)
		return e;
	at_inject_free(e);
	return NULL;
}
