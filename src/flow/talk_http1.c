/*
 * HTTP/1 on a connection: an engine for each direction, answers belong to the oldest request. Fed
 * by talk.c; its engines' callbacks lead to server.c and client.c. Called under the connection's
 * lock. Not its job: changing heads (inject_http1.c).
 */
#include "base/clock.h"
#include "base/counter.h"
#include "flow/boot.h"
#include "flow/bridge.h"
#include "flow/causality.h"
#include "flow/client.h"
#include "flow/describe.h"
#include "flow/inject.h"
#include "flow/secure.h"
#include "flow/server.h"
#include "flow/story.h"
#include "flow/talk_http2.h"

static void init(struct at_talk *t)
{
	at_http1_init(&t->http1.request, AT_WIRE_REQUEST);
	at_http1_init(&t->http1.response, AT_WIRE_RESPONSE);
}

/* ---- requests ---- */

static void request_end(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = t->asking;
	t->asking = NULL;
	if (!x)
		return;
	x->asked = true;
	x->request_body = body_bytes;
	x->request_wire = wire_bytes;
}

/* Whether a head asks for, or grants, going on in HTTP/2 (RFC 7540, 3.2). */
static bool asks_for_http2(const struct at_message *m)
{
	struct at_str list = m->field[AT_FIELD_upgrade].value;
	while (list.n)
		if (at_str_eq_nocase(at_str_trim(at_str_cut(&list, ',')), AT_STR("h2c")))
			return true;
	return false;
}

static void server_begin(void *ctx)
{
	struct at_talk *t = ctx;
	t->asking = at_exchange_open(t, AT_SPAN_SERVER);
}

static enum at_http1_then server_head(void *ctx, const struct at_message *m)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = t->asking;
	if (!x)
		return AT_HTTP1_THEN_STOP;
	at_server_identify(t, x, m);
	x->upgrades = asks_for_http2(m);
	return AT_HTTP1_THEN_BODY;
}

static const struct at_http1_sink server_requests = {server_begin, server_head, request_end};

static struct at_exchange *first_announced(const struct at_talk *t)
{
	struct at_exchange *x = t->announced ? t->first : NULL;
	while (x && !x->announced)
		x = x->next;
	return x;
}

static void client_begin(void *ctx)
{
	struct at_talk *t = ctx;
	t->asking = first_announced(t);
	if (!t->asking && !t->early)
		t->asking = at_exchange_open(t, AT_SPAN_CLIENT);
}

static enum at_http1_then client_head(void *ctx, const struct at_message *m)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = t->asking;
	if (!x && t->early) {
		t->early--;
		return AT_HTTP1_THEN_BODY;
	}
	if (!x)
		return AT_HTTP1_THEN_STOP;
	if (x->announced) {
		x->announced = false;
		t->announced--;
	} else {
		at_client_identify(t, x, m);
	}
	x->upgrades = asks_for_http2(m);
	at_client_left(x);
	return AT_HTTP1_THEN_BODY;
}

static const struct at_http1_sink client_requests = {client_begin, client_head, request_end};

/* ---- responses: the same for both roles ---- */

static void response_begin(void *ctx)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = t->first;
	if (!x)
		return;
	x->answering = true;
	if (x->kind == AT_SPAN_CLIENT)
		x->first_byte = at_clock_now();
}

static enum at_http1_then response_head(void *ctx, const struct at_message *m)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = t->first;
	if (!x || !x->named)
		return AT_HTTP1_THEN_STOP;
	if (m->status < 200 && m->status != 101)
		return AT_HTTP1_THEN_BODY;
	if (m->status == 101 && x->upgrades && x->asked && x == t->last && asks_for_http2(m)) {
		t->turns = true;
		return AT_HTTP1_THEN_STOP;
	}
	x->status = m->status;
	if (x->recording && !x->silent)
		at_describe_response(x, m);
	if (m->status == 101 || (x->method == AT_METHOD_CONNECT && m->status / 100 == 2))
		return AT_HTTP1_THEN_TUNNEL;
	return x->method == AT_METHOD_HEAD ? AT_HTTP1_THEN_NO_BODY : AT_HTTP1_THEN_BODY;
}

static void response_end(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	struct at_talk *t = ctx;
	struct at_exchange *x = t->first;
	if (!x)
		return;
	x->response_body = body_bytes;
	x->response_wire = wire_bytes;
	if (x->kind == AT_SPAN_CLIENT) {
		at_causality_resume(x);
		t->conn->owner = NULL;
		t->conn->told = false;
		t->conn->pooled = false;
	}
	at_exchange_close(x, NULL);
}

static const struct at_http1_sink responses = {response_begin, response_head, response_end};

/* ---- bytes ---- */

/* The engine has ended the observation at these bytes: counts why. */
static void stopped(struct at_talk *t, const struct at_http1 *h, struct at_str bytes)
{
	static const uint8_t counter[] = {
		[AT_HTTP1_STOP_MALFORMED] = AT_COUNT_conns_malformed,
		[AT_HTTP1_STOP_OVER_CAP] = AT_COUNT_conns_over_cap,
		[AT_HTTP1_STOP_TUNNEL] = AT_COUNT_conns_tunnel,
		[AT_HTTP1_STOP_ASKED] = AT_COUNT_conns_opaque,
	};
	unsigned what = h->stop == AT_HTTP1_STOP_NOT_HTTP ? at_talk_guess(bytes) : counter[h->stop];
	if (h->stop != AT_HTTP1_STOP_NONE) {
		at_counter_add((enum at_counter)what, 1);
		at_story_over(t->fd, what);
	}
	struct at_conn *c = t->conn;
	at_talk_over(c);
	if (what == AT_COUNT_conns_tunnel)
		at_secure_tunnel(c);
}

/* The rest of what came with the answer that grants it is HTTP/2. */
static void turn(struct at_talk *t, const char *bytes, size_t n)
{
	t->turns = false;
	if (!at_talk_http2_upgrade(t, t->first)) {
		at_talk_over(t->conn);
		return;
	}
	if (n && t->conn->role == AT_CONN_CLIENT)
		t->protocol->in(t, bytes, n);
	else if (n)
		t->protocol->out(t, bytes, n);
}

static void feed(struct at_talk *t, struct at_http1 *h, const struct at_http1_sink *sink,
		 const char *bytes, size_t n)
{
	bool on = bytes ? at_http1_feed(h, bytes, n, sink, t) : at_http1_skip(h, n, sink, t);
	if (!on && t->turns)
		turn(t, bytes + n - h->left, (size_t)h->left);
	else if (!on)
		stopped(t, h, at_str(bytes, bytes ? n : 0));
}

static void count_http1(struct at_talk *t)
{
	if (t->counted || !t->first || !t->first->named)
		return;
	at_talk_counted(
		t, t->conn->role == AT_CONN_SERVER ? AT_COUNT_conns_server : AT_COUNT_conns_client,
		"HTTP/1");
}

static void in(struct at_talk *t, const char *bytes, size_t n)
{
	struct at_conn *c = t->conn;
	if (c->role == AT_CONN_CLIENT) {
		if (!at_bridge_reads())
			at_bridge_event_over();
		if (t->first) {
			at_causality_resume(t->first);
			at_exchange_keep(t->first);
		} else {
			at_causality_strange(c);
		}
		feed(t, &t->http1.response, &responses, bytes, n);
		return;
	}
	if (t->http1.strange) { /* pipelined, or the answer had no body where it announced one */
		at_count(conns_lost_sync, 1);
		at_talk_over(c);
		return;
	}
	feed(t, &t->http1.request, &server_requests, bytes, n);
	bool asked = c->talk && t->first;
	at_bridge_read(c, asked ? t->first : NULL);
	if (asked) {
		count_http1(t);
		at_causality_serve(t->first);
	} else {
		at_causality_strange(c);
	}
}

static bool answers(const char *bytes, size_t n)
{
	static const struct at_str version = {"HTTP/1.", 7};
	return bytes && at_str_eq(at_str_head(at_str(bytes, n), version.n), version);
}

/* The request was read by others, who have passed the connection on and have its span. What it was
 * cannot be known; what comes after it is ours. */
static void take_over(struct at_talk *t)
{
	struct at_exchange *x = at_exchange_open(t, AT_SPAN_SERVER);
	if (!x)
		return;
	x->silent = true;
	x->asked = true;
	at_exchange_name(x);
	t->http1.strange = true;
}

static void out(struct at_talk *t, const char *bytes, size_t n)
{
	struct at_conn *c = t->conn;
	if (c->role == AT_CONN_CLIENT) {
		feed(t, &t->http1.request, &client_requests, bytes, n);
		if (c->talk)
			count_http1(t);
		return;
	}
	if (!t->first && !t->counted && answers(bytes, n))
		take_over(t);
	if (t->http1.strange) {
		feed(t, &t->http1.response, &responses, bytes, n);
		if (c->talk)
			t->http1.strange = t->first != NULL;
		return;
	}
	struct at_exchange *answered = t->first;
	if (answered && !answered->answering)
		at_causality_answer(answered);
	if (answered)
		at_exchange_keep(answered);
	at_causality_touch(answered);
	feed(t, &t->http1.response, &responses, bytes, n);
	if (answered && c->talk && t->first != answered)
		at_causality_answered();
	/* A server goes on with the next pipelined request without reading again. */
	if (c->talk && t->first && t->first != answered && t->first->named)
		at_causality_serve(t->first);
}

static void response_over(struct at_talk *t)
{
	at_http1_eof(&t->http1.response, &responses, t);
}

static void give_back(struct at_talk *t)
{
	at_http1_free(&t->http1.request);
	at_http1_free(&t->http1.response);
}

const struct at_protocol at_protocol_http1 = {
	.init = init,
	.in = in,
	.out = out,
	.answers = answers,
	.response_over = response_over,
	.unread = at_inject_http1_unread,
	.look = at_inject_http1_look,
	.free = give_back,
};
