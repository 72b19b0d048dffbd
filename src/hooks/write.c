/*
 * Bytes that go out. A client's request head may leave with a header of ours: then flow makes the
 * call instead of the hook.
 */
#include <limits.h>

#include "hooks/hook.h"

/* Flags with which the bytes are no part of the stream, or must stay where they are in memory. */
#define UNTOUCHED (MSG_OOB | MSG_ZEROCOPY)

/* The kernel's MSG_CMSG_COMPAT: send and sendto overlook it, sendmsg refuses it. */
#define COMPAT 0x80000000u

/* Bytes that leave as they are: what we owe must leave before them. False: it could not yet. */
static bool may_leave(int fd, int flags)
{
	return !(flags & UNTOUCHED) || at_shore_flush_own(fd);
}

ssize_t AT_HOOK(write)(int fd, const void *buf, size_t n)
{
	if (at_shore_pass_out(fd))
		return at_libc.write(fd, buf, n);
	if (at_shore_hidden(fd))
		return -1;
	struct iovec iov = {(void *)buf, n};
	struct at_edits *edits = at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, NULL, 0, edits) : at_libc.write(fd, buf, n);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

ssize_t AT_HOOK(writev)(int fd, const struct iovec *iov, int count)
{
	if (at_shore_pass_out(fd) || count <= 0)
		return at_libc.writev(fd, iov, count);
	if (at_shore_hidden(fd))
		return -1;
	struct at_edits *edits = at_shore_plan_vector(fd, iov, (size_t)count);
	ssize_t rc = edits ? at_shore_send(fd, iov, (size_t)count, NULL, 0, edits)
			   : at_libc.writev(fd, iov, count);
	at_shore_wrote(fd, iov, (size_t)count, rc);
	return rc;
}

ssize_t AT_HOOK(send)(int fd, const void *buf, size_t n, int flags)
{
	if (at_shore_pass_out(fd))
		return at_libc.send(fd, buf, n, flags);
	if (at_shore_hidden(fd) || !may_leave(fd, flags))
		return -1;
	if (flags & MSG_OOB)
		return at_libc.send(fd, buf, n, flags);
	struct iovec iov = {(void *)buf, n};
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, NULL, flags & (int)~COMPAT, edits)
			   : at_libc.send(fd, buf, n, flags);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

ssize_t AT_HOOK(sendto)(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
			socklen_t len)
{
	/* An address longer than any is an error here, and cut by sendmsg. */
	if (at_shore_pass_out(fd) || (addr && len > sizeof(struct sockaddr_storage)))
		return at_libc.sendto(fd, buf, n, flags, addr, len);
	if (at_shore_hidden(fd) || !may_leave(fd, flags))
		return -1;
	if (flags & MSG_OOB)
		return at_libc.sendto(fd, buf, n, flags, addr, len);
	struct iovec iov = {(void *)buf, n};
	struct msghdr base = {.msg_name = (void *)addr, .msg_namelen = len};
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, &base, flags & (int)~COMPAT, edits)
			   : at_libc.sendto(fd, buf, n, flags, addr, len);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

/* A socket may be of no interest for its bytes, but descriptors may go with any message. */
static ssize_t sent(const struct msghdr *msg, ssize_t rc)
{
	if (rc >= 0 && !at_thread_pass())
		at_shore_sent(msg);
	return rc;
}

ssize_t AT_HOOK(sendmsg)(int fd, const struct msghdr *msg, int flags)
{
	if (at_shore_pass_out(fd))
		return sent(msg, at_libc.sendmsg(fd, msg, flags));
	if (at_shore_hidden(fd) || !may_leave(fd, flags))
		return -1;
	if (flags & MSG_OOB)
		return at_libc.sendmsg(fd, msg, flags);
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan_message(fd, msg);
	ssize_t rc = edits ? at_shore_send(fd, msg->msg_iov, msg->msg_iovlen, msg, flags, edits)
			   : at_libc.sendmsg(fd, msg, flags);
	at_shore_wrote_message(fd, msg, rc);
	return sent(msg, rc);
}

/* One message; *ret_whole tells whether all of it went. */
static int send_one(int fd, struct mmsghdr *m, int flags, bool *ret_whole)
{
	const struct msghdr *msg = &m->msg_hdr;
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan_message(fd, msg);
	ssize_t n = edits ? at_shore_send(fd, msg->msg_iov, msg->msg_iovlen, msg, flags, edits)
			  : at_libc.sendmsg(fd, msg, flags);
	at_shore_wrote_message(fd, msg, n);
	if (sent(msg, n) < 0 || !at_shore_tell(m, (unsigned)n))
		return -1;
	size_t total = 0;
	for (size_t i = 0; i < msg->msg_iovlen; i++)
		total += msg->msg_iov[i].iov_len;
	*ret_whole = (size_t)n >= total;
	return 0;
}

/* One by one, as the kernel does it: what the second one is depends on the first. */
int AT_HOOK(sendmmsg)(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	int saved = errno;
	if (at_shore_pass_out(fd) || count == 0) {
		int rc = at_libc.sendmmsg(fd, msgs, count, flags);
		for (int i = 0; i < rc; i++)
			sent(&msgs[i].msg_hdr, 0);
		return rc;
	}
	if (at_shore_hidden(fd) || !may_leave(fd, flags))
		return -1;
	if (flags & MSG_OOB)
		return at_libc.sendmmsg(fd, msgs, count, flags);
	unsigned done = 0;
	bool whole = true;
	while (done < count && done < IOV_MAX && whole) {
		if (send_one(fd, &msgs[done], flags, &whole) < 0)
			break;
		done++;
	}
	if (!done)
		return -1;
	errno = saved;
	return (int)done;
}

ssize_t AT_HOOK(sendfile)(int out, int in, off_t *offset, size_t n)
{
	if (at_shore_pass_out(out))
		return at_libc.sendfile(out, in, offset, n);
	if (at_shore_hidden(out) || !at_shore_flush_own(out))
		return -1;
	ssize_t rc = at_libc.sendfile(out, in, offset, n);
	at_shore_wrote_unseen(out, rc);
	return rc;
}

ssize_t AT_HOOK(sendfile64)(int out, int in, off_t *offset, size_t n)
{
	if (at_shore_pass_out(out))
		return at_libc.sendfile64(out, in, offset, n);
	if (at_shore_hidden(out) || !at_shore_flush_own(out))
		return -1;
	ssize_t rc = at_libc.sendfile64(out, in, offset, n);
	at_shore_wrote_unseen(out, rc);
	return rc;
}

ssize_t AT_HOOK(splice)(int in, off_t *in_offset, int out, off_t *out_offset, size_t n,
			unsigned flags)
{
	bool pass_in = at_shore_pass_event(in);
	bool pass_out = at_shore_pass_out(out);
	if (pass_in && pass_out)
		return at_libc.splice(in, in_offset, out, out_offset, n, flags);
	if (at_shore_hidden(in) || at_shore_hidden(out) || (!pass_out && !at_shore_flush_own(out)))
		return -1;
	ssize_t rc = at_libc.splice(in, in_offset, out, out_offset, n, flags);
	if (!pass_in)
		at_shore_read_unseen(in, rc);
	if (!pass_out)
		at_shore_wrote_unseen(out, rc);
	return rc;
}
