/*
 * Connections and the descriptors that lead to them. Fed by the flow with births, duplicates and
 * deaths of descriptors; owns the connection objects. Not its job: what is said on them.
 */
#include "conn/conn.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/counter.h"
#include "base/log.h"
#include "base/slab.h"
#include "conn/await.h"
#include "libc/sys.h"

static struct at_slab conns = AT_SLAB_INIT(sizeof(struct at_conn));

/* A connection without a descriptor, locked. */
static struct at_conn *prepare(enum at_conn_role role)
{
	struct at_conn *c = at_fault_raised() ? NULL : at_slab_get(&conns);
	if (!c || at_lock(&c->lock) == AT_LOCK_BUSY)
		return NULL;
	c->refs = 1;
	c->role = (uint8_t)role;
	c->connecting = false;
	c->peer_known = false;
	c->again = false;
	c->in_vain = false;
	c->eof = false;
	c->over = false;
	c->lost = false;
	__atomic_store_n(&c->watched, false, __ATOMIC_RELAXED);
	c->error = 0;
	c->began = 0;
	c->talk = NULL;
	c->owner = NULL;
	c->told = false;
	c->blind = false;
	c->delegates = false;
	c->way = AT_WAY_NEW;
	c->hello = 0;
	c->tls_version = 0;
	c->raw_calls = 0;
	c->fd = -1;
	c->pooled = false;
	return c;
}

struct at_conn *at_conn_new_apart(enum at_conn_role role)
{
	return prepare(role);
}

/* Whoever remembers the connection sees that it is gone. Lock held. */
static void end_life(struct at_conn *c)
{
	__atomic_store_n(&c->life, c->life + 1, __ATOMIC_RELEASE);
}

struct at_conn *at_conn_new(int fd, enum at_conn_role role)
{
	struct at_conn *c = prepare(role);
	at_counter_add(role == AT_CONN_SERVER ? AT_COUNT_conns_accepted : AT_COUNT_conns_opened, 1);
	uintptr_t old = at_fdmap_swap(fd, c ? (uintptr_t)c : AT_FD_BORING);
	if (c && old == (AT_FD_FRESH | AT_FD_WATCHED))
		__atomic_store_n(&c->watched, true, __ATOMIC_RELAXED);
	return c;
}

static long sockopt(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);
	long rc = at_sys6(SYS_getsockopt, fd, SOL_SOCKET, name, (long)&value, (long)&len, 0);
	return rc < 0 ? rc : value;
}

/* Only the type that a word can say; the peer is asked for when a span needs it. */
static uintptr_t classify(int fd)
{
	if (sockopt(fd, SO_TYPE) != SOCK_STREAM)
		return AT_FD_BORING;
	long domain = sockopt(fd, SO_DOMAIN);
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
		return AT_FD_BORING;
	if (sockopt(fd, SO_ACCEPTCONN) == 1)
		return AT_FD_LISTENER;
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	if (at_sys(SYS_getpeername, fd, (long)&addr, (long)&len) == 0)
		return AT_FD_TAGS;
	return AT_FD_FRESH;
}

static bool is_conn(uintptr_t word)
{
	return word >= AT_FD_TAGS;
}

/* Another thread of the parent process was in the middle of it when this one was forked, or a
 * thread has left it by longjmp: nobody can tell what is whole. Its talk stays unused for ever. */
static void abandon(struct at_conn *c)
{
	at_count(conns_lost_sync, 1);
	c->talk = NULL;
	c->owner = NULL;
	c->over = true;
}

void at_conn_lose(int fd)
{
	uintptr_t word = at_fdmap_get(fd);
	if (!is_conn(word))
		return;
	at_count(conns_lost_sync, 1);
	__atomic_store_n(&((struct at_conn *)word)->lost, true, __ATOMIC_RELAXED);
}

/* Nobody waits again for a lock that once could not be had: its holder may be gone for good. */
static enum at_lock_result lock(struct at_conn *c)
{
	return __atomic_load_n(&c->lost, __ATOMIC_RELAXED) ? at_lock_at_once(&c->lock)
							   : at_lock(&c->lock);
}

struct at_conn *at_conn_lock_known(int fd)
{
	for (;;) {
		uintptr_t word = at_fdmap_get(fd);
		if (!is_conn(word))
			return NULL;
		struct at_conn *c = (struct at_conn *)word;
		enum at_lock_result got = lock(c);
		if (got == AT_LOCK_BUSY) {
			at_conn_lose(fd);
			return NULL;
		}
		if (at_fdmap_get(fd) == word) {
			if (got == AT_LOCK_STALE)
				abandon(c);
			return c;
		}
		at_unlock(&c->lock);
	}
}

static bool same_file(int a, int b)
{
	struct stat x, y;
	return at_sys(SYS_fstat, a, (long)&x, 0) == 0 && at_sys(SYS_fstat, b, (long)&y, 0) == 0 &&
	       x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A program that a superserver has started finds its connection on 0, 1 and perhaps 2: one
 * conversation, read from one and written to another. */
static void join_standard(struct at_conn *c, int fd)
{
	for (int other = 0; other <= 2; other++) {
		uintptr_t word = AT_FD_UNKNOWN;
		if (other == fd || at_fdmap_get(other) != word || !same_file(fd, other))
			continue;
		c->refs++;
		if (!at_fdmap_cas(other, &word, (uintptr_t)c))
			c->refs--;
	}
}

struct at_conn *at_conn_lock(int fd)
{
	uintptr_t word = at_fdmap_get(fd);
	if (word == AT_FD_UNKNOWN) {
		uintptr_t kind = classify(fd);
		struct at_conn *c = kind == AT_FD_TAGS ? prepare(AT_CONN_UNDECIDED) : NULL;
		if (kind == AT_FD_TAGS)
			kind = c ? (uintptr_t)c : AT_FD_BORING;
		if (at_fdmap_cas(fd, &word, kind)) {
			if (!c)
				return NULL;
			if (fd <= 2)
				join_standard(c, fd);
			at_count(conns_found, 1);
			at_log(AT_LOG_DEBUG, "fd %d: found open, its beginning was not seen", fd);
			return c;
		}
		if (c)
			at_conn_free(c);
	}
	return at_conn_lock_known(fd);
}

struct at_conn *at_conn_lock_ref(struct at_conn_ref r)
{
	struct at_conn *c = r.conn;
	if (!c || __atomic_load_n(&c->life, __ATOMIC_ACQUIRE) != r.life)
		return NULL;
	enum at_lock_result got = lock(c);
	if (got == AT_LOCK_BUSY) {
		at_count(conns_lost_sync, 1);
		__atomic_store_n(&c->lost, true, __ATOMIC_RELAXED);
		return NULL;
	}
	if (c->life == r.life) {
		if (got == AT_LOCK_STALE)
			abandon(c);
		return c;
	}
	at_unlock(&c->lock);
	return NULL;
}

void at_conn_unlock(struct at_conn *c)
{
	at_unlock(&c->lock);
}

void at_conn_watch(int fd)
{
	uintptr_t word = at_fdmap_get(fd);
	if (word == AT_FD_UNKNOWN) {
		struct at_conn *c = at_conn_lock(fd);
		if (c)
			at_conn_unlock(c);
		word = at_fdmap_get(fd);
	}
	if (is_conn(word))
		__atomic_store_n(&((struct at_conn *)word)->watched, true, __ATOMIC_RELAXED);
	else if (word == AT_FD_BORING || word == AT_FD_FRESH)
		at_fdmap_cas(fd, &word, word | AT_FD_WATCHED);
}

/* What a connection's descriptors are when nothing is to be observed any more. */
static uintptr_t remains(const struct at_conn *c)
{
	return at_conn_is_watched(c) ? AT_FD_EVENTS | AT_FD_SPEAKS : AT_FD_BORING;
}

void at_conn_leave(struct at_conn *c, int fd)
{
	uintptr_t word = (uintptr_t)c;
	bool last = c->over && at_fdmap_cas(fd, &word, remains(c)) && --c->refs == 0;
	if (last)
		end_life(c);
	at_unlock(&c->lock);
	if (last)
		at_slab_put(c);
}

struct at_conn *at_conn_detach(int fd, uintptr_t word)
{
	uintptr_t old = at_fdmap_swap(fd, word);
	if (!is_conn(old))
		return NULL;
	struct at_conn *c = (struct at_conn *)old;
	enum at_lock_result got = lock(c);
	if (got == AT_LOCK_BUSY) {
		at_count(conns_lost_sync, 1);
		return NULL;
	}
	if (got == AT_LOCK_STALE)
		abandon(c);
	if (--c->refs == 0)
		return c;
	at_unlock(&c->lock);
	return NULL;
}

void at_conn_share(int from, int to)
{
	struct at_conn *c = at_conn_lock_known(from);
	if (!c) {
		uintptr_t word = at_fdmap_get(from);
		at_fdmap_swap(to, is_conn(word) || word == AT_FD_OWN ? AT_FD_UNKNOWN : word);
		return;
	}
	c->refs++;
	at_fdmap_swap(to, (uintptr_t)c);
	at_unlock(&c->lock);
}

void at_conn_free(struct at_conn *c)
{
	end_life(c);
	at_unlock(&c->lock);
	at_slab_put(c);
}

const struct at_endpoint *at_conn_peer(int fd, struct at_conn *c)
{
	if (!c->peer_known) {
		struct sockaddr_storage addr;
		socklen_t len = sizeof(addr);
		if (at_sys(SYS_getpeername, fd, (long)&addr, (long)&len) == 0)
			at_endpoint_set(&c->peer, (const struct sockaddr *)&addr, len);
		else
			c->peer = (struct at_endpoint){0};
		c->peer_known = true;
	}
	return &c->peer;
}
