/*
 * Waits: told before they begin, since what was being worked on ends there; and afterwards when a wait
 * for few descriptors ended by its time-out.
 */
#include "hooks/hook.h"

/* Descriptors of a wait that can be a client's for its answer. */
#define FEW 4

static int polled(const struct pollfd *fds, nfds_t count, bool at_once, int rc)
{
	if (rc == 0 && !at_once && count && count <= FEW && !at_thread_pass())
		at_shore_waited_in_vain(fds, count);
	return rc;
}

static bool is_zero(const struct timespec *t)
{
	return t && t->tv_sec == 0 && t->tv_nsec == 0;
}

int AT_HOOK(epoll_wait)(int fd, struct epoll_event *events, int count, int timeout)
{
	if (!at_thread_pass())
		at_shore_wait();
	return at_libc.epoll_wait(fd, events, count, timeout);
}

int AT_HOOK(epoll_pwait)(int fd, struct epoll_event *events, int count, int timeout,
			 const sigset_t *mask)
{
	if (!at_thread_pass())
		at_shore_wait();
	return at_libc.epoll_pwait(fd, events, count, timeout, mask);
}

int AT_HOOK(epoll_pwait2)(int fd, struct epoll_event *events, int count,
			  const struct timespec *timeout, const sigset_t *mask)
{
	if (!at_thread_pass())
		at_shore_wait();
	return at_libc.epoll_pwait2(fd, events, count, timeout, mask);
}

int AT_HOOK(poll)(struct pollfd *fds, nfds_t count, int timeout)
{
	if (!at_thread_pass() && count > 1)
		at_shore_wait_poll(fds, count);
	return polled(fds, count, timeout == 0, at_libc.poll(fds, count, timeout));
}

int AT_HOOK(__poll_chk)(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
	if (!at_thread_pass() && count > 1)
		at_shore_wait_poll(fds, count);
	return polled(fds, count, timeout == 0, at_libc.__poll_chk(fds, count, timeout, room));
}

int AT_HOOK(ppoll)(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		   const sigset_t *mask)
{
	if (!at_thread_pass() && count > 1)
		at_shore_wait_poll(fds, count);
	return polled(fds, count, is_zero(timeout), at_libc.ppoll(fds, count, timeout, mask));
}

int AT_HOOK(__ppoll_chk)(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			 const sigset_t *mask, size_t room)
{
	if (!at_thread_pass() && count > 1)
		at_shore_wait_poll(fds, count);
	return polled(fds, count, is_zero(timeout),
		      at_libc.__ppoll_chk(fds, count, timeout, mask, room));
}

int AT_HOOK(select)(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
		    struct timeval *timeout)
{
	if (!at_thread_pass())
		at_shore_wait_select(count, reads, writes);
	return at_libc.select(count, reads, writes, excepts, timeout);
}

int AT_HOOK(pselect)(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
		     const struct timespec *timeout, const sigset_t *mask)
{
	if (!at_thread_pass())
		at_shore_wait_select(count, reads, writes);
	return at_libc.pselect(count, reads, writes, excepts, timeout, mask);
}
