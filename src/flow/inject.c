/*
 * Injection. Fed by the shore with writes on client connections; finds heads by wire's look-ahead,
 * has them announced by client.c, and makes the edits. Owns the edits of a call.
 */
#include "flow/inject.h"

#include <limits.h>

#include "base/memory.h"
#include "base/pool.h"
#include "flow/boot.h"
#include "flow/client.h"
#include "trace/propagate.h"

/* The header lines of one request at most: tracestate and baggage have their own caps below it. */
#define LINES_MAX 20480u

static void edit_add(struct at_edits *e, struct at_edit edit)
{
	if (e->count < AT_INJECT_EDITS)
		e->edit[e->count++] = edit;
}

/* An edit of the head that belongs to x. */
static bool edit_new(struct at_edits *e, struct at_exchange *x, size_t at, const char *text,
		     size_t n, bool replaces)
{
	struct at_buf *to = &e->text[AT_EDIT_NEW];
	struct at_edit edit = {.at = at,
			       .text = AT_EDIT_NEW,
			       .text_at = to->n,
			       .text_len = (uint32_t)n,
			       .replaces = replaces,
			       .owner = at_exchange_ref(x)};
	if (e->count == AT_INJECT_EDITS || !at_buf_add(to, text, n, AT_POOL_MAX))
		return false;
	edit_add(e, edit);
	return true;
}

static struct at_edits *edits_make(struct at_talk *t)
{
	struct at_edits *e = t->spare ? t->spare : at_pool_get(sizeof(*e), NULL);
	t->spare = NULL;
	if (!e)
		return NULL;
	e->count = 0;
	memset(e->text, 0, sizeof(e->text));
	return e;
}

void at_inject_free(struct at_talk *t, struct at_edits *e)
{
	for (int i = 0; i < AT_EDIT_TEXTS; i++)
		at_buf_free(&e->text[i]);
	if (t && !t->spare && (t->tail.n || t->overlay.n))
		t->spare = e;
	else
		at_pool_put(e);
}

static void take_left_over(struct at_edits *e, struct at_buf *from, enum at_edit_text which)
{
	if (!from->n)
		return;
	edit_add(e, (struct at_edit){.text = (uint8_t)which,
				     .text_len = from->n,
				     .replaces = which == AT_EDIT_OVERLAY,
				     .left_over = true});
	e->text[which] = *from;
	*from = (struct at_buf){0};
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
	return at >= 0 && edit_new(e, x, (size_t)at, text, n, true);
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
		edit_new(e, x, p->insert_at, lines, n, false);
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

/* ---- all heads of one write ---- */

static void look(struct at_talk *t, struct at_edits *e, const char *data, size_t n)
{
	struct at_http1_plan plan = {0};
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

/* How many of the next bytes are body, at whose content nobody looks. */
static uint64_t unread(const struct at_http1 *h)
{
	bool in_body = h->state == AT_HTTP1_LENGTH || h->state == AT_HTTP1_CHUNK_DATA;
	return h->state == AT_HTTP1_STOPPED ? UINT64_MAX : in_body ? h->left : 0;
}

/* Whether what will be looked at, behind the first `skip` bytes, can be read. */
static bool can_read(const struct iovec *iov, int count, uint64_t skip)
{
	uintptr_t known = 0;
	size_t at = 0;
	for (int i = 0; i < count && at < AT_HTTP1_HEAD_MAX; i++) {
		size_t n = iov[i].iov_len, from = skip > at ? skip - at : 0;
		if (n > AT_HTTP1_HEAD_MAX - at)
			n = AT_HTTP1_HEAD_MAX - at;
		if (from < n &&
		    !at_memory_readable((const char *)iov[i].iov_base + from, n - from, &known))
			return false;
		at += n;
	}
	return true;
}

/* The first bytes in one piece: as they are, or copied together when there are several pieces. */
static const char *gather(const struct iovec *iov, int count, size_t n, char **ret_block)
{
	*ret_block = count == 1 ? NULL : at_pool_get(n, NULL);
	if (count == 1)
		return iov[0].iov_base;
	for (size_t at = 0; *ret_block && at < n; iov++) {
		size_t piece = iov->iov_len < n - at ? iov->iov_len : n - at;
		memcpy(*ret_block + at, iov->iov_base, piece);
		at += piece;
	}
	return *ret_block;
}

/* Bytes in all pieces; SIZE_MAX when no call could take them. */
static size_t length_of(const struct iovec *iov, int count)
{
	size_t n = 0;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > SSIZE_MAX - n)
			return SIZE_MAX;
		n += iov[i].iov_len;
	}
	return n;
}

struct at_edits *at_inject_plan(struct at_conn *c, int fd, const struct iovec *iov, int count)
{
	struct at_talk *t = at_talk_of(c, fd);
	size_t n = length_of(iov, count);
	if (!t || n == SIZE_MAX)
		return NULL;
	bool owed = t->tail.n || t->overlay.n;
	/* On a lost connection nothing is looked at, but what is owed still leaves. */
	uint64_t skip = at_conn_is_lost(c) ? UINT64_MAX : unread(&t->request);
	if ((skip >= n && !owed) || !can_read(iov, count, owed ? 0 : skip))
		return NULL;
	struct at_edits *e = edits_make(t);
	if (!e)
		return NULL;
	take_left_over(e, &t->tail, AT_EDIT_TAIL);
	take_left_over(e, &t->overlay, AT_EDIT_OVERLAY);
	if (skip < n) {
		char *block;
		size_t part = n < AT_HTTP1_HEAD_MAX ? n : AT_HTTP1_HEAD_MAX;
		const char *data = gather(iov, count, part, &block);
		if (data)
			look(t, e, data, part);
		at_pool_put(block);
	}
	if (e->count)
		return e;
	at_inject_free(t, e);
	return NULL;
}
