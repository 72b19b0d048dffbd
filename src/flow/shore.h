/*
 * The one door between the interposed calls and the flow: what happened to a descriptor, told after
 * (or, where it must be, before) the true call. Every function keeps errno, sets the thread's
 * guard, takes the connection's lock for its own few steps, and may be called from any thread and
 * from signal handlers. Hooks include this and no other header of flow.
 */
#ifndef AT_FLOW_SHORE_H
#define AT_FLOW_SHORE_H

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/fdmap.h"
#include "base/thread.h"

struct at_edits;

/* A call on fd passes by unobserved. */
void at_shore_unseen(int fd);

/* The hook passes: also by a signal handler that interrupted our own work, whose bytes are not
 * seen. */
static inline bool at_shore_pass_unseen(int fd)
{
	if (at_process_is_live() && at_thread_self.guard && at_thread_self.guard < AT_THREAD_OURS)
		at_shore_unseen(fd);
	return true;
}

/* True when the hook has nothing to do but the true call: tracing is off, we are inside our own
 * work or a vfork child, or the descriptor is known to be of no interest. */
static inline bool at_shore_pass(int fd)
{
	if (at_thread_pass())
		return at_shore_pass_unseen(fd);
	return at_fdmap_is_boring(at_fdmap_get(fd));
}

/* Something is written to a connection of another protocol that a loop waits for. */
void at_shore_spoke(void);

/* The same for a hook that writes. */
static inline bool at_shore_pass_out(int fd)
{
	if (at_thread_pass())
		return at_shore_pass_unseen(fd);
	uintptr_t word = at_fdmap_get(fd);
	if (word == (AT_FD_EVENTS | AT_FD_SPEAKS))
		at_shore_spoke();
	return at_fdmap_is_boring(word);
}

/* The same for a hook that takes an event away (reads, close): what a loop waits for is of interest
 * then, whatever it is. */
static inline bool at_shore_pass_event(int fd)
{
	if (at_thread_pass())
		return at_shore_pass_unseen(fd);
	return at_fdmap_get(fd) == AT_FD_BORING;
}

/* True when fd is one of ours: the program is answered EBADF (errno is set), as if it were not
 * there. */
static inline bool at_shore_hidden(int fd)
{
	if (at_fdmap_get(fd) != AT_FD_OWN || !at_fdmap_is_own(fd))
		return false;
	errno = EBADF;
	return true;
}

/* ---- birth and death ---- */

/* A new descriptor of which nothing is known yet. */
void at_shore_born(int fd);
/* socket() or socketpair() made it. */
void at_shore_socket(int fd, int domain, int type);
/* bind() or listen() succeeded on it. */
void at_shore_bound(int fd);
/* Before accept(): the thread goes back to waiting for work. */
void at_shore_accepting(int fd);
/* accept() gave `fd`. (The address it told is the program's: nobody knows how much room it had.) */
void at_shore_accepted(int listener, int fd);
/* connect() returned rc with `error` (errno when rc is -1), begun at `began` (at_shore_now). */
void at_shore_connected(int fd, const struct sockaddr *addr, socklen_t len, int rc, int error,
			uint64_t began);
/* getsockopt(SO_ERROR) wrote `len` bytes there. */
void at_shore_socket_error(int fd, const void *value, socklen_t len);
/* getsockopt(TCP_INFO) was asked: a worker that looks whether its client is still there. */
void at_shore_asked_about(int fd);
/* Before close(), dup2() onto it, fclose(): forgets fd. */
void at_shore_closing(int fd);
void at_shore_closing_stdio(FILE *f);
/* Before dup2() onto `to`: a descriptor of ours there makes way. */
void at_shore_giving_way(int to);
/* Before close_range() and closefrom(). True when descriptors of ours lie inside: then the range
 * must be closed piece by piece with at_shore_next_piece. */
bool at_shore_closing_range(unsigned first, unsigned last);
/* The next stretch of [*first, last] without descriptors of ours: false when there is none. On
 * return *first … *ret_last may be closed; continue with *ret_last + 1. */
bool at_shore_next_piece(unsigned *first, unsigned last, unsigned *ret_last);
/* `to` is a duplicate of `from` now. */
void at_shore_duplicated(int from, int to);
/* shutdown() succeeded. */
void at_shore_shut(int fd, int how);
/* stdio takes the descriptor over: its bytes go by unseen from here on. */
void at_shore_stdio(int fd);

/* ---- bytes ---- */

/* A read-side call returned rc (bytes, 0 at the end of the stream, -1). */
void at_shore_read(int fd, const struct iovec *iov, size_t count, ssize_t rc);
/* n bytes came in whose content nobody has (splice). */
void at_shore_read_unseen(int fd, ssize_t rc);
/* Descriptors that came with a message, and that went with one. The kernel has read it. */
void at_shore_received(const struct msghdr *msg);
void at_shore_sent(const struct msghdr *msg);
/* Before a write-side call: the changes to make, or NULL to write as it is. Memory of the program
 * that cannot be read is left for the call itself to complain of. _plan: the piece is the hook's
 * own; _vector: the pieces are the program's; _message: the message is the program's, too. */
struct at_edits *at_shore_plan(int fd, const struct iovec *piece);
struct at_edits *at_shore_plan_vector(int fd, const struct iovec *iov, size_t count);
struct at_edits *at_shore_plan_message(int fd, const struct msghdr *msg);
/* Writes with those changes; returns what the call returns. base: the message, or NULL. */
ssize_t at_shore_send(int fd, const struct iovec *iov, size_t count, const struct msghdr *base,
		      int flags, struct at_edits *edits);
/* After a write-side call that returned rc. The pieces, or the message, are read when rc > 0. */
void at_shore_wrote(int fd, const struct iovec *iov, size_t count, ssize_t rc);
void at_shore_wrote_message(int fd, const struct msghdr *msg, ssize_t rc);
/* As sendmmsg tells how much of a message went; false, with errno, where it cannot be written. */
bool at_shore_tell(struct mmsghdr *m, unsigned n);
/* n bytes went out whose content nobody has (sendfile, splice). */
void at_shore_wrote_unseen(int fd, ssize_t rc);
/* Before sendfile or splice onto fd: bytes of ours that must leave first do. False: they could not
 * yet; errno says why, the call must return -1. */
bool at_shore_flush_own(int fd);

/* ---- waits and threads ---- */

/* Before a wait: when it ends by this time-out (milliseconds, negative or NULL for none), monotonic
 * ns, a little early: loops reckon from before the wait, in milliseconds. 0: it does not wait. A
 * time-out that cannot be read is the call's to complain of. */
uint64_t at_shore_due(int timeout);
uint64_t at_shore_due_spec(const struct timespec *timeout);
uint64_t at_shore_due_val(const struct timeval *timeout);
/* All of them: `due` as told before the wait. Before a wait on a set of unknown extent (epoll). */
void at_shore_wait(uint64_t due);
/* After a poll: the kernel has read these, so they can be read. */
void at_shore_waited_poll(const struct pollfd *fds, nfds_t count, uint64_t due);
/* A loop waits for fd: epoll_ctl() put it into a set (`anew`), or changed what is waited for. */
void at_shore_watched(int fd, bool anew);
/* Before select(), which overwrites what it waits for. */
void at_shore_wait_select(int count, const fd_set *reads, const fd_set *writes, uint64_t due);
/* A poll for these few descriptors ended by its time-out. */
void at_shore_waited_in_vain(const struct pollfd *fds, nfds_t count);
/* A thread is about to be created: replaces start and arg so that it inherits the context. */
void at_shore_thread(void *(**start)(void *), void **arg);
/* It could not be: what at_shore_thread made is given back. */
void at_shore_thread_failed(void *(*start)(void *), void *arg);

/* Monotonic ns. */
uint64_t at_shore_now(void);

#endif
