/*
 * Changing the heads of HTTP/2 requests. Fed by inject.c with what is about to be written; finds
 * header blocks by wire's look ahead, has them announced by client.c, and makes the edits.
 *
 *   application   |len|HEADERS..|---- block ----|pad|
 *   on the wire   |LEN|HEADERS..|---- block ----|= traceparent ... =|pad|    LEN: as much larger
 *
 * What is added are literals that no table keeps. A block that is already under way, or would no
 * longer fit the peer's limits, leaves as it is.
 */
#include "base/pool.h"
#include "flow/boot.h"
#include "flow/client.h"
#include "flow/inject.h"
#include "flow/talk_http2.h"

uint64_t at_inject_http2_unread(const struct at_talk *t)
{
	return t->over ? UINT64_MAX : at_http2_unread(&t->http2->request);
}

/* The lines as fields; *ret_list what they add to the list's size. Returns memory from the pool. */
static char *fields_of(struct at_str lines, size_t *ret_n, size_t *ret_list)
{
	struct at_message m = {.block = lines};
	struct at_str name, value;
	size_t pos = 0, n = 0;
	uint32_t room;
	char *p = at_pool_get(lines.n + 256, &room);
	*ret_n = *ret_list = 0;
	while (p && at_message_next(&m, &pos, &name, &value)) {
		size_t k = at_http2_write_field(p + n, room - n, name, value);
		if (!k)
			return p;
		n += k;
		*ret_list += name.n + value.n + 32;
	}
	*ret_n = p ? n : 0;
	return p;
}

static bool fits(const struct at_talk *t, const struct at_http2_plan *p, size_t n, size_t list)
{
	const struct at_http2 *peer = &t->http2->response;
	return p->frame_len + n <= peer->max_frame && p->list_size + list <= peer->max_list;
}

static void insert(struct at_talk *t, struct at_edits **e, struct at_exchange *x,
		   const struct at_http2_plan *p)
{
	size_t lines_n, n, list;
	char *lines = at_inject_lines(x, &lines_n);
	char *fields = lines_n ? fields_of(at_str(lines, lines_n), &n, &list) : NULL;
	if (fields && n && fits(t, p, n, list)) {
		size_t len = p->frame_len + n;
		const char length[3] = {(char)(len >> 16), (char)(len >> 8), (char)len};
		at_inject_grow(e, x, p->frame_at, length, p->insert_at, fields, n);
	}
	at_pool_put(fields);
	at_pool_put(lines);
}

/* A value that a proxy passes on is written over where it stands open and no table keeps it. */
static void rewrite(struct at_edits *e, struct at_exchange *x, const struct at_http2_plan *p,
		    const char *data)
{
	static const struct {
		struct at_str name;
		enum at_field field;
	} rows[] = {
		{AT_STR("traceparent"), AT_FIELD_traceparent},
		{AT_STR("b3"), AT_FIELD_b3},
		{AT_STR("x-b3-spanid"), AT_FIELD_x_b3_spanid},
	};
	char text[64];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = at_inject_passed_on(x, rows[i].field, text);
		ptrdiff_t at = n ? at_http2_find_literal(p->block, rows[i].name, n) : -1;
		if (at >= 0)
			at_inject_edit(e, x, (size_t)(p->block.p - data) + (size_t)at, text, n,
				       true);
	}
}

static void edit(struct at_talk *t, struct at_edits **e, struct at_exchange *x,
		 const struct at_http2_plan *p, const char *data)
{
	if (x->injected || x->carries == AT_CLIENT_INSTRUMENTED || !at_boot.config.inject ||
	    !p->insertable)
		return;
	if (x->carries == AT_CLIENT_PASSED_ON && !at_boot.config.sdk_disabled)
		rewrite(*e, x, p, data);
	else
		insert(t, e, x, p);
}

/* A request that was not looked at before. */
static struct at_exchange *announce(struct at_talk *t, const struct at_http2_plan *p)
{
	struct at_talk_http2 *h = t->http2;
	if (!p->m.method.n)
		return NULL;
	struct at_exchange *x = at_talk_http2_open(t, p->stream, AT_SPAN_CLIENT);
	if (!x)
		return NULL;
	h->shared = h->shared || t->count > 1;
	t->crowd = h->shared;
	at_client_announce(t, x, &p->m);
	t->conn->owner = NULL;
	return x;
}

void at_inject_http2_look(struct at_talk *t, struct at_edits **e, const char *data, size_t n)
{
	struct at_talk_http2 *h = t->http2;
	struct at_http2_plan plan = {0};
	size_t from = 0;
	if (t->over)
		return;
	h->shared = h->shared || at_http2_count(&h->request, data, n) > 1;
	while (at_http2_look(&h->request, data, n, from, &plan)) {
		struct at_exchange *x =
			plan.again ? at_streams_find(&h->streams, plan.stream) : announce(t, &plan);
		if (x && x->announced)
			edit(t, e, x, &plan, data);
		from = plan.next_at;
		if (from >= n)
			break;
	}
}
