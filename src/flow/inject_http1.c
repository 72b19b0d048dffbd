/*
 * Changing the heads of HTTP/1 requests. Fed by inject.c with what is about to be written; finds
 * heads by wire's look ahead, has them announced by client.c, and makes the edits.
 */
#include "base/pool.h"
#include "flow/boot.h"
#include "flow/client.h"
#include "flow/inject.h"

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
	static const enum at_field fields[] = {AT_FIELD_traceparent, AT_FIELD_b3,
					       AT_FIELD_x_b3_spanid};
	char text[64];
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		size_t n = p->m.field[fields[i]].count == 1
				   ? at_inject_passed_on(x, fields[i], text)
				   : 0;
		if (n)
			rewrite(e, x, p, data, fields[i], text, n);
	}
}

static void insert_lines(struct at_edits *e, struct at_exchange *x, const struct at_http1_plan *p)
{
	size_t n;
	char *lines = at_inject_lines(x, &n);
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

/* A head that was not looked at before. NULL: no memory, or too many outstanding. */
static struct at_exchange *announce(struct at_talk *t, const struct at_message *m)
{
	struct at_exchange *x = t->asking;
	if (!x || x->named)
		x = at_exchange_open(t, AT_SPAN_CLIENT);
	if (x)
		at_client_announce(t, x, m);
	return x;
}

void at_inject_http1_look(struct at_talk *t, struct at_edits **edits, const char *data, size_t n)
{
	struct at_edits *e = *edits;
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
			x = announce(t, &plan.m);
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
