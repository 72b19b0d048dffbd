/*
 * The calls that take bytes: one script for all of them, over every kind of connection. A client's
 * head leaves with a header of ours; the caller must not see it in a single number.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "hooks/harness.h"
#include "hooks/message.h"

#define NO_FD 777 /* never open */

/* A call that writes, with all its arguments but these made up. */
typedef ssize_t out_fn(int fd, const void *buf, size_t n, int flags);

struct writer {
	out_fn *out; /* the call */
	bool flags;  /* it takes some */
};

static ssize_t out_write(int fd, const void *buf, size_t n, int flags)
{
	(void)flags;
	return write(fd, buf, n);
}

static ssize_t out_writev(int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov[4] = {{(void *)buf, n / 3},
			       {null, 0},
			       {unreadable(), 0},
			       {(char *)buf + n / 3, n - n / 3}};
	(void)flags;
	return writev(fd, iov, 4);
}

static ssize_t out_send(int fd, const void *buf, size_t n, int flags)
{
	return send(fd, buf, n, flags);
}

static ssize_t out_sendto(int fd, const void *buf, size_t n, int flags)
{
	return sendto(fd, buf, n, flags, NULL, 0);
}

static ssize_t out_sendmsg(int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov[2] = {{(void *)buf, n / 2}, {(char *)buf + n / 2, n - n / 2}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2, .msg_flags = 0x7f};
	ssize_t rc = sendmsg(fd, &msg, flags);
	int saved = errno;
	must(msg.msg_iov == iov && msg.msg_iovlen == 2 && msg.msg_flags == 0x7f, "untouched");
	errno = saved;
	return rc;
}

static ssize_t out_sendmmsg(int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov = {(void *)buf, n};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}, .msg_len = 7777};
	int rc = sendmmsg(fd, &msg, 1, flags);
	return rc == 1 ? (ssize_t)msg.msg_len : rc;
}

static void errors(const struct writer *w)
{
	int tube[2], zero = open("/dev/zero", O_RDONLY), full = open("/dev/full", O_WRONLY);
	int fresh = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	must(pipe(tube) == 0, "pipe");
	ERR(EBADF, w->out(-1, "x", 1, 0));
	ERR(EBADF, w->out(NO_FD, "x", 1, 0));
	TELL(w->out(INT_MAX, nowhere, 1, 0));
	if (w->flags) {
		ERR(ENOTSOCK, w->out(zero, "x", 1, 0));
		ERR(ENOTSOCK, w->out(tube[1], "x", 1, 0));
	} else {
		ERR(EBADF, w->out(zero, "x", 1, 0));
		ERR(EBADF, w->out(tube[0], "x", 1, 0));
		ERR(ENOSPC, w->out(full, "x", 1, 0));
		IS(1, w->out(tube[1], "x", 1, 0));
		ERR(EFAULT, w->out(tube[1], nowhere, 1, 0));
	}
	count_pipes();
	TELL(w->out(fresh, "GET / HTTP/1.1\r\n\r\n", 18, 0));
	ERR(EDESTADDRREQ, w->out(udp, "x", 1, 0));
	must(listen(fresh, 1) == 0, "listen");
	TELL(w->out(fresh, "x", 1, 0));
	TELL(pipes);
	close(tube[0]);
	if (!w->flags) {
		ERR(EPIPE, w->out(tube[1], "x", 1, 0));
		TELL(pipes);
	}
	close(tube[1]);
	close(zero);
	close(full);
	close(fresh);
	close(udp);
}

/* One text, and the ways not to take it. */
static void play_plain(struct ends *e, void *arg)
{
	const struct writer *w = arg;
	const char *text = said(e);
	size_t n = strlen(text);
	char *half = edge(n - 10);
	int injected = 0;
	ready_to_speak(e);
	memcpy(half, text, n - 10);
	TELL(w->out(e->fd, "", 0, 0));
	TELL(w->out(e->fd, nowhere, 0, 0));
	ERR(EFAULT, w->out(e->fd, nowhere, n, 0));
	ERR(EFAULT, w->out(e->fd, unreadable(), n, 0));
	ERR(EFAULT, w->out(e->fd, null, n, 0));
	ERR(EFAULT, w->out(e->fd, half, n, 0));
	IS((long)n, w->out(e->fd, text, n, 0));
	CHECK(peer_take(e, n, &injected) == n);
	check(injected == (injects() && e->role == CLIENT && e->talk == HTTP), "the header",
	      __FILE__, __LINE__);
	if (e->role == SERVER && e->talk == HTTP)
		ready_to_speak(e);
	for (size_t i = 0; i < n; i++)
		must(w->out(e->fd, text + i, 1, 0) == 1, "byte by byte");
	CHECK(peer_take(e, n, NULL) == n);
}

/* Cut in two at every place: both halves are whole. */
static void play_cut(struct ends *e, void *arg)
{
	const struct writer *w = arg;
	const char *text = said(e);
	size_t n = strlen(text), bad = 0;
	char buf[1024];
	if (e->role == SERVER)
		ready_to_speak(e);
	for (size_t cut = 0; cut <= n; cut += 7) {
		errno = UNTOUCHED;
		bad += w->out(e->fd, text, cut, 0) != (ssize_t)cut;
		bad += w->out(e->fd, text + cut, n - cut, 0) != (ssize_t)(n - cut);
		bad += errno != UNTOUCHED;
		bad += peer_drain(e, n, buf, sizeof(buf), NULL) != n || memcmp(buf, text, n) != 0;
		if (e->role == SERVER)
			ready_to_speak(e);
	}
	CHECK(bad == 0);
}

/* Fills what the kernel takes, draining now and then; what comes out is what went in. How much each
 * call takes nobody knows. */
static void play_full(struct ends *e, void *arg)
{
	enum { TOTAL = 1000000, LENGTH = TOTAL / 10 };
	static char block[TOTAL], got[TOTAL + 65536];
	const struct writer *w = arg;
	const char *head = e->talk == STRANGE  ? "SSH-2.0-hooks\r\n"
			   : e->role == SERVER ? "HTTP/1.1 200 OK\r\nContent-Length: 99900\r\n\r\n"
					       : "POST /full HTTP/1.1\r\nHost: x\r\n"
						 "Content-Length: 99900\r\n\r\n";
	size_t out = 0, in = 0, fulls = 0, wrong = 0, head_n = strlen(head);
	for (size_t i = 0; i < TOTAL; i++)
		block[i] = (char)('a' + i % 26);
	for (size_t i = 0; i + LENGTH <= TOTAL; i += head_n + 99900)
		memcpy(block + i, head, head_n);
	ready_to_speak(e);
	small_buffers(e);
	nonblocking(e->fd, true);
	while (out < TOTAL) {
		errno = UNTOUCHED;
		ssize_t rc =
			w->out(e->fd, block + out, TOTAL - out < 90001 ? TOTAL - out : 90001, 0);
		wrong += rc == 0 || rc > 90001 || errno != (rc < 0 ? EAGAIN : UNTOUCHED);
		fulls += rc < 0;
		out += rc > 0 ? (size_t)rc : 0;
		if (rc < 0)
			in += peer_some(e, got + in, sizeof(got) - in);
		must(wrong == 0, "a full buffer");
	}
	for (int i = 0; i < 100 && (in < TOTAL || memcmp(got + in - 3, block + TOTAL - 3, 3) != 0);
	     i++, pause_ms(1))
		in += peer_some(e, got + in, sizeof(got) - in);
	CHECK(fulls > 0 && without_ours(got, in, NULL) == TOTAL && memcmp(block, got, TOTAL) == 0);
}

/* A unix socket takes so much at once when its buffer is the smallest: heads of about this length
 * make it stop inside a header of ours, at every byte of it. The rest goes with other flags. */
static void play_squeezed(struct ends *e, void *arg)
{
	enum { ROOM = 30000 };
	const struct writer *w = arg;
	const int flags[] = {0, w->flags ? MSG_MORE : 0, w->flags ? MSG_ZEROCOPY : 0};
	static char text[ROOM + 100], got[2 * ROOM];
	size_t wrong = 0, parts = 0;
	int n = 1, injected;
	if (e->kind < UNIX || e->role == SERVER || e->talk == STRANGE)
		return;
	RAW(SYS_setsockopt, e->fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
	nonblocking(e->fd, true);
	long most = RAW(SYS_sendto, e->fd, text, ROOM, 0, 0, 0);
	must(most > 200 && most < ROOM, "the smallest buffer");
	peer_some(e, got, sizeof(got));
	for (size_t length = (size_t)most - 200; length < (size_t)most; length++) {
		size_t all = (size_t)sprintf(text, "GET /%0*d HTTP/1.1\r\nHost: x\r\n\r\n",
					     (int)length, 0);
		size_t out = 0, in = 0;
		for (int i = 0; out < all && i < 100; i++) {
			ssize_t rc = w->out(e->fd, text + out, all - out, flags[length % 3] * !!i);
			out += rc > 0 ? (size_t)rc : 0;
			parts += rc > 0 && out < all;
			in += peer_some(e, got + in, sizeof(got) - in);
		}
		wrong += without_ours(got, in, &injected) != all || memcmp(text, got, all) != 0;
		/* A head of which nothing but its end is left leaves without. */
		wrong += injected != injects() && (flags[length % 3] != MSG_ZEROCOPY || injected);
	}
	CHECK(wrong == 0);
	check(parts > 0 || !injects(), "parts", __FILE__, __LINE__);
}

/* The call until it fails, and how it does: what is under way makes room for a while. */
static void in_the_end(const struct writer *w, struct ends *e, size_t n, int flags, int error)
{
	static char block[100000];
	ssize_t rc;
	do {
		errno = UNTOUCHED;
		rc = w->out(e->fd, block, n, flags);
	} while (rc > 0);
	check_call("in the end", rc, -1, error, __FILE__, __LINE__);
}

static void play_waiting(struct ends *e, void *arg)
{
	const struct writer *w = arg;
	const char *text = said(e);
	struct timeval soon = {0, 2000};
	ready_to_speak(e);
	IS((long)strlen(text), w->out(e->fd, text, strlen(text), 0));
	small_buffers(e);
	nonblocking(e->fd, true);
	in_the_end(w, e, 100000, 0, EAGAIN);
	in_the_end(w, e, 1, 0, EAGAIN);
	nonblocking(e->fd, false);
	if (w->flags)
		in_the_end(w, e, 100, MSG_DONTWAIT, EAGAIN);
	interrupt_soon();
	in_the_end(w, e, 100, 0, EINTR);
	calm();
	setsockopt(e->fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	in_the_end(w, e, 100, 0, EAGAIN);
}

static void play_broken(struct ends *e, void *arg)
{
	const struct writer *w = arg;
	const char *text = said(e);
	size_t n = strlen(text);
	ready_to_speak(e);
	count_pipes();
	IS(5, w->out(e->fd, text, 5, 0));
	IS(0, shutdown(e->fd, SHUT_WR));
	ERR(EPIPE, w->out(e->fd, text + 5, n - 5, 0));
	ERR(EPIPE, w->out(e->fd, "", 1, 0));
	IS(2, pipes);
	if (w->flags) {
		ERR(EPIPE, w->out(e->fd, text, n, MSG_NOSIGNAL));
		IS(2, pipes);
	}
	signal(SIGPIPE, SIG_IGN);
	ERR(EPIPE, w->out(e->fd, text, n, 0));
}

static void play_reset(struct ends *e, void *arg)
{
	const struct writer *w = arg;
	const char *text = said(e);
	size_t n = strlen(text);
	ready_to_speak(e);
	IS(5, w->out(e->fd, text, 5, 0));
	count_pipes();
	peer_slam(e);
	for (int i = 0; i < 3; i++)
		TELL(w->out(e->fd, text, n, 0));
	if (w->flags)
		ERR(EPIPE, w->out(e->fd, text, n, MSG_NOSIGNAL));
	TELL(pipes);
}

static void die_of_a_pipe(void *arg)
{
	int sv[2];
	signal(SIGPIPE, SIG_DFL);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	close(sv[1]);
	((const struct writer *)arg)->out(sv[0], "GET / HTTP/1.1\r\n\r\n", 18, 0);
}

static void play_flags(struct ends *e, void *arg)
{
	static const int flags[] = {
		MSG_MORE,     MSG_DONTWAIT, MSG_NOSIGNAL,    MSG_DONTROUTE,
		MSG_EOR,      MSG_CONFIRM,  0x1000000,       MSG_FASTOPEN,
		MSG_ZEROCOPY, MSG_OOB,      MSG_PEEK,        MSG_TRUNC,
		MSG_ERRQUEUE, MSG_CTRUNC,   (int)0x80000000, MSG_MORE | MSG_DONTWAIT};
	const struct writer *w = arg;
	const char *text = said(e);
	size_t n = strlen(text);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (e->role == SERVER)
			ready_to_speak(e);
		say("flag %x", (unsigned)flags[i]);
		long rc = TELL(w->out(e->fd, text, n, flags[i]));
		TELL(w->out(e->fd, "", 0, 0));
		if (rc > 0 && (flags[i] & MSG_OOB))
			rc--;
		peer_take(e, rc > 0 ? (size_t)rc : 0, NULL);
	}
}

/* What the peer must get: all that calls said they took. */
static size_t taken;

static void sum(long rc)
{
	taken += rc > 0 ? (size_t)rc : 0;
}

static void takes_sum(struct ends *e)
{
	size_t n = taken;
	taken = 0;
	CHECK(peer_take(e, n, NULL) == n);
}

/* A name for a stream that has a peer already. */
static void play_name(struct ends *e, void *arg)
{
	static const socklen_t lens[] = {0, 1, 2, 16, 110, 128, 129, 200, 4096, (socklen_t)-1};
	struct sockaddr_storage at;
	const char *text = said(e);
	size_t n = strlen(text);
	char room[4096] = {0};
	(void)arg;
	memcpy(room, &at, name_of(e->kind, &at));
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		if (e->role == SERVER)
			ready_to_speak(e);
		struct iovec iov = {(void *)text, n};
		struct msghdr msg = {
			.msg_name = room, .msg_namelen = lens[i], .msg_iov = &iov, .msg_iovlen = 1};
		say("a name of %d", (int)lens[i]);
		sum(TELL(sendto(e->fd, text, n, 0, (struct sockaddr *)room, lens[i])));
		sum(TELL(sendto(e->fd, text, n, 0, nowhere, lens[i])));
		sum(TELL(sendto(e->fd, text, n, 0, null, lens[i])));
		sum(TELL(sendmsg(e->fd, &msg, 0)));
		CHECK(msg.msg_namelen == lens[i]);
		msg.msg_name = nowhere;
		sum(TELL(sendmsg(e->fd, &msg, 0)));
		takes_sum(e);
	}
}

static void writing(const struct writer *w)
{
	static const struct {
		const char *name;
		void (*play)(struct ends *e, void *arg);
	} plays[] = {{"plain", play_plain},     {"cut", play_cut},
		     {"full", play_full},       {"squeezed", play_squeezed},
		     {"waiting", play_waiting}, {"broken", play_broken},
		     {"reset", play_reset}};
	errors(w);
	for (size_t i = 0; i < sizeof(plays) / sizeof(plays[0]); i++) {
		say("---- %s", plays[i].name);
		each_scene(plays[i].play, (void *)w);
	}
	in_child("a broken pipe", die_of_a_pipe, (void *)w);
	if (w->flags)
		each_scene(play_flags, (void *)w);
}

void test_hook_write(void)
{
	writing(&(struct writer){out_write, false});
}

void test_hook_send(void)
{
	writing(&(struct writer){out_send, true});
}

void test_hook_sendto(void)
{
	writing(&(struct writer){out_sendto, true});
	each_scene(play_name, NULL);
}

/* ---- pieces ---- */

static struct iovec *many_pieces(size_t count, const char *text)
{
	static struct iovec iov[IOV_MAX + 1];
	for (size_t i = 0; i < count; i++)
		iov[i] = (struct iovec){(void *)(text + i), 1};
	return iov;
}

static void play_pieces(struct ends *e, void *arg)
{
	static char big[IOV_MAX + 1];
	const char *text = said(e);
	size_t n = strlen(text);
	struct iovec two[] = {{(void *)text, n}, {nowhere, 4}},
		     bad[] = {{nowhere, 4}, {(void *)text, n}};
	struct iovec huge[] = {{(void *)text, n}, {big, SSIZE_MAX}}, whole[] = {{(void *)text, n}};
	(void)arg;
	memset(big, 'b', sizeof(big));
	memcpy(big, text, n);
	ready_to_speak(e);
	IS(0, writev(e->fd, two, 0));
	ERR(EINVAL, writev(e->fd, two, minus_one));
	ERR(EINVAL, writev(e->fd, many_pieces(IOV_MAX + 1, big), IOV_MAX + 1));
	ERR(EFAULT, writev(e->fd, nowhere, 2));
	ERR(EFAULT, writev(e->fd, null, 2));
	TELL(writev(e->fd, huge, 2));
	huge[1].iov_len = (size_t)-1;
	ERR(EINVAL, writev(e->fd, huge, 2));
	ERR(EFAULT, writev(e->fd, bad, 2));
	sum(TELL(writev(e->fd, two, 2)));
	sum(IS((long)n, writev(e->fd, whole, 1)));
	takes_sum(e);
	sum(IS(IOV_MAX, writev(e->fd, many_pieces(IOV_MAX, big), IOV_MAX)));
	takes_sum(e);
	sum(IS(IOV_MAX, writev(e->fd, many_pieces(IOV_MAX, big), IOV_MAX)));
	CHECK(whole[0].iov_base == text && whole[0].iov_len == n);
	takes_sum(e);
}

void test_hook_writev(void)
{
	writing(&(struct writer){out_writev, false});
	each_scene(play_pieces, NULL);
}

/* ---- messages ---- */

static void play_messages(struct ends *e, void *arg)
{
	static char big[IOV_MAX + 1];
	const char *text = said(e);
	size_t n = strlen(text);
	struct iovec iov = {(void *)text, n}, two[] = {{(void *)text, n}, {nowhere, 4}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	(void)arg;
	memset(big, 'b', sizeof(big));
	memcpy(big, text, n);
	ready_to_speak(e);
	ERR(EFAULT, sendmsg(e->fd, nowhere, 0));
	ERR(EFAULT, sendmsg(e->fd, null, 0));
	ERR(EFAULT, sendmsg(e->fd, &(struct msghdr){.msg_iov = nowhere, .msg_iovlen = 1}, 0));
	ERR(EMSGSIZE, sendmsg(e->fd,
			      &(struct msghdr){.msg_iov = many_pieces(IOV_MAX, big),
					       .msg_iovlen = IOV_MAX + 1},
			      0));
	TELL(sendmsg(e->fd, &(struct msghdr){0}, 0));
	sum(TELL(sendmsg(e->fd, &(struct msghdr){.msg_iov = two, .msg_iovlen = 2}, 0)));
	takes_sum(e);
	msg.msg_control = nowhere;
	msg.msg_controllen = 100;
	ERR(EFAULT, sendmsg(e->fd, &msg, 0));
	msg.msg_controllen = (size_t)-1;
	sum(TELL(sendmsg(e->fd, &msg, 0)));
	msg.msg_control = NULL;
	msg.msg_controllen = 0;
	msg.msg_iov = many_pieces(IOV_MAX, big);
	msg.msg_iovlen = IOV_MAX;
	sum(IS(IOV_MAX, sendmsg(e->fd, &msg, 0)));
	takes_sum(e);
	sum(IS(IOV_MAX, sendmsg(e->fd, &msg, 0)));
	takes_sum(e);
}

void test_hook_sendmsg(void)
{
	writing(&(struct writer){out_sendmsg, true});
	each_scene(play_messages, NULL);
	each_scene(play_name, NULL);
	rights_out(false);
}

#define SEVERAL 3

struct several {
	struct iovec iov[SEVERAL];
	struct mmsghdr m[SEVERAL];
};

static struct mmsghdr *several(struct several *s, const char *text)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < SEVERAL; i++) {
		s->iov[i] = (struct iovec){(void *)text, strlen(text)};
		s->m[i].msg_hdr.msg_iov = &s->iov[i];
		s->m[i].msg_hdr.msg_iovlen = 1;
		s->m[i].msg_hdr.msg_flags = 0x55;
		s->m[i].msg_len = 7777;
	}
	return s->m;
}

/* Messages that went in this call tell how much; those behind are untouched. */
static void say_several(const struct several *s, long count)
{
	for (long i = 0; i < count; i++)
		sum(s->m[i].msg_len);
	for (int i = 0; i < SEVERAL; i++)
		say("message %d: %u, flags %x", i, s->m[i].msg_len,
		    (unsigned)s->m[i].msg_hdr.msg_flags);
}

static void play_several(struct ends *e, void *arg)
{
	struct several s;
	const char *text = said(e);
	(void)arg;
	ready_to_speak(e);
	IS(0, sendmmsg(e->fd, several(&s, text), 0, 0));
	ERR(EFAULT, sendmmsg(e->fd, nowhere, 2, 0));
	ERR(EFAULT, sendmmsg(e->fd, null, 2, 0));
	say_several(&s, IS(SEVERAL, sendmmsg(e->fd, several(&s, text), SEVERAL, 0)));
	takes_sum(e);
	several(&s, text)[1].msg_hdr.msg_iov = nowhere;
	say_several(&s, IS(1, sendmmsg(e->fd, s.m, SEVERAL, 0)));
	several(&s, text)[0].msg_hdr.msg_iov = nowhere;
	ERR(EFAULT, sendmmsg(e->fd, s.m, SEVERAL, 0));
	several(&s, text)[1].msg_hdr.msg_control = nowhere;
	s.m[1].msg_hdr.msg_controllen = 100;
	say_several(&s, IS(1, sendmmsg(e->fd, s.m, SEVERAL, MSG_DONTWAIT)));
	several(&s, text)[2].msg_hdr.msg_iovlen = 0;
	say_several(&s, TELL(sendmmsg(e->fd, s.m, SEVERAL, MSG_NOSIGNAL)));
	takes_sum(e);
	count_pipes();
	IS(0, shutdown(e->fd, SHUT_WR));
	ERR(EPIPE, sendmmsg(e->fd, several(&s, text), SEVERAL, 0));
	say_several(&s, 0);
	IS(1, pipes);
}

/* An array that can be read only: how much went cannot be told, and so it is as if nothing had. */
static void play_read_only(struct ends *e, void *arg)
{
	const size_t page = 4096;
	const char *text = said(e);
	struct several *s =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)arg;
	ready_to_speak(e);
	several(s, text);
	must(mprotect(s, page, PROT_READ) == 0, "mprotect");
	ERR(EFAULT, sendmmsg(e->fd, s->m, SEVERAL, 0));
	say_several(s, 0);
	sum((long)strlen(text));
	takes_sum(e);
	munmap(s, page);
	/* The second one's length lies where nobody can write. */
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec iov = {(void *)text, strlen(text)};
	struct mmsghdr *m = (struct mmsghdr *)(two + page) - 1;
	for (int i = 0; i < 2; i++)
		m[i].msg_hdr = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
	must(mprotect(two + page, page, PROT_READ) == 0, "mprotect");
	IS(1, sendmmsg(e->fd, m, 2, 0));
	IS((long)strlen(text), m[0].msg_len);
	sum(2 * (long)strlen(text));
	takes_sum(e);
	munmap(two, 2 * page);
}

/* The kernel looks at 1,024 messages at most. */
static void play_most(struct ends *e, void *arg)
{
	static struct mmsghdr m[IOV_MAX + 10];
	static struct iovec one = {(char *)"x", 1};
	(void)arg;
	for (size_t i = 0; i < IOV_MAX + 10; i++)
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &one, .msg_iovlen = 1}};
	nonblocking(e->fd, true);
	long sent = SIGN(sendmmsg(e->fd, m, IOV_MAX + 10, 0));
	CHECK(sent > 0 && sent <= IOV_MAX);
	CHECK(m[sent - 1].msg_len == 1 && m[sent].msg_len == 0);
}

/* A buffer that fills up in the middle of the messages: those before count. */
static void play_part(struct ends *e, void *arg)
{
	enum { BLOCKS = 1000, BLOCK = 9000 };
	static char block[BLOCK], got[BLOCKS * BLOCK];
	static struct mmsghdr m[BLOCKS];
	struct iovec iov = {block, BLOCK};
	size_t bytes = 0;
	(void)arg;
	small_buffers(e);
	for (size_t i = 0; i < BLOCKS; i++)
		m[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	nonblocking(e->fd, true);
	long sent = SIGN(sendmmsg(e->fd, m, BLOCKS, 0));
	for (int i = 0; i < BLOCKS; i++)
		bytes += m[i].msg_len;
	CHECK(sent > 0 && sent < BLOCKS && m[sent].msg_len == 0);
	CHECK(peer_drain(e, bytes, got, sizeof(got), NULL) == bytes);
}

/* Datagrams leave as they are. */
static void datagrams(void)
{
	int sv[2];
	struct several s;
	char buf[100];
	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv) == 0, "socketpair");
	IS(SEVERAL, sendmmsg(sv[0], several(&s, "GET / HTTP/1.1\r\n\r\n"), SEVERAL, 0));
	say_several(&s, 0);
	for (int i = 0; i < SEVERAL; i++)
		IS(18, RAW(SYS_recvfrom, sv[1], buf, sizeof(buf), 0, 0, 0));
	close(sv[0]);
	close(sv[1]);
}

void test_hook_sendmmsg(void)
{
	writing(&(struct writer){out_sendmmsg, true});
	each_scene(play_several, NULL);
	each_scene(play_read_only, NULL);
	each_scene(play_most, NULL);
	each_scene(play_part, NULL);
	datagrams();
	rights_out(true);
}
