/*
 * HTTP/2 on a connection: an engine for each direction, and every stream an exchange of its own.
 * Fed by talk.c; its engines' callbacks lead to server.c and client.c. Called under the
 * connection's lock. Not its job: changing heads (inject_http2.c).
 *
 *   request's head ──> open, named ──status──> answering ──END_STREAM──────────> closed
 *                          └──RST_STREAM, GOAWAY, the connection's end──> closed with error.type
 *
 * Who works on what is harder to tell than with HTTP/1, and a wrong parent is worse than none:
 *   - one read with bytes of several streams says nothing about which is worked on next;
 *   - several heads in one write, or a call while others are open on the same connection, may be
 *     anybody's, whichever thread writes them (crowd): the rules that ask for the thread or for the
 *     connection's owner are not asked, and never again on a connection that was shared once.
 */
#include "flow/talk_http2.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/pool.h"
#include "flow/bridge.h"
#include "flow/causality.h"
#include "flow/client.h"
#include "flow/describe.h"
#include "flow/inject.h"
#include "flow/server.h"
#include "flow/story.h"

static bool is_server(const struct at_talk *t)
{
	return t->conn->role == AT_CONN_SERVER;
}

static struct at_exchange *find(const struct at_talk *t, uint32_t stream)
{
	return at_streams_find(&t->http2->streams, stream);
}

/* ---- who works on what ---- */

static void begin_read(struct at_talk_http2 *h)
{
	h->read_some = h->read_several = false;
}

/* The present read brought something of `r`: a request, or the maker of a call, or nobody. True
 * when it is the first. */
static bool brought(struct at_talk_http2 *h, struct at_ref r)
{
	bool first = !h->read_some;
	if (!first && (r.exchange != h->present.exchange || r.generation != h->present.generation))
		h->read_several = true;
	h->present = r;
	h->read_some = true;
	return first;
}

/* Bytes of a request came in. */
static void served(struct at_talk *t, struct at_exchange *x)
{
	struct at_talk_http2 *h = t->http2;
	struct at_ref before = h->present;
	bool first = brought(h, at_exchange_ref(x));
	if (first || before.exchange != x)
		at_causality_serve(x);
}

/* Bytes of an answer came in. */
static void answered(struct at_talk *t, const struct at_exchange *x)
{
	if (brought(t->http2, x->parent))
		at_causality_resume(x);
}

/* ---- exchanges ---- */

struct at_exchange *at_talk_http2_open(struct at_talk *t, uint32_t stream, enum at_span_kind kind)
{
	struct at_talk_http2 *h = t->http2;
	if (!(stream & 1) || stream <= h->last || stream > h->refused_above)
		return NULL;
	h->last = stream;
	struct at_exchange *x = at_exchange_open(t, kind);
	if (!x) {
		at_count(streams_unobserved, 1);
		return NULL;
	}
	x->stream = stream;
	if (at_streams_add(&h->streams, x))
		return x;
	at_exchange_drop(x);
	at_count(streams_unobserved, 1);
	return NULL;
}

/* Its answer is complete. */
static void finish(struct at_exchange *x)
{
	at_exchange_close(x, NULL);
}

/* It was reset, by the peer or by this side. Who gives up a call has no failure to report if the
 * answer had begun. */
static void reset(struct at_talk *t, struct at_exchange *x, uint32_t code, bool by_peer)
{
	const char *name = at_http2_error_name(code);
	bool given_up = !by_peer && !is_server(t) && code <= 8 && (code == 0 || code == 8);
	if (given_up)
		name = x->status ? NULL : "abandoned";
	if (by_peer && is_server(t))
		served(t, x);
	else if (by_peer)
		answered(t, x);
	at_exchange_close(x, name);
}

/* ---- requests ---- */

static void ask(struct at_exchange *x, uint64_t wire, bool ends)
{
	x->request_wire += wire;
	x->asked = x->asked || ends;
}

static void server_head(struct at_talk *t, const struct at_http2_block *b)
{
	struct at_exchange *x = NULL;
	if (b->m && b->m->method.n)
		x = at_talk_http2_open(t, b->stream, AT_SPAN_SERVER);
	if (!x)
		return;
	ask(x, b->wire, b->ends);
	at_server_identify(t, x, b->m);
	served(t, x);
}

/* A head that left without having been looked at: nobody knows what else left with it. */
static void client_head(struct at_talk *t, const struct at_http2_block *b)
{
	struct at_exchange *x = NULL;
	if (b->m && b->m->method.n)
		x = at_talk_http2_open(t, b->stream, AT_SPAN_CLIENT);
	if (!x)
		return;
	t->http2->shared = true;
	t->crowd = true;
	at_client_identify(t, x, b->m);
	t->conn->owner = NULL;
	ask(x, b->wire, b->ends);
	at_client_left(x);
}

static void request_block(void *ctx, const struct at_http2_block *b)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = find(t, b->stream);
	if (!x && is_server(t)) {
		server_head(t, b);
	} else if (!x) {
		client_head(t, b);
	} else {
		ask(x, b->wire, b->ends);
		if (x->announced) {
			x->announced = false;
			t->announced--;
			at_client_left(x);
		}
		if (is_server(t))
			served(t, x);
	}
}

static void request_data(void *ctx, uint32_t stream, const char *bytes, size_t n, uint64_t wire)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = find(t, stream);
	(void)bytes;
	if (!x)
		return;
	x->request_body += n;
	x->request_wire += wire;
	if (is_server(t))
		served(t, x);
}

static void request_end(void *ctx, uint32_t stream)
{
	struct at_exchange *x = find(ctx, stream);
	if (x)
		x->asked = true;
}

static void request_reset(void *ctx, uint32_t stream, uint32_t code)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = find(t, stream);
	if (x)
		reset(t, x, code, is_server(t));
}

/* A client's concerns streams that servers begin. */
static void request_goaway(void *ctx, uint32_t last, uint32_t code)
{
	(void)ctx;
	(void)last;
	(void)code;
}

static const struct at_http2_sink requests = {request_block, request_data, request_end,
					      request_reset, request_goaway};

/* ---- responses ---- */

/* Bytes of the answer of x go by. */
static void go_on(struct at_talk *t, struct at_exchange *x, uint64_t wire)
{
	if (!x->answering && !is_server(t))
		x->first_byte = at_clock_now();
	x->answering = true;
	x->response_wire += wire;
	if (is_server(t))
		at_causality_touch(x);
	else
		answered(t, x);
}

static void response_block(void *ctx, const struct at_http2_block *b)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = find(t, b->stream);
	if (!x || !b->m)
		return;
	go_on(t, x, b->wire);
	if (b->m->status >= 200 && !x->status) {
		x->status = b->m->status;
		if (x->recording && !x->silent)
			at_describe_response(x, b->m);
		/* What follows is another protocol's (RFC 9113, 8.5; RFC 8441). */
		if (x->method == AT_METHOD_CONNECT && x->status / 100 == 2) {
			finish(x);
			return;
		}
	}
	if (b->ends)
		finish(x);
}

static void response_data(void *ctx, uint32_t stream, const char *bytes, size_t n, uint64_t wire)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = find(t, stream);
	(void)bytes;
	if (!x)
		return;
	x->response_body += n;
	go_on(t, x, wire);
}

static void response_end(void *ctx, uint32_t stream)
{
	struct at_exchange *x = find(ctx, stream);
	if (x)
		finish(x);
}

static void response_reset(void *ctx, uint32_t stream, uint32_t code)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = find(t, stream);
	if (x)
		reset(t, x, code, !is_server(t));
}

/* What it leaves out was not worked on, whatever the reason to go (RFC 9113, 6.8). */
static void response_goaway(void *ctx, uint32_t last, uint32_t code)
{
	struct at_talk *t = ctx;
	const char *name = at_http2_error_name(code ? code : 7);
	struct at_exchange *x = t->first;
	if (last < t->http2->refused_above)
		t->http2->refused_above = last;
	while (x) {
		struct at_exchange *next = x->next;
		if (x->stream > last) {
			if (!is_server(t))
				answered(t, x);
			at_exchange_close(x, name);
		}
		x = next;
	}
}

static const struct at_http2_sink responses = {response_block, response_data, response_end,
					       response_reset, response_goaway};

/* ---- bytes ---- */

static void stopped(struct at_talk *t, const struct at_http2 *h)
{
	static const uint8_t counter[] = {
		[AT_HTTP2_STOP_NOT_HTTP2] = AT_COUNT_conns_opaque,
		[AT_HTTP2_STOP_MALFORMED] = AT_COUNT_conns_malformed,
		[AT_HTTP2_STOP_OVER_CAP] = AT_COUNT_conns_over_cap,
	};
	at_counter_add((enum at_counter)counter[h->stop], 1);
	at_story_over(t->fd, counter[h->stop]);
	at_talk_over(t->conn);
}

static void feed(struct at_talk *t, struct at_http2 *h, const struct at_http2_sink *sink,
		 const char *bytes, size_t n)
{
	if (t->over)
		return;
	bool on = bytes ? at_http2_feed(h, bytes, n, sink, t) : at_http2_skip(h, n, sink, t);
	if (on && t->http2->request.begun)
		at_talk_counted(t, AT_COUNT_conns_http2, "HTTP/2");
	t->over = !on;
	if (!on)
		stopped(t, h);
}

static void in(struct at_talk *t, const char *bytes, size_t n)
{
	struct at_conn *c = t->conn;
	struct at_talk_http2 *h = t->http2;
	begin_read(h);
	if (!is_server(t)) {
		if (!at_bridge_reads())
			at_bridge_event_over();
		feed(t, &h->response, &responses, bytes, n);
	} else {
		feed(t, &h->request, &requests, bytes, n);
	}
	if (!c->talk)
		return;
	if (c->role == AT_CONN_SERVER) {
		bool one = h->read_some && !h->read_several && at_exchange_valid(h->present);
		at_bridge_read(c, one ? h->present.exchange : NULL);
	}
	if (h->read_several)
		at_causality_several();
	else if (!h->read_some)
		at_causality_strange(c);
}

static void out(struct at_talk *t, const char *bytes, size_t n)
{
	struct at_talk_http2 *h = t->http2;
	if (is_server(t))
		feed(t, &h->response, &responses, bytes, n);
	else
		feed(t, &h->request, &requests, bytes, n);
}

static void response_over(struct at_talk *t)
{
	(void)t;
}

/* ---- the talk ---- */

static void init(struct at_talk *t)
{
	t->http2 = at_pool_get(sizeof(*t->http2), NULL);
	if (!t->http2)
		return;
	memset(t->http2, 0, sizeof(*t->http2));
	at_http2_init(&t->http2->request, AT_WIRE_REQUEST);
	at_http2_init(&t->http2->response, AT_WIRE_RESPONSE);
	t->http2->refused_above = UINT32_MAX;
	t->http2->request.have = t->preface;
	t->protocol = &at_protocol_http2;
}

bool at_talk_http2_begin(struct at_talk *t)
{
	init(t);
	return t->http2 != NULL;
}

bool at_talk_http2_upgrade(struct at_talk *t, struct at_exchange *x)
{
	at_http1_free(&t->http1.request);
	at_http1_free(&t->http1.response);
	t->counted = false;
	if (!at_talk_http2_begin(t))
		return false;
	x->stream = 1;
	t->http2->last = 1;
	if (at_streams_add(&t->http2->streams, x))
		return true;
	x->stream = 0;
	return false;
}

static void removed(struct at_talk *t, struct at_exchange *x)
{
	at_streams_remove(&t->http2->streams, x);
}

static void give_back(struct at_talk *t)
{
	at_http2_free(&t->http2->request);
	at_http2_free(&t->http2->response);
	at_streams_free(&t->http2->streams);
	at_pool_put(t->http2);
	t->http2 = NULL;
}

const struct at_protocol at_protocol_http2 = {
	.init = init,
	.in = in,
	.out = out,
	.response_over = response_over,
	.unread = at_inject_http2_unread,
	.look = at_inject_http2_look,
	.removed = removed,
	.free = give_back,
	.multiplexes = true,
};
