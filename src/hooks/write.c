/*
 * Bytes that go out. A client's request head may leave with a header of ours: then flow makes the
 * call instead of the hook.
 */
#include "hooks/hook.h"

/* Flags with which the bytes are no part of the stream, or must stay where they are in memory. */
#define UNTOUCHED (MSG_OOB | MSG_ZEROCOPY)

ssize_t AT_HOOK(write)(int fd, const void *buf, size_t n)
{
	if (at_shore_pass(fd))
		return at_libc.write(fd, buf, n);
	if (at_shore_hidden(fd))
		return -1;
	struct iovec iov = { (void *)buf, n };
	struct at_edits *edits = at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, NULL, 0, edits) :
			     at_libc.write(fd, buf, n);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

ssize_t AT_HOOK(writev)(int fd, const struct iovec *iov, int count)
{
	if (at_shore_pass(fd) || count <= 0)
		return at_libc.writev(fd, iov, count);
	if (at_shore_hidden(fd))
		return -1;
	struct at_edits *edits = at_shore_plan_vector(fd, iov, (size_t)count);
	ssize_t rc = edits ? at_shore_send(fd, iov, (size_t)count, NULL, 0, edits) :
			     at_libc.writev(fd, iov, count);
	at_shore_wrote(fd, iov, (size_t)count, rc);
	return rc;
}

ssize_t AT_HOOK(send)(int fd, const void *buf, size_t n, int flags)
{
	if (at_shore_pass(fd) || (flags & MSG_OOB))
		return at_libc.send(fd, buf, n, flags);
	if (at_shore_hidden(fd))
		return -1;
	struct iovec iov = { (void *)buf, n };
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, NULL, flags, edits) :
			     at_libc.send(fd, buf, n, flags);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

ssize_t AT_HOOK(sendto)(int fd, const void *buf, size_t n, int flags, const struct sockaddr *addr,
			socklen_t len)
{
	if (at_shore_pass(fd) || (flags & MSG_OOB))
		return at_libc.sendto(fd, buf, n, flags, addr, len);
	if (at_shore_hidden(fd))
		return -1;
	struct iovec iov = { (void *)buf, n };
	struct msghdr base = { .msg_name = (void *)addr, .msg_namelen = len };
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, &base, flags, edits) :
			     at_libc.sendto(fd, buf, n, flags, addr, len);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

ssize_t AT_HOOK(sendmsg)(int fd, const struct msghdr *msg, int flags)
{
	if (at_shore_pass(fd) || (flags & MSG_OOB))
		return at_libc.sendmsg(fd, msg, flags);
	if (at_shore_hidden(fd))
		return -1;
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan_message(fd, msg);
	ssize_t rc = edits ? at_shore_send(fd, msg->msg_iov, msg->msg_iovlen, msg, flags, edits) :
			     at_libc.sendmsg(fd, msg, flags);
	at_shore_wrote_message(fd, msg, rc);
	return rc;
}

/* With a change in the first message only that one is sent: fewer messages than asked for is an
 * answer every caller must expect. */
int AT_HOOK(sendmmsg)(int fd, struct mmsghdr *msgs, unsigned count, int flags)
{
	if (at_shore_pass(fd) || count == 0 || (flags & MSG_OOB))
		return at_libc.sendmmsg(fd, msgs, count, flags);
	if (at_shore_hidden(fd))
		return -1;
	struct msghdr *first = &msgs[0].msg_hdr;
	struct at_edits *edits = flags & UNTOUCHED ? NULL : at_shore_plan_message(fd, first);
	if (!edits) {
		int rc = at_libc.sendmmsg(fd, msgs, count, flags);
		for (int i = 0; i < rc; i++)
			at_shore_wrote_message(fd, &msgs[i].msg_hdr, msgs[i].msg_len);
		if (rc < 0)
			at_shore_wrote(fd, NULL, 0, rc);
		return rc;
	}
	ssize_t n = at_shore_send(fd, first->msg_iov, first->msg_iovlen, first, flags, edits);
	at_shore_wrote_message(fd, first, n);
	if (n < 0)
		return -1;
	msgs[0].msg_len = (unsigned)n;
	return 1;
}

ssize_t AT_HOOK(sendfile)(int out, int in, off_t *offset, size_t n)
{
	if (at_shore_pass(out))
		return at_libc.sendfile(out, in, offset, n);
	if (at_shore_hidden(out) || !at_shore_flush_own(out))
		return -1;
	ssize_t rc = at_libc.sendfile(out, in, offset, n);
	at_shore_wrote_unseen(out, rc);
	return rc;
}

ssize_t AT_HOOK(sendfile64)(int out, int in, off_t *offset, size_t n)
{
	if (at_shore_pass(out))
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
	bool pass_in = at_shore_pass(in);
	bool pass_out = at_shore_pass(out);
	if (pass_in && pass_out)
		return at_libc.splice(in, in_offset, out, out_offset, n, flags);
	if (at_shore_hidden(in) || at_shore_hidden(out) ||
	    (!pass_out && !at_shore_flush_own(out)))
		return -1;
	ssize_t rc = at_libc.splice(in, in_offset, out, out_offset, n, flags);
	if (!pass_in)
		at_shore_read_unseen(in, rc);
	if (!pass_out)
		at_shore_wrote_unseen(out, rc);
	return rc;
}
