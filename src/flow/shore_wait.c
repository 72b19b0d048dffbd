/*
 * Waits and new threads as the hooks tell them: what a thread goes on with.
 */
#include "base/clock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "conn/conn.h"
#include "flow/boot.h"
#include "flow/causality.h"
#include "flow/roster.h"
#include "flow/shore.h"

/* Descriptors of one wait that are looked at; a larger set is a loop's. */
#define SET_MAX 256

/* What a wait covers. */
struct cover {
	unsigned listeners; /* listening sockets */
	unsigned servers;   /* connections of requests */
	unsigned seen;      /* descriptors looked at */
};

static void look_at(struct cover *v, int fd)
{
	v->seen++;
	uintptr_t word = at_fdmap_get(fd);
	if (word == AT_FD_LISTENER)
		v->listeners++;
	else if (word >= AT_FD_TAGS && __atomic_load_n(&((struct at_conn *)word)->role,
						       __ATOMIC_RELAXED) == AT_CONN_SERVER)
		v->servers++;
}

/* A wait for a single connection of its own (a blocking client or server with a time-out) is no
 * return to the loop. True when it is one, for several. */
static bool conclude(const struct cover *v, uint64_t due)
{
	bool several = v->seen > SET_MAX || v->servers > 1 || (v->listeners && v->servers);
	if (several || v->listeners)
		at_causality_wait(several, due);
	else if (v->servers)
		at_causality_left();
	return several;
}

static void watch(int fd)
{
	uintptr_t word = at_fdmap_get(fd);
	if (at_fdmap_is_events(word) || word == AT_FD_LISTENER || word == AT_FD_OWN ||
	    (word >= AT_FD_TAGS && at_conn_is_watched((struct at_conn *)word)))
		return;
	int saved = errno;
	at_thread_enter();
	at_conn_watch(fd);
	at_boot_leave(saved);
}

void at_shore_watched(int fd, bool anew)
{
	watch(fd);
	if (anew && at_fdmap_is_events(at_fdmap_get(fd)))
		at_causality_spoke();
}

/* How much earlier than its wait's end a loop may take a timer to be due. */
#define EARLY_NS UINT64_C(2000000)

static uint64_t due_in(uint64_t ns)
{
	if (!ns)
		return 0;
	return at_clock_now() + (ns > EARLY_NS ? ns - EARLY_NS : 0);
}

uint64_t at_shore_due(int timeout)
{
	return timeout < 0 ? AT_CLOCK_NEVER : due_in((uint64_t)timeout * 1000000);
}

/* What the kernel refuses or has no end to speak of is no time-out. */
static uint64_t due_after(int64_t seconds, int64_t ns)
{
	if (seconds < 0 || seconds > INT32_MAX || ns < 0)
		return AT_CLOCK_NEVER;
	return due_in((uint64_t)seconds * 1000000000 + (uint64_t)ns);
}

uint64_t at_shore_due_spec(const struct timespec *timeout)
{
	if (!timeout || !at_memory_readable(timeout, sizeof(*timeout), NULL))
		return AT_CLOCK_NEVER;
	return due_after(timeout->tv_sec, timeout->tv_nsec);
}

uint64_t at_shore_due_val(const struct timeval *timeout)
{
	if (!timeout || !at_memory_readable(timeout, sizeof(*timeout), NULL))
		return AT_CLOCK_NEVER;
	return due_after(timeout->tv_sec, timeout->tv_usec * 1000);
}

void at_shore_wait(uint64_t due)
{
	at_causality_wait(true, due);
}

void at_shore_waited_poll(const struct pollfd *fds, nfds_t count, uint64_t due)
{
	struct cover v = {0};
	for (nfds_t i = 0; i < count && v.seen <= SET_MAX; i++)
		if (fds[i].fd >= 0)
			look_at(&v, fds[i].fd);
	bool several = conclude(&v, due);
	for (nfds_t i = 0; several && i < count; i++)
		if (fds[i].fd >= 0)
			watch(fds[i].fd);
}

void at_shore_waited_in_vain(const struct pollfd *fds, nfds_t count)
{
	int saved = errno;
	at_thread_enter();
	for (nfds_t i = 0; i < count; i++) {
		struct at_conn *c = fds[i].fd < 0 ? NULL : at_conn_lock_known(fds[i].fd);
		if (!c)
			continue;
		c->in_vain = true;
		at_conn_unlock(c);
	}
	at_thread_leave();
	errno = saved;
}

static bool can_read(const fd_set *set, int count)
{
	return !set || count <= 0 || at_memory_readable(set, ((size_t)count + 7) / 8, NULL);
}

void at_shore_wait_select(int count, const fd_set *reads, const fd_set *writes, uint64_t due)
{
	struct cover v = {0};
	if (count > FD_SETSIZE)
		count = FD_SETSIZE;
	if (!can_read(reads, count) || !can_read(writes, count))
		return;
	for (int fd = 0; fd < count && v.seen <= SET_MAX; fd++)
		if ((reads && FD_ISSET(fd, reads)) || (writes && FD_ISSET(fd, writes)))
			look_at(&v, fd);
	bool several = conclude(&v, due);
	for (int fd = 0; several && reads && fd < count; fd++)
		if (FD_ISSET(fd, reads))
			watch(fd);
}

/* What a new thread starts with; pool memory, freed by the thread. */
struct birth {
	void *(*start)(void *); /* the program's function */
	void *arg;              /* its argument */
	struct at_ref current;  /* what the creator was working on */
};

static void *begin(void *birth)
{
	struct birth b = *(struct birth *)birth;
	at_thread_enter_margin();
	at_pool_put(birth);
	at_roster_join();
	at_causality_inherit(b.current);
	at_thread_leave_margin();
	void *ret = b.start(b.arg);
	at_thread_enter_margin();
	at_causality_end();
	at_thread_leave_margin();
	return ret;
}

void at_shore_thread(void *(**start)(void *), void **arg)
{
	enum at_rule rule;
	int saved = errno;
	at_boot_thread();
	at_thread_enter();
	struct at_ref current = at_causality_current(&rule);
	bool joins = current.exchange || at_thread_first_steps();
	struct birth *b = joins ? at_pool_get(sizeof(*b), NULL) : NULL;
	if (b) {
		at_roster_expect();
		*b = (struct birth){*start, *arg, current};
		*start = begin;
		*arg = b;
	}
	at_thread_leave();
	errno = saved;
}

void at_shore_thread_failed(void *(*start)(void *), void *arg)
{
	int saved = errno;
	if (start != begin)
		return;
	at_thread_enter();
	at_roster_unexpect();
	at_pool_put(arg);
	at_thread_leave();
	errno = saved;
}
