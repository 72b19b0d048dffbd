/*
 * Bytes as the hooks tell them: fed to the talk of their connection piece by piece, in stream order.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "flow/inject.h"
#include "flow/shore.h"
#include "flow/talk.h"
#include "libc/sys.h"

/* Errors that say nothing about the connection. */
static bool passing(int error)
{
	return error == EAGAIN || error == EINTR || error == EFAULT || error == EINVAL ||
	       error == EBADF || error == ENOTSOCK || error == EMSGSIZE || error == ENOMEM ||
	       error == ENOBUFS || error == EOPNOTSUPP || error == EINPROGRESS ||
	       error == EALREADY;
}

typedef void feed_fn(struct at_conn *c, int fd, const char *bytes, size_t n);

static void feed(struct at_conn *c, int fd, const struct iovec *iov, size_t count, size_t n,
		 feed_fn *to)
{
	for (size_t i = 0; i < count && n && !c->over; i++) {
		size_t piece = iov[i].iov_len < n ? iov[i].iov_len : n;
		if (piece)
			to(c, fd, iov[i].iov_base, piece);
		n -= piece;
	}
}

static void failed(struct at_conn *c, int fd, int error, bool reading)
{
	if (reading && error == EAGAIN)
		c->again = true;
	if (!passing(error))
		at_talk_failed(c, fd, error);
}

static size_t room_of(const struct iovec *iov, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

void at_shore_read(int fd, const struct iovec *iov, size_t count, ssize_t rc)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			feed(c, fd, iov, count, (size_t)rc, at_talk_in);
		else if (rc == 0 && room_of(iov, count))
			at_talk_eof(c, fd);
		else if (rc < 0)
			failed(c, fd, saved, true);
		at_conn_leave(c, fd);
	}
	at_thread_leave();
	errno = saved;
}

void at_shore_read_unseen(int fd, ssize_t rc)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			at_talk_in(c, fd, NULL, (size_t)rc);
		at_conn_leave(c, fd);
	}
	at_thread_leave();
	errno = saved;
}

void at_shore_received(const struct msghdr *msg)
{
	if (!msg->msg_control || msg->msg_controllen < sizeof(struct cmsghdr))
		return;
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR((struct msghdr *)msg, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		const unsigned char *data = CMSG_DATA(m);
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, data + i * sizeof(int), sizeof(int));
			at_shore_born(fd);
		}
	}
}

/* A server's answers are never changed: seen without the lock, since a role once known stays. */
static bool answers(int fd)
{
	uintptr_t word = at_fdmap_get(fd);
	return word >= AT_FD_TAGS &&
	       __atomic_load_n(&((struct at_conn *)word)->role, __ATOMIC_RELAXED) ==
		       AT_CONN_SERVER;
}

struct at_edits *at_shore_plan(int fd, const struct iovec *iov, size_t count)
{
	int saved = errno;
	if (answers(fd))
		return NULL;
	struct at_edits *edits = NULL;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (c->role != AT_CONN_SERVER && count <= INT32_MAX)
			edits = at_inject_plan(c, fd, iov, (int)count);
		at_conn_leave(c, fd);
	}
	at_thread_leave();
	errno = saved;
	return edits;
}

ssize_t at_shore_send(int fd, const struct iovec *iov, size_t count, const struct msghdr *base,
		      int flags, struct at_edits *edits)
{
	return at_inject_send(fd, iov, (int)count, base, flags, edits);
}

void at_shore_wrote(int fd, const struct iovec *iov, size_t count, ssize_t rc)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			feed(c, fd, iov, count, (size_t)rc, at_talk_out);
		else if (rc < 0)
			failed(c, fd, saved, false);
		at_conn_leave(c, fd);
	}
	at_thread_leave();
	errno = saved;
}

void at_shore_wrote_unseen(int fd, ssize_t rc)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			at_talk_out(c, fd, NULL, (size_t)rc);
		else if (rc < 0)
			failed(c, fd, saved, false);
		at_conn_leave(c, fd);
	}
	at_thread_leave();
	errno = saved;
}

static bool owes(int fd)
{
	struct at_conn *c = at_conn_lock_known(fd);
	bool tail = false;
	if (c) {
		const struct at_talk *t = c->talk;
		tail = t && t->tail.n;
		at_conn_unlock(c);
	}
	return tail;
}

bool at_shore_flush_own(int fd)
{
	const struct iovec none = { NULL, 0 };
	while (owes(fd)) {
		struct at_edits *edits = at_shore_plan(fd, &none, 1);
		if (edits && at_inject_send(fd, &none, 1, NULL, 0, edits) < 0)
			return false;
		if (!owes(fd))
			break;
		if (at_sys(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK) {
			errno = EAGAIN;
			return false;
		}
	}
	return true;
}
