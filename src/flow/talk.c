/*
 * Conversations. Fed by the shore with bytes in stream order, feeds the engines of wire/ whose
 * callbacks lead to server.c and client.c. Owns the talk objects. Not its job: what messages mean.
 */
#include "flow/talk.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/fault.h"
#include "base/pool.h"
#include "base/slab.h"
#include "flow/boot.h"
#include "flow/bridge.h"
#include "flow/causality.h"
#include "flow/client.h"
#include "flow/describe.h"
#include "flow/server.h"
#include "flow/story.h"
#include "libc/sys.h"

static struct at_slab talks = AT_SLAB_INIT(sizeof(struct at_talk));

struct at_talk *at_talk_of(struct at_conn *c, int fd)
{
	struct at_talk *t = c->talk;
	if (!t) {
		t = at_slab_get(&talks);
		if (!t)
			return NULL;
		memset((char *)t + sizeof(t->slab), 0, sizeof(*t) - sizeof(t->slab));
		at_http1_init(&t->request, AT_WIRE_REQUEST);
		at_http1_init(&t->response, AT_WIRE_RESPONSE);
		t->conn = c;
		c->talk = t;
	}
	t->fd = fd;
	return t;
}

void at_talk_push(struct at_talk *t, struct at_exchange *x)
{
	if (t->last)
		t->last->next = x;
	else
		t->first = x;
	t->last = x;
	t->count++;
}

void at_talk_remove(struct at_talk *t, struct at_exchange *x)
{
	struct at_exchange *before = NULL, *i = t->first;
	for (; i && i != x; i = i->next)
		before = i;
	if (!i) {
		at_fault(AT_FAULT_row);
		return;
	}
	if (before)
		before->next = x->next;
	else
		t->first = x->next;
	if (t->last == x)
		t->last = before;
	if (t->asking == x)
		t->asking = NULL;
	if (x->announced) {
		t->announced--;
		t->early++;
	}
	t->count--;
}

void at_talk_asked(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
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
	}
	at_exchange_close(x, NULL);
}

static const struct at_http1_sink responses = {response_begin, response_head, response_end};

/* ---- bytes ---- */

/* Why an exchange that nobody will finish ended; NULL: no failure. */
static const char *abandoned(const struct at_conn *c, const struct at_exchange *x)
{
	if (c->error)
		return at_client_error_name(c->error);
	if (x->kind == AT_SPAN_SERVER)
		return c->eof ? "client_disconnected" : "connection_closed";
	if (c->eof)
		return "connection_closed";
	if (x->status)
		return NULL;
	return c->again || c->in_vain ? "timeout" : "abandoned";
}

static void close_row(struct at_talk *t, bool failed)
{
	while (t->first) {
		struct at_exchange *x = t->first;
		if (x->named)
			at_exchange_close(x, failed ? abandoned(t->conn, x) : NULL);
		else
			at_exchange_drop(x);
	}
}

static void talk_free(struct at_talk *t)
{
	at_http1_free(&t->request);
	at_http1_free(&t->response);
	at_buf_free(&t->tail);
	at_buf_free(&t->overlay);
	at_pool_put(t->spare);
	at_repeat_free(&t->repeat);
	t->conn->talk = NULL;
	at_slab_put(t);
}

void at_talk_over(struct at_conn *c)
{
	struct at_talk *t = c->talk;
	if (!t) {
		c->over = true;
		return;
	}
	close_row(t, false);
	/* Bytes of ours that the kernel has not taken must still leave before the application's
	 * next ones: until then the connection stays known. */
	if (t->tail.n || t->overlay.n)
		return;
	talk_free(t);
	c->over = true;
}

/* What speaks, by the first bytes of a stream that is no HTTP/1. */
static enum at_counter guess(struct at_str first)
{
	static const struct {
		struct at_str begin; /* of the stream, as far as it is there */
		enum at_counter counter;
	} rows[] = {
		{{"\x16\x03", 2}, AT_COUNT_conns_tls},
		{{"PRI * HTTP/2.0\r\n", 16}, AT_COUNT_conns_http2},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (first.n && at_str_eq(at_str_head(first, rows[i].begin.n),
					 at_str_head(rows[i].begin, first.n)))
			return rows[i].counter;
	return AT_COUNT_conns_opaque;
}

/* The engine has ended the observation at these bytes: counts why. */
static void stopped(struct at_talk *t, const struct at_http1 *h, struct at_str bytes)
{
	static const uint8_t counter[] = {
		[AT_HTTP1_STOP_MALFORMED] = AT_COUNT_conns_malformed,
		[AT_HTTP1_STOP_OVER_CAP] = AT_COUNT_conns_over_cap,
		[AT_HTTP1_STOP_TUNNEL] = AT_COUNT_conns_tunnel,
		[AT_HTTP1_STOP_ASKED] = AT_COUNT_conns_opaque,
	};
	enum at_counter what = h->stop == AT_HTTP1_STOP_NOT_HTTP
				       ? guess(bytes)
				       : (enum at_counter)counter[h->stop];
	if (h->stop != AT_HTTP1_STOP_NONE) {
		at_counter_add(what, 1);
		at_story_over(t->fd, what);
	}
	at_talk_over(t->conn);
}

static void feed(struct at_talk *t, struct at_http1 *h, const struct at_http1_sink *sink,
		 const char *bytes, size_t n)
{
	bool on = bytes ? at_http1_feed(h, bytes, n, sink, t) : at_http1_skip(h, n, sink, t);
	if (!on)
		stopped(t, h, at_str(bytes, bytes ? n : 0));
}

static void count_http1(struct at_talk *t)
{
	if (t->counted || !t->first || !t->first->named)
		return;
	t->counted = true;
	AT_STORY(t->fd, "HTTP/1, as %s", t->conn->role == AT_CONN_SERVER ? "server" : "client");
	at_counter_add(
		t->conn->role == AT_CONN_SERVER ? AT_COUNT_conns_server : AT_COUNT_conns_client, 1);
	at_boot_complain();
}

/* Bytes went by unseen: what follows cannot be told from the middle of something. */
static bool is_lost(struct at_conn *c, int fd)
{
	if (!at_conn_is_lost(c))
		return false;
	at_story_over(fd, AT_COUNT_conns_lost_sync);
	at_talk_over(c);
	return true;
}

void at_talk_in(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	if (is_lost(c, fd))
		return;
	struct at_talk *t = at_talk_of(c, fd);
	if (!t) {
		c->over = true;
		return;
	}
	c->again = false;
	c->in_vain = false;
	c->connecting = false;
	if (c->role == AT_CONN_UNDECIDED)
		c->role = AT_CONN_SERVER;
	if (c->role == AT_CONN_CLIENT) {
		if (!at_bridge_reads())
			at_bridge_event_over();
		if (t->first)
			at_causality_resume(t->first);
		feed(t, &t->response, &responses, bytes, n);
		return;
	}
	feed(t, &t->request, &at_server_requests, bytes, n);
	bool asked = c->talk && t->first;
	at_bridge_read(c, asked ? t->first : NULL);
	if (asked) {
		count_http1(t);
		at_causality_serve(t->first);
	}
}

void at_talk_out(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	if (is_lost(c, fd))
		return;
	struct at_talk *t = at_talk_of(c, fd);
	if (!t) {
		c->over = true;
		return;
	}
	c->in_vain = false;
	c->connecting = false;
	if (c->role == AT_CONN_UNDECIDED)
		c->role = AT_CONN_CLIENT;
	if (c->role == AT_CONN_CLIENT) {
		feed(t, &t->request, &at_client_requests, bytes, n);
		if (c->talk)
			count_http1(t);
		return;
	}
	struct at_exchange *answered = t->first;
	if (answered && !answered->answering)
		at_causality_answer(answered);
	at_causality_touch(answered);
	feed(t, &t->response, &responses, bytes, n);
	if (answered && c->talk && t->first != answered)
		at_causality_answered();
	/* A server goes on with the next pipelined request without reading again. */
	if (c->talk && t->first && t->first != answered && t->first->named)
		at_causality_serve(t->first);
}

void at_talk_eof(struct at_conn *c, int fd)
{
	struct at_talk *t = c->talk;
	c->eof = true;
	if (c->role == AT_CONN_SERVER)
		at_causality_left();
	if (!t || c->role != AT_CONN_CLIENT)
		return;
	t->fd = fd;
	if (t->first)
		at_causality_resume(t->first);
	at_http1_eof(&t->response, &responses, t);
	close_row(t, true);
}

void at_talk_failed(struct at_conn *c, int fd, int error)
{
	struct at_talk *t = c->talk;
	c->error = error;
	if (!t)
		return;
	t->fd = fd;
	if (c->role == AT_CONN_CLIENT && t->first)
		at_causality_resume(t->first);
	close_row(t, true);
}

void at_talk_probed(struct at_conn *c)
{
	const struct at_talk *t = c->talk;
	struct at_ref by = at_causality_lends();
	if (c->role != AT_CONN_CLIENT || c->told || (t && t->first) || !by.exchange)
		return;
	c->owner = by.exchange;
	c->owner_generation = by.generation;
	c->blind = false;
}

void at_talk_half_closed(struct at_conn *c, int fd)
{
	struct at_talk *t = c->talk;
	if (!t || c->role != AT_CONN_SERVER)
		return;
	t->fd = fd;
	at_http1_eof(&t->response, &responses, t);
}

/* Whether the peer has left, which a program that waits by events can know without a read. */
static bool has_hung_up(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLRDHUP};
	struct timespec now = {0};
	return at_sys6(SYS_ppoll, (long)&look, 1, (long)&now, 0, 0, 0) == 1 &&
	       (look.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

void at_talk_gone(struct at_conn *c, int fd)
{
	struct at_talk *t = c->talk;
	if (c->role == AT_CONN_SERVER)
		at_causality_left();
	if (!t)
		return;
	AT_STORY(fd, "closed");
	t->fd = fd;
	if (c->role == AT_CONN_SERVER)
		at_http1_eof(&t->response, &responses, t);
	if (c->role == AT_CONN_SERVER && t->first)
		c->eof = c->eof || has_hung_up(fd);
	if (c->role == AT_CONN_CLIENT && t->first)
		at_causality_resume(t->first);
	if (c->again && (at_sys(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK))
		c->again = false;
	close_row(t, true);
	talk_free(t);
}
