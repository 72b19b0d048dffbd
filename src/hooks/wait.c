/*
 * Waits: what was being worked on ends there. What poll waits for is looked at afterwards, when the
 * kernel has shown that it can be read; select overwrites its sets, so they are looked at before.
 */
#include "hooks/hook.h"

/* Descriptors of a wait that can be a client's for its answer. */
#define FEW 4

static void polled(const struct pollfd *fds, nfds_t count, uint64_t due, int rc)
{
	if (at_thread_pass())
		return;
	if (count > 1 && (rc >= 0 || errno == EINTR))
		at_shore_waited_poll(fds, count, due);
	if (rc == 0 && due && count && count <= FEW)
		at_shore_waited_in_vain(fds, count);
}

/* One descriptor is no loop's. */
static uint64_t due_of(nfds_t count, int timeout)
{
	return count > 1 || !timeout ? at_shore_due(timeout) : at_shore_due(-1);
}

static uint64_t due_of_spec(nfds_t count, const struct timespec *timeout)
{
	return count > 1 && !at_thread_pass() ? at_shore_due_spec(timeout) : at_shore_due(-1);
}

/* A look at a single one: the kernel has read the time-out. */
static uint64_t looked(uint64_t due, const struct timespec *timeout, int rc)
{
	bool zero = rc == 0 && timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
	return zero ? 0 : due;
}

int AT_HOOK(epoll_ctl)(int set, int op, int fd, struct epoll_event *event)
{
	int rc = at_libc.epoll_ctl(set, op, fd, event);
	if (rc == 0 && op != EPOLL_CTL_DEL && !at_thread_pass())
		at_shore_watched(fd, op == EPOLL_CTL_ADD);
	return rc;
}

int AT_HOOK(epoll_wait)(int fd, struct epoll_event *events, int count, int timeout)
{
	if (!at_thread_pass())
		at_shore_wait(at_shore_due(timeout));
	return at_libc.epoll_wait(fd, events, count, timeout);
}

int AT_HOOK(epoll_pwait)(int fd, struct epoll_event *events, int count, int timeout,
			 const sigset_t *mask)
{
	if (!at_thread_pass())
		at_shore_wait(at_shore_due(timeout));
	return at_libc.epoll_pwait(fd, events, count, timeout, mask);
}

int AT_HOOK(epoll_pwait2)(int fd, struct epoll_event *events, int count,
			  const struct timespec *timeout, const sigset_t *mask)
{
	if (!at_thread_pass())
		at_shore_wait(at_shore_due_spec(timeout));
	return at_libc.epoll_pwait2(fd, events, count, timeout, mask);
}

int AT_HOOK(poll)(struct pollfd *fds, nfds_t count, int timeout)
{
	at_libc_ready();
	uint64_t due = due_of(count, timeout);
	int rc = at_libc.poll(fds, count, timeout);
	polled(fds, count, due, rc);
	return rc;
}

int AT_HOOK(__poll_chk)(struct pollfd *fds, nfds_t count, int timeout, size_t room)
{
	at_libc_ready();
	uint64_t due = due_of(count, timeout);
	int rc = at_libc.__poll_chk(fds, count, timeout, room);
	polled(fds, count, due, rc);
	return rc;
}

int AT_HOOK(ppoll)(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		   const sigset_t *mask)
{
	at_libc_ready();
	uint64_t due = due_of_spec(count, timeout);
	int rc = at_libc.ppoll(fds, count, timeout, mask);
	polled(fds, count, looked(due, timeout, rc), rc);
	return rc;
}

int AT_HOOK(__ppoll_chk)(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
			 const sigset_t *mask, size_t room)
{
	at_libc_ready();
	uint64_t due = due_of_spec(count, timeout);
	int rc = at_libc.__ppoll_chk(fds, count, timeout, mask, room);
	polled(fds, count, looked(due, timeout, rc), rc);
	return rc;
}

int AT_HOOK(select)(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
		    struct timeval *timeout)
{
	if (!at_thread_pass())
		at_shore_wait_select(count, reads, writes, at_shore_due_val(timeout));
	return at_libc.select(count, reads, writes, excepts, timeout);
}

int AT_HOOK(pselect)(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
		     const struct timespec *timeout, const sigset_t *mask)
{
	if (!at_thread_pass())
		at_shore_wait_select(count, reads, writes, at_shore_due_spec(timeout));
	return at_libc.pselect(count, reads, writes, excepts, timeout, mask);
}
