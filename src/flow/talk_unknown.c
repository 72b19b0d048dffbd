/*
 * A connection whose first bytes have not told what is spoken. HTTP/2's preface begins like no
 * request, and SETTINGS, with which a server may begin before it has read that, like no answer;
 * whatever else it is, HTTP/1's engine says whether it is that. Fed by talk.c; hands the talk on
 * with the first bytes that decide. Called under the connection's lock.
 */
#include "base/counter.h"
#include "flow/talk_http2.h"

/* Bytes of the preface that no other protocol begins with. */
#define TELLING 14

/* Goes on as HTTP/1, from the first byte. */
static void be_http1(struct at_talk *t)
{
	uint8_t n = t->preface;
	t->preface = 0;
	t->protocol = &at_protocol_http1;
	t->protocol->init(t);
	if (n && t->conn->role == AT_CONN_SERVER)
		t->protocol->in(t, AT_HTTP2_PREFACE, n);
	else if (n)
		t->protocol->out(t, AT_HTTP2_PREFACE, n);
}

static void be_http2(struct at_talk *t)
{
	if (!at_talk_http2_begin(t))
		at_talk_over(t->conn);
}

/* Bytes of requests: decides when they tell. False: they do not yet. */
static bool requests_decide(struct at_talk *t, const char *bytes, size_t n)
{
	size_t fit = bytes ? at_http2_preface(t->preface, bytes, n) : 0;
	if (t->preface + fit >= TELLING)
		be_http2(t);
	else if (fit < n || !n)
		be_http1(t);
	else
		return false;
	return true;
}

static void responses_decide(struct at_talk *t, const char *bytes, size_t n)
{
	if (bytes && n && at_http2_looks_like_settings(bytes, n))
		be_http2(t);
	else
		be_http1(t);
}

/* A server that others have accepted for it answers; one of HTTP/2 may speak first. */
static bool answers(const char *bytes, size_t n)
{
	return at_protocol_http1.answers(bytes, n) ||
	       (bytes && n >= AT_HTTP2_FRAME_HEAD && at_http2_looks_like_settings(bytes, n));
}

/* More of a preface that is not told from a request yet. */
static void wait(struct at_talk *t, size_t n)
{
	t->preface = (uint8_t)(t->preface + n);
}

static void in(struct at_talk *t, const char *bytes, size_t n)
{
	struct at_conn *c = t->conn;
	if (c->role == AT_CONN_CLIENT)
		responses_decide(t, bytes, n);
	else if (!requests_decide(t, bytes, n))
		wait(t, n);
	t = c->talk;
	if (t && t->protocol != &at_protocol_unknown)
		t->protocol->in(t, bytes, n);
}

static void out(struct at_talk *t, const char *bytes, size_t n)
{
	struct at_conn *c = t->conn;
	if (c->role != AT_CONN_CLIENT)
		responses_decide(t, bytes, n);
	else if (!requests_decide(t, bytes, n))
		wait(t, n);
	t = c->talk;
	if (t && t->protocol != &at_protocol_unknown)
		t->protocol->out(t, bytes, n);
}

static void look(struct at_talk *t, struct at_edits **edits, const char *data, size_t n)
{
	struct at_conn *c = t->conn;
	bool asks = c->role == AT_CONN_CLIENT || !at_http2_looks_like_settings(data, n);
	/* A ClientHello says nothing about what will be spoken inside. */
	if (!n || !asks || at_talk_guess(at_str(data, n)) == AT_COUNT_conns_tls ||
	    !requests_decide(t, data, n))
		return;
	t = c->talk;
	if (t)
		t->protocol->look(t, edits, data, n);
}

static uint64_t unread(const struct at_talk *t)
{
	(void)t;
	return 0;
}

static void nothing(struct at_talk *t)
{
	(void)t;
}

const struct at_protocol at_protocol_unknown = {
	.init = nothing,
	.in = in,
	.out = out,
	.answers = answers,
	.response_over = nothing,
	.unread = unread,
	.look = look,
	.free = nothing,
};
