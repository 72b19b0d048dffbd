/*
 * The calls that bring bytes: one script for all of them, over every kind of connection, as server,
 * as client and with a stranger; then what only some of them can do.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "hooks/harness.h"
#include "hooks/message.h"

#define NO_FD 777 /* never open */
#define ROOM  300 /* of buffers */

/* A call that reads, with all its arguments but these made up. */
typedef ssize_t in_fn(int fd, void *buf, size_t n, int flags);

struct reader {
	in_fn *in;  /* the call */
	bool flags; /* it takes some */
};

static ssize_t in_read(int fd, void *buf, size_t n, int flags)
{
	(void)flags;
	return read(fd, buf, n);
}

static ssize_t in_read_chk(int fd, void *buf, size_t n, int flags)
{
	(void)flags;
	return __read_chk(fd, buf, n, n);
}

static ssize_t in_readv(int fd, void *buf, size_t n, int flags)
{
	struct iovec iov[4] = {
		{buf, n / 3}, {null, 0}, {unreadable(), 0}, {(char *)buf + n / 3, n - n / 3}};
	(void)flags;
	return readv(fd, iov, 4);
}

static ssize_t in_recv(int fd, void *buf, size_t n, int flags)
{
	return recv(fd, buf, n, flags);
}

static ssize_t in_recv_chk(int fd, void *buf, size_t n, int flags)
{
	return __recv_chk(fd, buf, n, n, flags);
}

static ssize_t in_recvfrom(int fd, void *buf, size_t n, int flags)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	memset(&from, 0x55, sizeof(from));
	ssize_t rc = recvfrom(fd, buf, n, flags, (struct sockaddr *)&from, &len);
	int saved = errno;
	if (rc >= 0)
		say("address of %u, family %x", len, from.ss_family);
	errno = saved;
	return rc;
}

static ssize_t in_recvfrom_chk(int fd, void *buf, size_t n, int flags)
{
	return __recvfrom_chk(fd, buf, n, n, flags, NULL, NULL);
}

static void say_message(const struct msghdr *msg)
{
	int saved = errno;
	say("name %u control %zu flags %x pieces %zu", msg->msg_namelen,
	    (size_t)msg->msg_controllen, (unsigned)msg->msg_flags, (size_t)msg->msg_iovlen);
	errno = saved;
}

static ssize_t in_recvmsg(int fd, void *buf, size_t n, int flags)
{
	struct sockaddr_storage from;
	char control[64];
	struct iovec iov[2] = {{buf, n / 2}, {(char *)buf + n / 2, n - n / 2}};
	struct msghdr msg = {.msg_name = &from,
			     .msg_namelen = sizeof(from),
			     .msg_iov = iov,
			     .msg_iovlen = 2,
			     .msg_control = control,
			     .msg_controllen = sizeof(control),
			     .msg_flags = 0x7f};
	ssize_t rc = recvmsg(fd, &msg, flags);
	say_message(&msg);
	return rc;
}

static ssize_t in_recvmmsg(int fd, void *buf, size_t n, int flags)
{
	struct iovec iov = {buf, n};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}, .msg_len = 7777};
	int rc = recvmmsg(fd, &msg, 1, flags, NULL);
	if (rc != 1)
		return rc;
	say_message(&msg.msg_hdr);
	return (ssize_t)msg.msg_len;
}

/* Reads, and shows the buffer with what it was filled with before. */
static ssize_t take(const struct reader *r, int fd, size_t n, int flags)
{
	static char buf[ROOM];
	memset(buf, '.', sizeof(buf));
	ssize_t rc = TELL(r->in(fd, buf, n, flags));
	int saved = errno;
	say_bytes("buffer", buf, rc > 0 && rc < ROOM ? (size_t)rc + 1 : 1);
	errno = saved;
	return rc;
}

/* Exactly this. */
static void takes(const struct reader *r, int fd, size_t n, const char *text)
{
	char buf[ROOM];
	memset(buf, '.', sizeof(buf));
	ssize_t want = (ssize_t)(strlen(text) < n ? strlen(text) : n);
	IS(want, r->in(fd, buf, n, 0));
	CHECK(memcmp(buf, text, (size_t)want) == 0 && buf[want] == '.');
}

static void errors(const struct reader *r)
{
	char byte = 0;
	int tube[2], zero = open("/dev/zero", O_RDWR), fresh = socket(AF_INET, SOCK_STREAM, 0);
	must(pipe(tube) == 0, "pipe");
	ERR(EBADF, r->in(-1, &byte, 1, 0));
	ERR(EBADF, r->in(NO_FD, &byte, 1, 0));
	ERR(EBADF, r->in(2000000, &byte, 1, 0));
	TELL(r->in(INT_MAX, nowhere, 1, 0));
	TELL(r->in(zero, &byte, 1, 0));
	TELL(r->in(zero, nowhere, 1, 0));
	TELL(r->in(tube[1], &byte, 1, 0));
	TELL(r->in(open("/", O_RDONLY), &byte, 1, 0));
	if (r->flags) {
		ERR(ENOTSOCK, r->in(zero, &byte, 1, 0));
		ERR(ENOTSOCK, r->in(tube[0], &byte, 1, 0));
	}
	ERR(ENOTCONN, r->in(fresh, &byte, 1, 0));
	must(listen(fresh, 1) == 0, "listen");
	ERR(ENOTCONN, r->in(fresh, &byte, 1, 0));
	close(tube[0]);
	close(tube[1]);
	close(zero);
	close(fresh);
}

/* The ways not to get bytes, and that none is lost by them. */
static void play_plain(struct ends *e, void *arg)
{
	const struct reader *r = arg;
	char *half = edge(4), byte;
	const char *text = heard(e);
	ready_to_hear(e);
	peer_say(e, text);
	takes(r, e->fd, 10, text);
	TELL(r->in(e->fd, &byte, 0, MSG_DONTWAIT));
	ERR(EFAULT, r->in(e->fd, nowhere, 7, 0));
	ERR(EFAULT, r->in(e->fd, unreadable(), 7, 0));
	ERR(EFAULT, r->in(e->fd, null, 7, 0));
	ERR(EFAULT, r->in(e->fd, half, 20, 0));
	takes(r, e->fd, ROOM, text + 10);
	nonblocking(e->fd, true);
	ERR(EAGAIN, r->in(e->fd, &byte, 1, 0));
	ERR(EAGAIN, r->in(e->fd, unreadable(), 1, 0));
	nonblocking(e->fd, false);
	interrupt_soon();
	ERR(EINTR, r->in(e->fd, &byte, 1, 0));
	calm();
	struct timeval soon = {0, 2000};
	setsockopt(e->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	ERR(EAGAIN, r->in(e->fd, &byte, 1, 0));
	if (e->role == CLIENT)
		return;
	IS((long)strlen(said(e)), write(e->fd, said(e), strlen(said(e))));
	peer_take(e, strlen(said(e)), NULL);
	peer_say(e, text);
	takes(r, e->fd, 1, text);
	takes(r, e->fd, ROOM, text + 1);
}

static void play_end(struct ends *e, void *arg)
{
	const struct reader *r = arg;
	char byte;
	ready_to_hear(e);
	peer_say(e, heard(e));
	takes(r, e->fd, 20, heard(e));
	RAW(SYS_shutdown, e->peer, SHUT_WR);
	takes(r, e->fd, ROOM, heard(e) + 20);
	IS(0, r->in(e->fd, &byte, 1, 0));
	TELL(r->in(e->fd, nowhere, 1, 0));
	IS(0, r->in(e->fd, &byte, 1, 0));
	IS(0, shutdown(e->fd, SHUT_RD));
	IS(0, r->in(e->fd, &byte, 1, 0));
}

static void play_reset(struct ends *e, void *arg)
{
	const struct reader *r = arg;
	ready_to_hear(e);
	peer_say(e, heard(e));
	takes(r, e->fd, 20, heard(e));
	peer_say(e, "x");
	peer_slam(e);
	int resets = 0;
	for (int i = 0; i < 4; i++)
		resets += take(r, e->fd, ROOM - 1, 0) < 0 && errno == ECONNRESET;
	CHECK(resets == 1 || e->kind > TCP6);
}

/* What the flags do; recvmsg and its kin tell it in msg_flags as well. */
static void play_flags(struct ends *e, void *arg)
{
	const struct reader *r = arg;
	ready_to_hear(e);
	ERR(EAGAIN, r->in(e->fd, (char[4]){0}, 4, MSG_DONTWAIT));
	peer_say(e, heard(e));
	take(r, e->fd, 10, MSG_PEEK);
	take(r, e->fd, ROOM - 1, MSG_PEEK | MSG_DONTWAIT);
	ERR(EFAULT, r->in(e->fd, nowhere, 4, MSG_PEEK));
	take(r, e->fd, 20, MSG_WAITALL);
	take(r, e->fd, 5, MSG_TRUNC);
	if (e->kind <= TCP6) {
		IS(4, r->in(e->fd, null, 4, MSG_TRUNC));
		TELL(r->in(e->fd, nowhere, 4, MSG_TRUNC));
		IS(4, r->in(e->fd, unreadable(), 4, MSG_TRUNC));
	}
	take(r, e->fd, 3, MSG_CMSG_CLOEXEC);
	take(r, e->fd, ROOM - 1, MSG_NOSIGNAL);
	take(r, e->fd, 10, MSG_OOB);
	take(r, e->fd, 10, MSG_ERRQUEUE | MSG_DONTWAIT);
	take(r, e->fd, 10, MSG_DONTWAIT | 0x4000000);
	peer_say(e, "abc");
	interrupt_soon();
	take(r, e->fd, 10, MSG_WAITALL);
	calm();
	if (e->kind > TCP6)
		return;
	must(RAW(SYS_sendto, e->peer, "abX", 3, MSG_OOB, 0, 0) == 3, "urgent");
	until(e->fd, POLLPRI);
	take(r, e->fd, 1, MSG_OOB);
	take(r, e->fd, 10, MSG_DONTWAIT);
	ERR(EINVAL, r->in(e->fd, (char[1]){0}, 1, MSG_OOB));
}

/* The first bytes of all are thrown away by TCP, unread, into a buffer that is none. */
static void play_discard(struct ends *e, void *arg)
{
	const struct reader *r = arg;
	ready_to_hear(e);
	peer_say(e, heard(e));
	if (e->kind <= TCP6)
		IS(9, r->in(e->fd, unreadable(), 9, MSG_TRUNC));
	else
		ERR(EFAULT, r->in(e->fd, unreadable(), 9, MSG_TRUNC));
	take(r, e->fd, ROOM - 1, 0);
}

/* Datagrams: longer than the room, of no length, and none. */
static void datagrams(const struct reader *r)
{
	int sv[2];
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0, "socketpair");
	for (int i = 0; i < 3; i++)
		must(RAW(SYS_sendto, sv[1], "GET / HTTP/1.1", 14, 0, 0, 0) == 14, "datagram");
	must(RAW(SYS_sendto, sv[1], "", 0, 0, 0, 0) == 0, "empty datagram");
	take(r, sv[0], 5, 0);
	if (r->flags) {
		take(r, sv[0], 5, MSG_PEEK | MSG_TRUNC);
		take(r, sv[0], 5, MSG_TRUNC);
	} else {
		take(r, sv[0], 100, 0);
	}
	take(r, sv[0], 100, 0);
	IS(0, r->in(sv[0], (char[4]){0}, 4, 0));
	ERR(EAGAIN, (nonblocking(sv[0], true), r->in(sv[0], (char[4]){0}, 4, 0)));
	close(sv[0]);
	close(sv[1]);
}

static void reading(const struct reader *r)
{
	errors(r);
	say("---- plain");
	each_scene(play_plain, (void *)r);
	say("---- to the end");
	each_scene(play_end, (void *)r);
	say("---- reset");
	each_scene(play_reset, (void *)r);
	if (r->flags) {
		say("---- flags");
		each_scene(play_flags, (void *)r);
		say("---- discarded");
		each_scene(play_discard, (void *)r);
	}
	datagrams(r);
}

void test_hook_read(void)
{
	reading(&(struct reader){in_read, false});
}

void test_hook_recv(void)
{
	reading(&(struct reader){in_recv, true});
}

void test_hook_recvfrom(void)
{
	reading(&(struct reader){in_recvfrom, true});
	struct ends e = join(TCP, SERVER, HTTP);
	char buf[10];
	socklen_t len = 16;
	peer_say(&e, heard(&e));
	TELL(recvfrom(e.fd, buf, 3, 0, nowhere, &len));
	TELL(recvfrom(e.fd, buf, 3, 0, (struct sockaddr *)buf, nowhere));
	TELL(recvfrom(e.fd, buf, 3, MSG_DONTWAIT, (struct sockaddr *)buf, null));
	part(&e);
}

/* ---- fortified: the same, and more than there is room for is the end ---- */

static void over_read(void *unused)
{
	char buf[4];
	(void)unused;
	say("%zd", __read_chk(open("/dev/zero", O_RDONLY), buf, 5, 4));
}

static void over_recv(void *fd)
{
	char buf[4];
	say("%zd", __recv_chk(*(int *)fd, buf, 5, 4, MSG_DONTWAIT));
}

static void over_recvfrom(void *fd)
{
	char buf[4];
	say("%zd", __recvfrom_chk(*(int *)fd, buf, 5, 4, MSG_DONTWAIT, NULL, NULL));
}

static void over(void (*fn)(void *))
{
	struct ends e = in_the_middle();
	int none = NO_FD;
	in_child("an overflow", fn, &e.fd);
	in_child("an overflow of nothing", fn, &none);
	IS(5, read(e.fd, (char[5]){0}, 5));
	part(&e);
}

void test_hook___read_chk(void)
{
	reading(&(struct reader){in_read_chk, false});
	over(over_read);
}

void test_hook___recv_chk(void)
{
	reading(&(struct reader){in_recv_chk, true});
	over(over_recv);
}

void test_hook___recvfrom_chk(void)
{
	reading(&(struct reader){in_recvfrom_chk, true});
	over(over_recvfrom);
}

/* ---- pieces ---- */

static struct iovec *many_pieces(size_t count, char *to)
{
	static struct iovec iov[IOV_MAX + 1];
	for (size_t i = 0; i < count; i++)
		iov[i] = (struct iovec){to + i, 1};
	return iov;
}

static void play_pieces(struct ends *e, void *arg)
{
	char buf[IOV_MAX + 1], a[4], *half = edge(3);
	struct iovec two[] = {{a, 4}, {nowhere, 4}}, last[] = {{a, 4}, {half, 4}};
	struct iovec huge[] = {{a, 4}, {buf, SSIZE_MAX}}, big[] = {{a, 4}, {buf, 0x7fffffff}};
	(void)arg;
	ready_to_hear(e);
	peer_say(e, heard(e));
	IS(0, readv(e->fd, two, 0));
	ERR(EINVAL, readv(e->fd, two, minus_one));
	ERR(EINVAL, readv(e->fd, many_pieces(IOV_MAX, buf), IOV_MAX + 1));
	ERR(EFAULT, readv(e->fd, nowhere, 2));
	ERR(EFAULT, readv(e->fd, null, 2));
	TELL(readv(e->fd, huge, 2));
	huge[1].iov_len = (size_t)-1;
	ERR(EINVAL, readv(e->fd, huge, 2));
	TELL(readv(e->fd, two, 2));
	TELL(readv(e->fd, last, 2));
	memset(buf, '.', sizeof(buf));
	TELL(readv(e->fd, many_pieces(IOV_MAX, buf), IOV_MAX));
	say_bytes("buffer", buf, 100);
	peer_say(e, "0123456789");
	memset(buf, '.', sizeof(buf));
	IS(10, readv(e->fd, big, 2));
	say_bytes("buffer", buf, 10);
	CHECK(two[0].iov_base == a && two[0].iov_len == 4 && big[1].iov_len == 0x7fffffff);
}

void test_hook_readv(void)
{
	reading(&(struct reader){in_readv, false});
	each_scene(play_pieces, NULL);
}

/* ---- messages ---- */

static void play_messages(struct ends *e, void *arg)
{
	char buf[IOV_MAX + 1];
	struct iovec iov = {buf, 4}, two[] = {{buf, 4}, {nowhere, 4}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	(void)arg;
	ready_to_hear(e);
	peer_say(e, heard(e));
	ERR(EFAULT, recvmsg(e->fd, nowhere, 0));
	ERR(EFAULT, recvmsg(e->fd, null, 0));
	ERR(EFAULT, recvmsg(e->fd, &(struct msghdr){.msg_iov = nowhere, .msg_iovlen = 1}, 0));
	ERR(EMSGSIZE, recvmsg(e->fd,
			      &(struct msghdr){.msg_iov = many_pieces(IOV_MAX, buf),
					       .msg_iovlen = IOV_MAX + 1},
			      0));
	ERR(EINVAL, recvmsg(e->fd,
			    &(struct msghdr){.msg_name = buf,
					     .msg_namelen = (socklen_t)-1,
					     .msg_iov = &iov,
					     .msg_iovlen = 1},
			    0));
	TELL(recvmsg(e->fd, &(struct msghdr){.msg_iov = two, .msg_iovlen = 2}, 0));
	TELL(recvmsg(e->fd, &(struct msghdr){.msg_iov = &iov}, MSG_DONTWAIT));
	TELL(recvmsg(e->fd, &(struct msghdr){0}, MSG_DONTWAIT));
	msg.msg_name = nowhere;
	msg.msg_namelen = 16;
	TELL(recvmsg(e->fd, &msg, 0));
	msg = (struct msghdr){
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = nowhere, .msg_controllen = 100};
	TELL(recvmsg(e->fd, &msg, 0));
	say_message(&msg);
	msg = (struct msghdr){.msg_iov = many_pieces(IOV_MAX, buf), .msg_iovlen = IOV_MAX};
	memset(buf, '.', sizeof(buf));
	TELL(recvmsg(e->fd, &msg, 0));
	say_bytes("buffer", buf, 100);
}

/* Stamps of time that come with the bytes are the kernel's, and longer than there is room for. */
static void stamped(void)
{
	int one = 1, udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_storage at;
	socklen_t len = name_of(TCP, &at);
	char buf[10], control[200];
	struct iovec iov = {buf, sizeof(buf)};
	must(bind(udp, (struct sockaddr *)&at, len) == 0, "bind");
	getsockname(udp, (struct sockaddr *)&at, &len);
	setsockopt(udp, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one));
	for (size_t room = 0; room <= sizeof(control); room += 20) {
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = room};
		must(RAW(SYS_sendto, udp, "GET / HTTP/1.1\r\n", 16, 0, &at, len) == 16, "sendto");
		until(udp, POLLIN);
		IS(10, recvmsg(udp, &msg, 0));
		say_message(&msg);
	}
	close(udp);
}

void test_hook_recvmsg(void)
{
	reading(&(struct reader){in_recvmsg, true});
	each_scene(play_messages, NULL);
	stamped();
	rights_in(false);
}

#define SEVERAL 4

struct several {
	char buf[SEVERAL][4];
	struct iovec iov[SEVERAL];
	struct mmsghdr m[SEVERAL];
};

static struct mmsghdr *several(struct several *s)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < SEVERAL; i++) {
		s->iov[i] = (struct iovec){s->buf[i], 4};
		s->m[i].msg_hdr.msg_iov = &s->iov[i];
		s->m[i].msg_hdr.msg_iovlen = 1;
		s->m[i].msg_len = 99;
	}
	return s->m;
}

static void say_several(const struct several *s)
{
	for (int i = 0; i < SEVERAL; i++) {
		say("message %d: %u, flags %x", i, s->m[i].msg_len,
		    (unsigned)s->m[i].msg_hdr.msg_flags);
		say_bytes("buffer", s->buf[i], 4);
	}
}

static void play_several(struct ends *e, void *arg)
{
	struct several s;
	struct timespec limit = {0, 2000000}, minus = {0, -1};
	(void)arg;
	ready_to_hear(e);
	ERR(EAGAIN, recvmmsg(e->fd, several(&s), SEVERAL, MSG_DONTWAIT, NULL));
	peer_say(e, "0123456789");
	IS(0, recvmmsg(e->fd, several(&s), 0, MSG_DONTWAIT, NULL));
	ERR(EFAULT, recvmmsg(e->fd, nowhere, 4, MSG_DONTWAIT, NULL));
	ERR(EFAULT, recvmmsg(e->fd, several(&s), 1, MSG_DONTWAIT, nowhere));
	ERR(EINVAL, recvmmsg(e->fd, several(&s), 1, MSG_DONTWAIT, &minus));
	IS(3, recvmmsg(e->fd, several(&s), SEVERAL, MSG_DONTWAIT, NULL));
	say_several(&s);
	peer_say(e, "ab");
	IS(1, recvmmsg(e->fd, several(&s), SEVERAL, MSG_WAITFORONE, &limit));
	CHECK(limit.tv_sec == 0 && limit.tv_nsec <= 2000000);
	say_several(&s);
	peer_say(e, "abcdef");
	several(&s)[1].msg_hdr.msg_iov = nowhere;
	IS(1, recvmmsg(e->fd, s.m, SEVERAL, MSG_DONTWAIT, NULL));
	say_several(&s);
	TELL(recvmmsg(e->fd, several(&s), 1, MSG_DONTWAIT, NULL));
	IS(1, recvmmsg(e->fd, several(&s), 1, MSG_DONTWAIT, NULL));
	say_several(&s);
	nonblocking(e->fd, true);
	ERR(EAGAIN, recvmmsg(e->fd, several(&s), 1, 0, &limit));
	/* An error behind a message is kept by the kernel for the next call. */
	peer_say(e, "abcd");
	RAW(SYS_shutdown, e->peer, SHUT_WR);
	pause_ms(2);
	TELL(recvmmsg(e->fd, several(&s), SEVERAL, 0, NULL));
	say_several(&s);
	peer_slam(e);
	TELL(recvmmsg(e->fd, several(&s), SEVERAL, 0, NULL));
	TELL(recvmmsg(e->fd, several(&s), SEVERAL, 0, NULL));
}

void test_hook_recvmmsg(void)
{
	reading(&(struct reader){in_recvmmsg, true});
	each_scene(play_several, NULL);
	rights_in(true);
}
