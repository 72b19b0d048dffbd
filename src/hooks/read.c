/*
 * Bytes that come in. What was peeked at, came out of band, or is an error report is no data.
 */
#include "bridge/node.h"
#include "hooks/hook.h"

/* Flags with which the bytes returned are not the next ones of the stream. */
#define NO_DATA (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)

/* MSG_TRUNC on TCP discards: the count is real, the buffer may be NULL. */
static void tell(int fd, void *buf, size_t n, ssize_t rc, int flags)
{
	struct iovec iov = {buf, n};
	if (flags & NO_DATA)
		return;
	if (flags & MSG_TRUNC)
		at_shore_read_unseen(fd, rc);
	else
		at_shore_read(fd, &iov, 1, rc);
}

ssize_t AT_HOOK(read)(int fd, void *buf, size_t n)
{
	if (at_shore_pass_event(fd))
		return at_libc.read(fd, buf, n);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.read(fd, buf, n);
	tell(fd, buf, n, rc, 0);
	return rc;
}

ssize_t AT_HOOK(__read_chk)(int fd, void *buf, size_t n, size_t room)
{
	if (at_shore_pass_event(fd))
		return at_libc.__read_chk(fd, buf, n, room);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.__read_chk(fd, buf, n, room);
	tell(fd, buf, n, rc, 0);
	return rc;
}

ssize_t AT_HOOK(readv)(int fd, const struct iovec *iov, int count)
{
	if (at_shore_pass_event(fd))
		return at_libc.readv(fd, iov, count);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.readv(fd, iov, count);
	at_shore_read(fd, iov, rc >= 0 ? (size_t)count : 0, rc);
	return rc;
}

ssize_t AT_HOOK(recv)(int fd, void *buf, size_t n, int flags)
{
	if (at_shore_pass_event(fd))
		return at_libc.recv(fd, buf, n, flags);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.recv(fd, buf, n, flags);
	tell(fd, buf, n, rc, flags);
	return rc;
}

ssize_t AT_HOOK(__recv_chk)(int fd, void *buf, size_t n, size_t room, int flags)
{
	if (at_shore_pass_event(fd))
		return at_libc.__recv_chk(fd, buf, n, room, flags);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.__recv_chk(fd, buf, n, room, flags);
	tell(fd, buf, n, rc, flags);
	return rc;
}

ssize_t AT_HOOK(recvfrom)(int fd, void *buf, size_t n, int flags, struct sockaddr *addr,
			  socklen_t *len)
{
	if (at_shore_pass_event(fd))
		return at_libc.recvfrom(fd, buf, n, flags, addr, len);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.recvfrom(fd, buf, n, flags, addr, len);
	tell(fd, buf, n, rc, flags);
	return rc;
}

ssize_t AT_HOOK(__recvfrom_chk)(int fd, void *buf, size_t n, size_t room, int flags,
				struct sockaddr *addr, socklen_t *len)
{
	if (at_shore_pass_event(fd))
		return at_libc.__recvfrom_chk(fd, buf, n, room, flags, addr, len);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.__recvfrom_chk(fd, buf, n, room, flags, addr, len);
	tell(fd, buf, n, rc, flags);
	return rc;
}

static void tell_message(int fd, const struct msghdr *msg, ssize_t rc, int flags)
{
	if (at_shore_pass_event(fd) || (flags & NO_DATA))
		return;
	if (flags & MSG_TRUNC)
		at_shore_read_unseen(fd, rc);
	else
		at_shore_read(fd, rc >= 0 ? msg->msg_iov : NULL, rc >= 0 ? msg->msg_iovlen : 0, rc);
}

/* A datagram socket is boring for its bytes, but descriptors may come with any message. */
ssize_t AT_HOOK(recvmsg)(int fd, struct msghdr *msg, int flags)
{
	if (at_thread_pass())
		return at_libc.recvmsg(fd, msg, flags);
	if (at_shore_hidden(fd))
		return -1;
	ssize_t rc = at_libc.recvmsg(fd, msg, flags);
	if (rc >= 0)
		at_shore_received(msg);
	if (rc >= 0 && msg->msg_controllen)
		at_node_look();
	tell_message(fd, msg, rc, flags);
	return rc;
}

int AT_HOOK(recvmmsg)(int fd, struct mmsghdr *msgs, unsigned count, int flags,
		      struct timespec *timeout)
{
	if (at_thread_pass())
		return at_libc.recvmmsg(fd, msgs, count, flags, timeout);
	if (at_shore_hidden(fd))
		return -1;
	int rc = at_libc.recvmmsg(fd, msgs, count, flags, timeout);
	if (rc < 0)
		tell_message(fd, NULL, rc, flags);
	for (int i = 0; i < rc; i++) {
		at_shore_received(&msgs[i].msg_hdr);
		tell_message(fd, &msgs[i].msg_hdr, msgs[i].msg_len, flags);
	}
	return rc;
}
