/*
 * A client of HTTP/1 that writes in every way there is and prints what each call returned, so that
 * two runs can be compared. It knows nothing of the library under test.
 *
 *   inject_client SCENARIO ADDRESS      ADDRESS: a port on 127.0.0.1, or the path of a socket
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define HEAD(path) "GET /" path " HTTP/1.1\r\nHost: test.example\r\nAccept: */*\r\n\r\n"
#define POST(size) "POST /p HTTP/1.1\r\nHost: test.example\r\nContent-Length: " #size "\r\n\r\n"
#define LEN(text)  (sizeof(text) - 1)

static const char *address;
static int pipes; /* SIGPIPEs so far */
static int dialled;

/* One line for each call. */
static long say(const char *what, long rc)
{
	int error = rc < 0 ? errno : 0;
	printf("%s %ld %s\n", what, rc, error ? strerrorname_np(error) : "-");
	return rc;
}

static void die(const char *what)
{
	perror(what);
	exit(9);
}

static union {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_un un;
} peer;

static socklen_t peer_len(void)
{
	if (address[0] == '/') {
		peer.un.sun_family = AF_UNIX;
		snprintf(peer.un.sun_path, sizeof(peer.un.sun_path), "%s", address);
		return sizeof(peer.un);
	}
	peer.in.sin_family = AF_INET;
	peer.in.sin_port = htons((unsigned short)atoi(address));
	peer.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return sizeof(peer.in);
}

static int dial_with(int sndbuf)
{
	socklen_t len = peer_len();
	int fd = socket(peer.any.sa_family, SOCK_STREAM, 0);
	int one = 1;
	if (sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	if (fd < 0 || connect(fd, &peer.any, len) != 0)
		die("connect");
	dialled++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int dial(void)
{
	return dial_with(0);
}

/* Ends our stream, reads the answers to their end. */
static void finish(int fd)
{
	char buf[4096];
	long sum = 0, n;
	say("shutdown", shutdown(fd, SHUT_WR));
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += n;
	say("answers", n < 0 ? n : sum > 0);
	say("close", close(fd));
}

/* Writes everything, however little is taken at a time; checks what is promised in any case. */
static void push(int fd, const char *data, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t rc = write(fd, data + done, n - done);
		if (rc < 0 && errno == EAGAIN) {
			struct pollfd p = {fd, POLLOUT, 0};
			if (poll(&p, 1, 10000) != 1)
				die("poll");
			continue;
		}
		if (rc <= 0 || (size_t)rc > n - done) {
			say("push", rc);
			return;
		}
		done += (size_t)rc;
	}
	say("pushed", (long)done);
}

/* ---- the simple ways ---- */

static void by_write(void)
{
	int fd = dial();
	say("write", write(fd, HEAD("1"), LEN(HEAD("1"))));
	say("write", write(fd, POST(5) "hello", LEN(POST(5) "hello")));
	say("write", write(fd, POST(5), LEN(POST(5))));
	say("write", write(fd, "he", 2));
	say("write", write(fd, "llo" HEAD("4"), LEN("llo" HEAD("4"))));
	finish(fd);
}

static void by_send(void)
{
	int fd = dial();
	say("send", send(fd, HEAD("1"), LEN(HEAD("1")), 0));
	say("send", send(fd, HEAD("2"), LEN(HEAD("2")), MSG_NOSIGNAL));
	say("send", send(fd, HEAD("3"), LEN(HEAD("3")), MSG_DONTWAIT));
	say("send", send(fd, POST(3), LEN(POST(3)), MSG_MORE));
	say("send", send(fd, "abc", 3, MSG_MORE | MSG_NOSIGNAL));
	say("send", send(fd, "GET /half HTTP/1.1\r\n", 20, MSG_MORE));
	say("send", send(fd, "Host: a\r\n\r\n", 11, 0));
	finish(fd);
}

static void by_sendto(void)
{
	int fd = dial();
	socklen_t len = peer_len();
	say("sendto", sendto(fd, HEAD("1"), LEN(HEAD("1")), 0, NULL, 0));
	say("sendto", sendto(fd, HEAD("2"), LEN(HEAD("2")), MSG_NOSIGNAL, &peer.any, len));
	say("sendto", sendto(fd, HEAD("3"), LEN(HEAD("3")), MSG_DONTWAIT, NULL, 0));
	finish(fd);
}

static void by_sendmmsg(void)
{
	const char *text[] = {HEAD("1"), POST(4), "abcd", HEAD("3") HEAD("4")};
	struct iovec iov[4];
	struct mmsghdr m[4];
	int fd = dial(), done = 0;
	long sum = 0;
	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){(char *)text[i], strlen(text[i])};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	while (done < 4) {
		int rc = sendmmsg(fd, m + done, (unsigned)(4 - done), MSG_NOSIGNAL);
		if (rc <= 0 || rc > 4 - done) {
			say("sendmmsg", rc);
			return;
		}
		for (int i = 0; i < rc; i++, done++) {
			sum += m[done].msg_len;
			say("msg_len", m[done].msg_len);
		}
	}
	say("sum", sum);
	finish(fd);
}

/* ---- pieces ---- */

static size_t long_head(char *to, size_t size)
{
	size_t n = (size_t)sprintf(to, "GET /long HTTP/1.1\r\nHost: test.example\r\n");
	for (int i = 0; n + 150 < size; i++)
		n += (size_t)sprintf(to + n, "X-Line-%d: %0*d\r\n", i, 60 + i % 40, i);
	n += (size_t)sprintf(to + n, "X-Last: %0*d\r\n\r\n", (int)(size - n - 12), 1);
	return n;
}

static void pieces(int fd, char *text, size_t n, int count, bool message)
{
	struct iovec *iov = calloc((size_t)count, sizeof(*iov));
	size_t at = 0;
	for (int i = 0; i < count; i++) {
		size_t end = n * (size_t)(i + 1) / (size_t)count;
		iov[i] = (struct iovec){text + at, end - at};
		at = end;
	}
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = (size_t)count};
	printf("%d pieces ", count);
	if (message)
		say("sendmsg", sendmsg(fd, &msg, MSG_NOSIGNAL));
	else
		say("writev", writev(fd, iov, count));
	free(iov);
}

static void vectors(bool message)
{
	static const int counts[] = {1,   2,   3,    4,    7,    16,   63,   64,   65,   333,
				     500, 999, 1020, 1021, 1022, 1023, 1024, 1025, 1026, 1100};
	static char text[2000];
	int fd = dial();
	size_t n = long_head(text, 1500);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		pieces(fd, text, n, counts[i], message);
	for (int count = 5; count < 400; count += 13)
		pieces(fd, text, n, count, message);
	struct iovec odd[5] = {{NULL, 0}, {text, 20}, {NULL, 0}, {text + 20, n - 20}, {text, 0}};
	say("writev", writev(fd, odd, 5));
	finish(fd);
}

static void by_writev(void)
{
	vectors(false);
}

static void by_sendmsg(void)
{
	vectors(true);
}

/* A descriptor travels with the head. */
static void by_control(void)
{
	int fd = dial();
	for (int round = 0; round < 3; round++) {
		char room[CMSG_SPACE(sizeof(int))] = {0};
		char text[] = HEAD("c");
		struct iovec iov[2] = {{text, 9}, {text + 9, LEN(text) - 9}};
		struct msghdr msg = {.msg_iov = iov,
				     .msg_iovlen = 2,
				     .msg_control = room,
				     .msg_controllen = sizeof(room)};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		int passed = open("/dev/null", O_RDONLY);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
		say("sendmsg", sendmsg(fd, &msg, 0));
		close(passed);
	}
	finish(fd);
}

/* ---- heads ---- */

static void pipelined(void)
{
	char text[8192];
	size_t n = 0;
	int fd = dial();
	for (int i = 0; i < 20; i++)
		n += (size_t)sprintf(text + n,
				     i % 3 ? "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
					   : "PUT /%d HTTP/1.1\r\nHost: a\r\n"
					     "Content-Length: 4\r\n\r\nbody",
				     i);
	say("write", write(fd, text, n));
	say("write", write(fd, text, n / 2));
	say("write", write(fd, text + n / 2, n - n / 2));
	finish(fd);
}

static void bytewise(void)
{
	const char text[] = "\r\n" HEAD("1") POST(3) "abc" HEAD("3");
	int fd = dial();
	for (size_t i = 0; i < LEN(text); i++)
		say("write", write(fd, text + i, 1));
	finish(fd);
}

static void large_heads(void)
{
	static const size_t sizes[] = {8000, 60000, 65000, 65400, 65536};
	static char text[70000];
	int fd = dial();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		size_t n = long_head(text, sizes[i]);
		printf("%zu bytes ", n);
		push(fd, text, n);
		for (size_t at = 0; at < n; at += 1000)
			push(fd, text + at, n - at < 1000 ? n - at : 1000);
	}
	finish(fd);
}

static void too_large_a_head(void)
{
	static char text[70000];
	int fd = dial();
	push(fd, text, long_head(text, 65537));
	push(fd, HEAD("2"), LEN(HEAD("2")));
	finish(fd);
}

static void odd_lines(void)
{
	int fd = dial();
	const char bare[] = "GET / HTTP/1.0\n\n";
	const char *rest[] = {
		"GET / HTTP/1.1\nHost: a\n\n",
		"get /lower HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET http://b.example/abs HTTP/1.1\r\nHost: b\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nX-Fold: one\r\n two\r\n\r\n",
	};
	say("write", write(fd, bare, LEN(bare)));
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
		say("write", write(fd, rest[i], strlen(rest[i])));
	finish(fd);
}

static void chunked(void)
{
	static const char head[] =
		"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
	static const char body[] = "5;x=y\r\nhello\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n";
	int fd = dial();
	say("write", write(fd, head, LEN(head)));
	for (size_t i = 0; i < LEN(body); i += 7)
		say("write", write(fd, body + i, LEN(body) - i < 7 ? LEN(body) - i : 7));
	say("write", write(fd, HEAD("2"), LEN(HEAD("2"))));
	finish(fd);
}

static void own_context(void)
{
	static const char text[] =
		"GET /own HTTP/1.1\r\nHost: a\r\n"
		"Traceparent: 00-11111111111111111111111111111111-2222222222222222-01\r\n\r\n";
	int fd = dial();
	say("write", write(fd, text, LEN(text)));
	finish(fd);
}

/* Not HTTP, or no longer. */
static void strangers(void)
{
	static const char *const text[] = {
		"PING\r\n",
		"*1\r\n$4\r\nPING\r\n",
		"\x16\x03\x01\x02\x00\x01",
		"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1 trailing\r\nHost: a\r\n\r\n",
		"GETTING STARTED\r\n\r\nGET / HTTP/1.1\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
	};
	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		int fd = dial();
		size_t n = strlen(text[i]) + (i == 2 ? 3 : 0);
		say("write", write(fd, text[i], n));
		say("write", write(fd, HEAD("late"), LEN(HEAD("late"))));
		finish(fd);
	}
}

/* ---- bodies without a buffer ---- */

static int body_file(off_t size)
{
	char block[4096];
	FILE *f = tmpfile();
	memset(block, 'b', sizeof(block));
	for (off_t i = 0; i < size; i += (off_t)sizeof(block))
		fwrite(block, 1, (size_t)(size - i < 4096 ? size - i : 4096), f);
	fflush(f);
	rewind(f);
	return dup(fileno(f));
}

static void sendfile_body(void)
{
	int fd = dial(), file = body_file(30000);
	off_t at = 0;
	say("write", write(fd, POST(30000), LEN(POST(30000))));
	while (at < 30000 && sendfile(fd, file, &at, (size_t)(30000 - at)) > 0)
		;
	say("sendfile", (long)at);
	say("sendfile", sendfile(fd, -1, NULL, 10));
	say("write", write(fd, HEAD("2"), LEN(HEAD("2"))));
	finish(fd);
}

static void splice_body(void)
{
	int fd = dial(), file = body_file(30000), ends[2];
	long sum = 0;
	if (pipe(ends) != 0)
		die("pipe");
	say("write", write(fd, POST(30000), LEN(POST(30000))));
	while (sum < 30000) {
		ssize_t in = splice(file, NULL, ends[1], NULL, 8192, 0);
		for (ssize_t out; in > 0; in -= out, sum += out)
			if ((out = splice(ends[0], NULL, fd, NULL, (size_t)in, SPLICE_F_MORE)) <= 0)
				die("splice");
	}
	say("spliced", sum);
	say("write", write(fd, HEAD("2"), LEN(HEAD("2"))));
	finish(fd);
}

/* ---- closing, errors ---- */

static void close_at_once(void)
{
	for (int i = 0; i < 5; i++) {
		int fd = dial();
		say("write", write(fd, HEAD("x"), LEN(HEAD("x"))));
		say("close", close(fd));
		say("write", write(fd, HEAD("x"), LEN(HEAD("x"))));
	}
}

static void on_pipe(int unused)
{
	(void)unused;
	pipes++;
}

static void broken(int fd)
{
	struct iovec iov = {HEAD("v"), LEN(HEAD("v"))};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr many = {.msg_hdr = msg};
	say("write", write(fd, HEAD("w"), LEN(HEAD("w"))));
	say("pipes", pipes);
	say("writev", writev(fd, &iov, 1));
	say("pipes", pipes);
	say("send", send(fd, HEAD("s"), LEN(HEAD("s")), 0));
	say("pipes", pipes);
	say("send", send(fd, HEAD("s"), LEN(HEAD("s")), MSG_NOSIGNAL));
	say("sendto", sendto(fd, HEAD("s"), LEN(HEAD("s")), MSG_NOSIGNAL, NULL, 0));
	say("sendmsg", sendmsg(fd, &msg, MSG_NOSIGNAL));
	say("sendmmsg", sendmmsg(fd, &many, 1, MSG_NOSIGNAL));
	say("pipes", pipes);
	say("sendmsg", sendmsg(fd, &msg, 0));
	say("pipes", pipes);
}

static void broken_pipes(void)
{
	signal(SIGPIPE, on_pipe);
	int fd = dial();
	say("shutdown", shutdown(fd, SHUT_WR));
	broken(fd);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0); /* never connected */
	broken(fd);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM, 0); /* refused */
	peer.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)};
	peer.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	say("connect", connect(fd, &peer.any, sizeof(peer.in)));
	broken(fd);
	close(fd);
}

/* The peer closes with a reset as soon as it has read something. */
static void reset(void)
{
	struct pollfd p;
	signal(SIGPIPE, on_pipe);
	int fd = dial();
	say("write", write(fd, HEAD("1"), LEN(HEAD("1"))));
	p = (struct pollfd){fd, POLLRDHUP, 0};
	say("poll", poll(&p, 1, 10000));
	broken(fd);
	close(fd);
}

static char *forbidden(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + 4096, 4096, PROT_NONE);
	return p + 4096;
}

static void bad_pointers(void)
{
	char *bad[] = {NULL, (char *)1, (char *)-1, forbidden(), forbidden() - 10};
	int fd = dial();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct iovec iov[2] = {{HEAD("1"), 10}, {bad[i], 100}};
		struct msghdr msg = {.msg_iov = &iov[1], .msg_iovlen = 1};
		struct msghdr lost = {.msg_iov = (struct iovec *)bad[i], .msg_iovlen = 1};
		struct mmsghdr many[2] = {{.msg_hdr = msg}, {.msg_hdr = msg}};
		printf("pointer %zu\n", i);
		if (i < 4) { /* the last one is a short write on Unix sockets only */
			say("write", write(fd, bad[i], 100));
			say("send", send(fd, bad[i], 100, MSG_NOSIGNAL));
			say("sendto", sendto(fd, bad[i], 100, 0, NULL, 0));
			say("writev", writev(fd, &iov[1], 1));
			say("sendmsg", sendmsg(fd, &msg, 0));
			say("sendmmsg", sendmmsg(fd, many, 2, 0));
		}
		say("writev", writev(fd, (struct iovec *)bad[i], 2));
		say("sendmsg", sendmsg(fd, (struct msghdr *)bad[i], 0));
		say("sendmsg", sendmsg(fd, &lost, 0));
		say("sendmmsg", sendmmsg(fd, (struct mmsghdr *)bad[i], 2, 0));
	}
	say("write", write(fd, HEAD("1"), LEN(HEAD("1"))));
	finish(fd);
}

static void bad_lengths(void)
{
	volatile size_t whole = (size_t)-1; /* unknown to the compiler's checks */
	volatile int negative = -1, many_pieces = 5000;
	int fd = dial();
	struct iovec huge[2] = {{HEAD("1"), (size_t)-1}, {HEAD("1"), 10}};
	struct iovec sum[2] = {{HEAD("1"), 0x7fffffffffffffff}, {HEAD("1"), 10}};
	struct msghdr none = {.msg_iov = NULL, .msg_iovlen = 0};
	struct msghdr many = {.msg_iov = huge, .msg_iovlen = 5000};
	say("write", write(fd, HEAD("1"), whole));
	say("writev", writev(fd, huge, 2));
	say("writev", writev(fd, sum, 2));
	say("writev", writev(fd, huge, 0));
	say("writev", writev(fd, huge, negative));
	say("writev", writev(fd, huge, many_pieces));
	say("sendmsg", sendmsg(fd, &many, 0));
	say("sendmsg", sendmsg(fd, &none, 0));
	say("write", write(fd, HEAD("1"), 0));
	say("write", write(fd, NULL, 0));
	say("send", send(fd, NULL, 0, 0));
	say("sendmmsg", sendmmsg(fd, NULL, 0, 0));
	say("writev", writev(fd, (struct iovec[]){{NULL, 0}, {NULL, 0}}, 2));
	say("send", send(fd, HEAD("1"), LEN(HEAD("1")), MSG_ERRQUEUE | 0x10000000));
	say("send", send(fd, "!", 1, MSG_OOB));
	say("write", write(fd, HEAD("1"), LEN(HEAD("1"))));
	finish(fd);
}

/* ---- little room ---- */

/* Many requests into a buffer as small as the kernel allows, to a peer that reads slowly. */
static void no_room(int flags)
{
	static char text[300];
	int fd = dial_with(1);
	if (flags)
		fcntl(fd, F_SETFL, flags);
	for (int i = 0; i < 120; i++) {
		size_t n = long_head(text, (size_t)(160 + i));
		push(fd, text, n);
	}
	fcntl(fd, F_SETFL, 0);
	finish(fd);
}

static void no_room_blocking(void)
{
	no_room(0);
}

static void no_room_nonblocking(void)
{
	no_room(O_NONBLOCK);
}

/* A blocking socket with a time limit, and nobody who reads: bytes first, then EAGAIN. */
static void time_limit(void)
{
	static char text[300];
	struct timeval limit = {0, 200000};
	int fd = dial_with(1);
	size_t n = long_head(text, 280);
	ssize_t rc;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while ((rc = write(fd, text, n)) == (ssize_t)n)
		;
	if (rc >= 0)
		rc = write(fd, text + rc, n - (size_t)rc);
	say("write", rc);
	close(fd);
}

/* The kernel takes n bytes of the first write, n from 0 on. Needs tests/support/short_writes.c. */
static void cuts(void)
{
	void (*short_writes)(long) = (void (*)(long))dlsym(RTLD_DEFAULT, "short_writes");
	const char text[] = POST(2) "ab" HEAD("2");
	if (!short_writes)
		die("short_writes");
	for (long n = 0; n < (long)LEN(text) + 145; n++) {
		int fd = dial();
		short_writes(n);
		push(fd, text, LEN(text));
		finish(fd);
	}
}

/* The same while the rest is written byte by byte. */
static void cuts_and_bytes(void)
{
	void (*short_writes)(long) = (void (*)(long))dlsym(RTLD_DEFAULT, "short_writes");
	const char text[] = HEAD("1");
	if (!short_writes)
		die("short_writes");
	for (long n = 1; n < (long)LEN(text) + 72; n++) {
		int fd = dial();
		short_writes(n);
		ssize_t done = write(fd, text, LEN(text));
		if (done < 0 && errno == EINTR)
			done = 0; /* only the library's own bytes were taken */
		for (; done >= 0 && done < (ssize_t)LEN(text); done++)
			if (write(fd, text + done, 1) != 1)
				die("write");
		say("bytes", (long)done);
		finish(fd);
	}
}

/* What is left to write, and a thread that is cancelled before it writes. */
struct rest {
	int fd;
	int how; /* 0 to 4: by which call */
	struct iovec iov;
	int file;
	bool came_back;
};

static void *write_cancelled(void *arg)
{
	struct rest *r = arg;
	struct msghdr msg = {.msg_iov = &r->iov, .msg_iovlen = 1};
	pthread_cancel(pthread_self());
	if (r->how == 0)
		write(r->fd, r->iov.iov_base, r->iov.iov_len);
	else if (r->how == 1)
		writev(r->fd, &r->iov, 1);
	else if (r->how == 2)
		send(r->fd, r->iov.iov_base, r->iov.iov_len, 0);
	else if (r->how == 3)
		sendmsg(r->fd, &msg, 0);
	else
		sendfile(r->fd, r->file, NULL, r->iov.iov_len);
	r->came_back = true;
	return NULL;
}

/* The kernel takes n bytes; who is to write the others is cancelled; then they are written. But
 * sendfile is no cancellation point. */
static void cut_and_cancelled(void)
{
	void (*short_writes)(long) = (void (*)(long))dlsym(RTLD_DEFAULT, "short_writes");
	static char text[] = HEAD("1");
	if (!short_writes)
		die("short_writes");
	for (long n = 1; n < (long)LEN(text) + 72; n++) {
		pthread_t id = 0;
		int fd = dial();
		short_writes(n);
		ssize_t done = write(fd, text, LEN(text));
		done = done < 0 && errno == EINTR ? 0 : done; /* as above */
		if (done < 0)
			die("write");
		struct rest rest = {.fd = fd, .how = (int)(n % 5), .file = memfd_create("rest", 0)};
		rest.iov = (struct iovec){text + done, LEN(text) - (size_t)done};
		if (pwrite(rest.file, rest.iov.iov_base, rest.iov.iov_len, 0) < 0 ||
		    pthread_create(&id, NULL, write_cancelled, &rest) != 0)
			die("write");
		pthread_join(id, NULL);
		close(rest.file);
		if (rest.came_back != (rest.how == 4))
			say("as it should not be", n);
		for (; done < (ssize_t)LEN(text) && !rest.came_back; done++)
			if (write(fd, text + done, 1) != 1)
				die("write");
		finish(fd);
	}
}

/* Every write is short, and every third one fails (SHORT_ALWAYS). */
static void always_short(void)
{
	char text[4000];
	size_t n = 0;
	int fd = dial();
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 14; i++)
		n += (size_t)sprintf(text + n, i & 1 ? HEAD("odd") : POST(10) "0123456789");
	push(fd, text, n);
	fcntl(fd, F_SETFL, 0);
	finish(fd);
}

/* ---- a proxy, as far as its bytes are concerned ---- */

static ssize_t read_head(int fd, char *to, size_t room)
{
	size_t n = 0;
	while (n < room) {
		ssize_t rc = read(fd, to + n, room - n);
		if (rc <= 0)
			return -1;
		n += (size_t)rc;
		if (n > 4 && memcmp(to + n - 4, "\r\n\r\n", 4) == 0)
			return (ssize_t)n;
	}
	return -1;
}

static long number(const char *head, const char *name)
{
	const char *at = strstr(head, name);
	return at ? atol(at + strlen(name)) : -1;
}

/* Prints its port, then passes each request on to ADDRESS as it came: in two writes, cut after
 * "X-Two" bytes, or in one of which the kernel takes "X-Short" bytes first. */
static void proxy(void)
{
	static char head[8192];
	struct sockaddr_in self = {.sin_family = AF_INET};
	socklen_t len = sizeof(self);
	void (*short_writes)(long) = (void (*)(long))dlsym(RTLD_DEFAULT, "short_writes");
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&self, sizeof(self)) != 0 || listen(listener, 8) != 0)
		die("listen");
	getsockname(listener, (struct sockaddr *)&self, &len);
	printf("%d\n", ntohs(self.sin_port));
	fflush(stdout);
	for (;;) {
		int in = accept(listener, NULL, NULL);
		ssize_t n = read_head(in, head, sizeof(head) - 1);
		if (n < 0)
			exit(0);
		head[n] = '\0';
		int out = dial();
		long two = number(head, "X-Two: "), cut = number(head, "X-Short: ");
		if (cut >= 0 && short_writes)
			short_writes(cut);
		if (two > 0 && two < n)
			push(out, head, (size_t)two);
		else
			two = 0;
		push(out, head + two, (size_t)(n - two));
		shutdown(out, SHUT_WR);
		n = read(out, head, sizeof(head));
		close(out);
		push(in, head, n > 0 ? (size_t)n : 0);
		close(in);
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"write", by_write},
	{"send", by_send},
	{"sendto", by_sendto},
	{"sendmmsg", by_sendmmsg},
	{"writev", by_writev},
	{"sendmsg", by_sendmsg},
	{"control", by_control},
	{"pipelined", pipelined},
	{"bytewise", bytewise},
	{"large_heads", large_heads},
	{"too_large_a_head", too_large_a_head},
	{"odd_lines", odd_lines},
	{"chunked", chunked},
	{"own_context", own_context},
	{"strangers", strangers},
	{"sendfile_body", sendfile_body},
	{"splice_body", splice_body},
	{"close_at_once", close_at_once},
	{"broken_pipes", broken_pipes},
	{"reset", reset},
	{"bad_pointers", bad_pointers},
	{"bad_lengths", bad_lengths},
	{"no_room_blocking", no_room_blocking},
	{"no_room_nonblocking", no_room_nonblocking},
	{"time_limit", time_limit},
	{"cuts", cuts},
	{"cuts_and_bytes", cuts_and_bytes},
	{"cut_and_cancelled", cut_and_cancelled},
	{"always_short", always_short},
	{"proxy", proxy},
};

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	address = argv[2];
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			say("dialled", dialled);
			return 0;
		}
	return 2;
}
