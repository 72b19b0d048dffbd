/*
 * The life of descriptors as the hooks tell it. See shore.h; bytes are shore_bytes.c's, waits and
 * threads shore_wait.c's.
 */
#include "flow/shore.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"
#include "flow/boot.h"
#include "flow/bridge.h"
#include "flow/causality.h"
#include "flow/client.h"
#include "flow/story.h"
#include "flow/talk.h"

void at_shore_unseen(int fd)
{
	at_conn_lose(fd);
}

uint64_t at_shore_now(void)
{
	return at_clock_now();
}

/* Finishes what is on a connection whose last descriptor goes. */
static void forget(int fd, uintptr_t word)
{
	if (at_fdmap_get(fd) >= AT_FD_TAGS && at_process_is_guest())
		return;
	struct at_conn *c = at_conn_detach(fd, word);
	if (!c)
		return;
	if (c->connecting && !c->talk) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &len) != 0)
			at_client_connect_failed(&c->peer, 0, c->began, at_causality_claim(c));
	}
	at_talk_gone(c, fd);
	at_conn_free(c);
}

void at_shore_born(int fd)
{
	int saved = errno;
	at_thread_enter();
	forget(fd, AT_FD_UNKNOWN);
	at_boot_leave(saved);
}

void at_shore_socket(int fd, int domain, int type)
{
	bool stream = (type & 0xf) == SOCK_STREAM &&
		      (domain == AF_INET || domain == AF_INET6 || domain == AF_UNIX);
	int saved = errno;
	at_thread_enter();
	forget(fd, stream ? AT_FD_FRESH : AT_FD_BORING);
	at_boot_leave(saved);
}

static bool is_fresh(uintptr_t word)
{
	return (word | AT_FD_WATCHED) == (AT_FD_FRESH | AT_FD_WATCHED);
}

void at_shore_bound(int fd)
{
	int saved = errno;
	at_thread_enter();
	uintptr_t word = at_fdmap_get(fd);
	if (is_fresh(word) || word == AT_FD_BORING)
		at_fdmap_cas(fd, &word, AT_FD_UNKNOWN);
	at_boot_leave(saved);
}

void at_shore_accepting(int fd)
{
	(void)fd;
	at_causality_wait(false, 0);
}

void at_shore_accepted(int listener, int fd)
{
	int saved = errno;
	at_thread_enter();
	forget(fd, AT_FD_UNKNOWN);
	if (at_fdmap_get(listener) == AT_FD_UNKNOWN) {
		struct at_conn *c = at_conn_lock(listener);
		if (c)
			at_conn_unlock(c);
	}
	struct at_conn *c = NULL;
	if (at_fdmap_get(listener) == AT_FD_LISTENER)
		c = at_conn_new(fd, AT_CONN_SERVER);
	if (c) {
		if (at_log_on(AT_LOG_DEBUG))
			at_story_peer(fd, c, "accepted from");
		at_bridge_accept(c);
		at_conn_unlock(c);
	}
	at_boot_leave(saved);
}

/* The connection that connect() is about: there already (a second call), or made for it. */
static struct at_conn *connecting(int fd, const struct sockaddr *addr, socklen_t len)
{
	enum at_rule rule;
	struct at_conn *c = at_conn_lock(fd);
	uintptr_t word = at_fdmap_get(fd);
	if (c || (!is_fresh(word) && word != AT_FD_UNKNOWN))
		return c;
	c = at_conn_new(fd, AT_CONN_CLIENT);
	if (!c)
		return NULL;
	struct at_ref current =
		at_bridge_is_on() ? at_bridge_opener() : at_causality_current(&rule);
	at_endpoint_set(&c->peer, addr, len);
	c->peer_known = true;
	at_causality_touch(current.exchange);
	c->blind = at_causality_blind();
	c->owner = current.exchange;
	c->owner_generation = current.generation;
	return c;
}

/* Whether connect() came as far as to read the address: only then may we. */
static bool was_read(int rc, int error)
{
	return rc == 0 ||
	       (error != EFAULT && error != EBADF && error != ENOTSOCK && error != EINVAL);
}

static bool is_stream(const struct sockaddr *addr, socklen_t len)
{
	return addr && len >= sizeof(addr->sa_family) &&
	       (addr->sa_family == AF_INET || addr->sa_family == AF_INET6 ||
		addr->sa_family == AF_UNIX);
}

void at_shore_connected(int fd, const struct sockaddr *addr, socklen_t len, int rc, int error,
			uint64_t began)
{
	int saved = errno;
	at_thread_enter();
	bool of_interest = was_read(rc, error) && is_stream(addr, len);
	struct at_conn *c = of_interest ? connecting(fd, addr, len) : NULL;
	if (c) {
		if (!c->began)
			c->began = began;
		c->role = AT_CONN_CLIENT;
		c->connecting = rc != 0 && (error == EINPROGRESS || error == EALREADY ||
					    error == EINTR || (error == EAGAIN && c->connecting));
		if (rc != 0 && !c->connecting && error != EISCONN && error != EAGAIN) {
			at_client_connect_failed(&c->peer, error, c->began, at_causality_claim(c));
			c->over = true;
			c->began = 0;
		}
		bool failed = c->over, watched = at_conn_is_watched(c);
		if (at_log_on(AT_LOG_DEBUG))
			at_story_peer(fd, c,
				      failed          ? "cannot connect to"
				      : c->connecting ? "is connecting to"
						      : "connected to");
		at_conn_leave(c, fd);
		if (failed)
			at_fdmap_swap(fd, AT_FD_FRESH | (watched ? AT_FD_WATCHED : 0));
	}
	at_boot_leave(saved);
}

void at_shore_socket_error(int fd, const void *value, socklen_t len)
{
	int saved = errno;
	int error;
	if (len != sizeof(error))
		return;
	memcpy(&error, value, sizeof(error));
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	if (c) {
		if (c->connecting && error)
			at_client_connect_failed(&c->peer, error, c->began, at_causality_claim(c));
		else if (error)
			at_talk_failed(c, fd, error);
		else if (c->connecting)
			at_causality_reached(at_causality_claim(c).owner);
		c->connecting = false;
		at_conn_leave(c, fd);
	}
	at_boot_leave(saved);
}

void at_shore_asked_about(int fd)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	const struct at_talk *t = c && c->role == AT_CONN_SERVER ? c->talk : NULL;
	if (t && t->first && t->first == t->last && t->first->named && !t->first->answering)
		at_causality_take(t->first);
	if (c)
		at_conn_leave(c, fd);
	at_boot_leave(saved);
}

/* Its number stays boring: every call that makes a socket of it again says so, and files, which are
 * opened by calls that nobody sees, need no second look. */
void at_shore_closing(int fd)
{
	int saved = errno;
	at_thread_enter();
	if (at_fdmap_is_events(at_fdmap_get(fd)))
		at_causality_elsewhere();
	forget(fd, AT_FD_BORING);
	at_boot_leave(saved);
}

void at_shore_closing_stdio(FILE *f)
{
	int saved = errno;
	int fd = fileno(f); /* EBADF for a stream that is not on a descriptor */
	errno = saved;
	if (fd >= 0)
		at_shore_closing(fd);
}

void at_shore_giving_way(int to)
{
	int saved = errno;
	if (at_fdmap_get(to) != AT_FD_OWN || !at_fdmap_is_own(to) || at_process_is_guest())
		return;
	at_thread_enter();
	at_fdmap_disown(to);
	at_boot_leave(saved);
}

static void forget_one(int fd, uintptr_t word, void *unused)
{
	(void)unused;
	if (word != AT_FD_OWN && word != AT_FD_BORING)
		forget(fd, AT_FD_BORING);
}

bool at_shore_closing_range(unsigned first, unsigned last)
{
	int saved = errno;
	at_thread_enter();
	if (!at_process_is_guest())
		at_fdmap_each(first, last, forget_one, NULL);
	at_boot_leave(saved);
	return at_fdmap_own_in(first, last) >= 0;
}

bool at_shore_next_piece(unsigned *first, unsigned last, unsigned *ret_last)
{
	for (;;) {
		int own = *first <= last ? at_fdmap_own_in(*first, last) : -1;
		if (own < 0) {
			*ret_last = last;
			return *first <= last;
		}
		if ((unsigned)own > *first) {
			*ret_last = (unsigned)own - 1;
			return true;
		}
		/* One that is ours no longer is closed like any other. */
		*ret_last = *first;
		if (!at_fdmap_is_own(own))
			return true;
		++*first;
	}
}

void at_shore_duplicated(int from, int to)
{
	int saved = errno;
	if (from == to)
		return;
	if (at_process_is_guest())
		return;
	at_thread_enter();
	forget(to, AT_FD_UNKNOWN);
	at_conn_share(from, to);
	if (to == 2)
		at_log_follow();
	at_boot_leave(saved);
}

void at_shore_shut(int fd, int how)
{
	int saved = errno;
	if (how == SHUT_RD)
		return;
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	if (c) {
		at_talk_half_closed(c, fd);
		at_conn_leave(c, fd);
	}
	at_boot_leave(saved);
}

void at_shore_stdio(int fd)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	if (c) {
		if (c->talk)
			at_count(conns_lost_sync, 1);
		at_talk_over(c);
		at_conn_leave(c, fd);
	} else if (at_fdmap_get(fd) != AT_FD_OWN) {
		at_fdmap_swap(fd, AT_FD_BORING);
	}
	at_boot_leave(saved);
}
