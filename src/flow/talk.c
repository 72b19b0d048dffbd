/*
 * Conversations. Fed by the shore with bytes in stream order, feeds the protocol that is spoken.
 * Owns the talk objects and the row of exchanges. Not its job: what the bytes mean.
 */
#include "flow/talk.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/counter.h"
#include "base/fault.h"
#include "base/pool.h"
#include "base/slab.h"
#include "flow/boot.h"
#include "flow/causality.h"
#include "flow/client.h"
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
		t->protocol = &at_protocol_unknown;
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
	if (t->protocol->removed)
		t->protocol->removed(t, x);
	if (x->announced) {
		t->announced--;
		t->early++;
	}
	t->count--;
}

/* ---- bytes ---- */

/* Why an exchange that nobody will finish ended; NULL: no failure. */
static const char *abandoned(const struct at_conn *c, const struct at_exchange *x)
{
	if (at_exchange_is_passed(x))
		return NULL;
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

struct at_exchange *at_talk_only(const struct at_talk *t)
{
	bool several = t && t->protocol->multiplexes && t->first != t->last;
	return t && !several ? t->first : NULL;
}

void at_talk_resume(const struct at_talk *t)
{
	const struct at_exchange *x = at_talk_only(t);
	if (x)
		at_causality_resume(x);
	else if (t && t->first)
		at_causality_several();
}

/* A call that failed, or was given up, may be made anew at once. */
static void give_back(const struct at_talk *t)
{
	at_talk_resume(t);
	if (t->first)
		at_causality_given_up();
}

static void talk_free(struct at_talk *t)
{
	t->protocol->free(t);
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

unsigned at_talk_guess(struct at_str first)
{
	bool tls = first.n && first.p[0] == '\x16' && (first.n < 2 || first.p[1] == '\x03');
	return tls ? AT_COUNT_conns_tls : AT_COUNT_conns_opaque;
}

void at_talk_counted(struct at_talk *t, unsigned counter, const char *protocol)
{
	if (t->counted)
		return;
	t->counted = true;
	AT_STORY(t->fd, "%s, as %s", protocol,
		 t->conn->role == AT_CONN_SERVER ? "server" : "client");
	at_counter_add((enum at_counter)counter, 1);
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
	if (is_lost(c, fd)) {
		at_causality_strange(c);
		return;
	}
	struct at_talk *t = at_talk_of(c, fd);
	if (!t) {
		c->over = true;
		at_causality_strange(c);
		return;
	}
	c->again = false;
	c->in_vain = false;
	c->connecting = false;
	if (c->role == AT_CONN_UNDECIDED)
		c->role = AT_CONN_SERVER;
	t->protocol->in(t, bytes, n);
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
		c->role = t->protocol->answers && t->protocol->answers(bytes, n) ? AT_CONN_SERVER
										 : AT_CONN_CLIENT;
	t->protocol->out(t, bytes, n);
	if (c->over && at_conn_is_watched(c))
		at_causality_spoke();
}

void at_talk_eof(struct at_conn *c, int fd)
{
	struct at_talk *t = c->talk;
	c->eof = true;
	if (c->role == AT_CONN_SERVER) {
		at_causality_left();
		at_causality_hung_up(at_talk_only(t));
	}
	if (!t || c->role != AT_CONN_CLIENT)
		return;
	t->fd = fd;
	give_back(t);
	t->protocol->response_over(t);
	close_row(t, true);
}

void at_talk_failed(struct at_conn *c, int fd, int error)
{
	struct at_talk *t = c->talk;
	c->error = error;
	if (c->role == AT_CONN_SERVER)
		at_causality_hung_up(at_talk_only(t));
	if (!t)
		return;
	t->fd = fd;
	if (c->role == AT_CONN_CLIENT)
		give_back(t);
	close_row(t, true);
}

void at_talk_broken(struct at_conn *c, int fd, const char *why)
{
	struct at_talk *t = c->talk;
	if (!t)
		return;
	t->fd = fd;
	if (c->role == AT_CONN_CLIENT)
		at_talk_resume(t);
	while (t->first && t->first->named)
		at_exchange_close(t->first, why);
	at_talk_over(c);
}

void at_talk_passed(struct at_conn *c)
{
	const struct at_talk *t = c->talk;
	for (struct at_exchange *x = t ? t->first : NULL; x; x = x->next)
		at_exchange_pass(at_exchange_ref(x));
}

void at_talk_probed(struct at_conn *c)
{
	const struct at_talk *t = c->talk;
	if (c->role != AT_CONN_CLIENT || c->told || (t && t->first))
		return;
	struct at_ref by = at_causality_lends();
	c->pooled = true;
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
	t->protocol->response_over(t);
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
		t->protocol->response_over(t);
	if (c->role == AT_CONN_SERVER && t->first && !at_exchange_is_passed(t->first))
		c->eof = c->eof || has_hung_up(fd);
	if (c->role == AT_CONN_CLIENT)
		give_back(t);
	if (c->again && (at_sys(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK))
		c->again = false;
	close_row(t, true);
	talk_free(t);
}
