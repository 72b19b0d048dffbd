/*
 * A section for each row of libc/calls.def: success and failure of the call, printed, so that a run
 * under the preload can be compared with one without. It knows the rows and nothing else of the
 * library; a row without a section is told as "missing".
 *
 *   hooks_calls            names all rows, "NAME" or "NAME missing"
 *   hooks_calls NAME       runs a section
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NO_FD 777 /* never open */

/* The sections, one for each row: where there is none, its address is NULL. */
#define AT_CALL(ret, name, params, args, raw) void on_##name(void) __attribute__((weak));
#define AT_TRAMPOLINE(name)                   void on_##name(void) __attribute__((weak));
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

extern char **environ;
ssize_t __read_chk(int fd, void *buf, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags, struct sockaddr *addr,
		       socklen_t *len);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t room);

/* Values that the compiler's checks must not know. */
static void *volatile nowhere = (void *)-1;
static void *volatile null;
static volatile size_t whole = (size_t)-1;
static volatile int minus_one = -1, many = 5000;

static long say(const char *what, long rc)
{
	int error = rc < 0 ? errno : 0;
	printf("%s %ld %s\n", what, rc, error ? strerrorname_np(error) : "-");
	return rc;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(9);
}

/* A call that succeeds must leave errno alone. */
static long good(const char *what, long rc)
{
	say(what, rc);
	if (rc >= 0 && errno != 4242)
		printf("%s touched errno: %d\n", what, errno);
	return rc;
}
#define GOOD(what, call) (errno = 4242, good(what, call))

/* A new descriptor: whether there is one. Which number it has another thread may change. */
static int say_fd(const char *what, int fd)
{
	int saved = errno;
	printf("%s %s %s\n", what, fd < 0 ? "-1" : "fd", fd < 0 ? strerrorname_np(saved) : "-");
	errno = saved;
	return fd;
}

static int good_fd(const char *what, int fd)
{
	say_fd(what, fd);
	if (fd >= 0 && errno != 4242)
		printf("%s touched errno: %d\n", what, errno);
	return fd;
}
#define GOOD_FD(what, call) (errno = 4242, good_fd(what, call))

static void on_signal(int unused)
{
	(void)unused;
}

/* A signal comes after 20 ms; no restart. */
static void interrupt_soon(void)
{
	struct sigaction act = {.sa_handler = on_signal};
	struct itimerval soon = {{0, 0}, {0, 20000}};
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
}

static void *unreadable(void)
{
	return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* ---- descriptors to try things on ---- */

enum kind { TCP, TCP6, UNIX, PAIR, KINDS };
static const char *const kind_name[KINDS] = {"tcp", "tcp6", "unix", "pair"};
static int listener;

static socklen_t name_of(enum kind kind, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (void *)out;
	struct sockaddr_in6 *in6 = (void *)out;
	struct sockaddr_un *un = (void *)out;
	memset(out, 0, sizeof(*out));
	if (kind == TCP) {
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return sizeof(*in);
	}
	if (kind == TCP6) {
		in6->sin6_family = AF_INET6;
		in6->sin6_addr = in6addr_loopback;
		return sizeof(*in6);
	}
	un->sun_family = AF_UNIX;
	return (socklen_t)sizeof(un->sun_family); /* the kernel chooses an abstract name */
}

static void listen_at(enum kind kind, struct sockaddr_storage *at, socklen_t *len)
{
	*len = name_of(kind, at);
	listener = socket(at->ss_family, SOCK_STREAM, 0);
	must(listener >= 0 && bind(listener, (struct sockaddr *)at, *len) == 0, "bind");
	must(listen(listener, 16) == 0, "listen");
	*len = sizeof(*at);
	must(getsockname(listener, (struct sockaddr *)at, len) == 0, "getsockname");
}

/* ends[0]: accepted here, ends[1]: connected to it. */
static void connected(enum kind kind, int ends[2])
{
	struct sockaddr_storage at;
	socklen_t len;
	if (kind == PAIR) {
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
		return;
	}
	listen_at(kind, &at, &len);
	ends[1] = socket(at.ss_family, SOCK_STREAM, 0);
	must(connect(ends[1], (struct sockaddr *)&at, len) == 0, "connect");
	ends[0] = accept(listener, NULL, NULL);
	must(ends[0] >= 0, "accept");
	close(listener);
}

static void part(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void blocking(int fd, bool yes)
{
	fcntl(fd, F_SETFL, yes ? 0 : O_NONBLOCK);
}

/* Closes with a reset. */
static void slam(int fd)
{
	struct linger now = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* ---- bytes that come in ---- */

typedef ssize_t in_fn(int fd, void *buf, size_t n, int flags);

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
	struct iovec iov[3] = {{buf, n / 3}, {null, 0}, {(char *)buf + n / 3, n - n / 3}};
	(void)flags;
	return readv(fd, iov, 3);
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
	return recvfrom(fd, buf, n, flags, (struct sockaddr *)&from, &len);
}

static ssize_t in_recvfrom_chk(int fd, void *buf, size_t n, int flags)
{
	return __recvfrom_chk(fd, buf, n, n, flags, NULL, NULL);
}

static ssize_t in_recvmsg(int fd, void *buf, size_t n, int flags)
{
	struct iovec iov[2] = {{buf, n / 2}, {(char *)buf + n / 2, n - n / 2}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	return recvmsg(fd, &msg, flags);
}

static ssize_t in_recvmmsg(int fd, void *buf, size_t n, int flags)
{
	struct iovec iov = {buf, n};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int rc = recvmmsg(fd, &msg, 1, flags, NULL);
	return rc == 1 ? (ssize_t)msg.msg_len : rc;
}

/* Reads and prints what came. */
static void take(in_fn *in, int fd, size_t n, int flags)
{
	char buf[300];
	memset(buf, '.', sizeof(buf));
	ssize_t rc = GOOD("  in", in(fd, buf, n, flags));
	if (rc > 0 && rc <= (ssize_t)sizeof(buf))
		printf("  got %.*s\n", (int)rc, buf);
}

static void put(int fd, const char *text)
{
	must(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "put");
}

static const char request[] = "GET /hooks HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";

static void read_errors(in_fn *in)
{
	char byte = 0;
	int ends[2], file = open("/dev/zero", O_RDWR), fresh = socket(AF_INET, SOCK_STREAM, 0);
	must(pipe(ends) == 0, "pipe");
	errno = 0;
	say("  -1", in(-1, &byte, 1, 0));
	say("  no fd", in(NO_FD, &byte, 1, 0));
	say("  huge fd", in(2000000, &byte, 1, 0));
	say("  file", in(file, &byte, 1, 0));
	say("  pipe's other end", in(ends[1], &byte, 1, 0));
	say("  not connected", in(fresh, &byte, 1, 0));
	say("  directory", in(open("/", O_RDONLY), &byte, 1, 0));
	listen(fresh, 1);
	say("  listener", in(fresh, &byte, 1, 0));
	part(ends);
	close(file);
	close(fresh);
}

static void reading_on(in_fn *in, enum kind kind)
{
	int ends[2];
	char byte;
	printf("%s\n", kind_name[kind]);
	connected(kind, ends);
	put(ends[1], request);
	take(in, ends[0], 10, 0);
	say("  zero", in(ends[0], &byte, 0, 0));
	say("  bad buffer", in(ends[0], nowhere, 7, 0));
	say("  forbidden buffer", in(ends[0], unreadable(), 7, 0));
	take(in, ends[0], 300, 0);
	blocking(ends[0], false);
	take(in, ends[0], 300, 0);
	blocking(ends[0], true);
	interrupt_soon();
	take(in, ends[0], 300, 0);
	put(ends[0], response);
	take(in, ends[1], 300, 0);
	put(ends[1], "GET /second HTTP/1.1\r\n\r\n");
	take(in, ends[0], 300, 0);
	shutdown(ends[1], SHUT_WR);
	take(in, ends[0], 300, 0);
	take(in, ends[0], 300, 0);
	part(ends);
	connected(kind, ends);
	put(ends[1], request);
	take(in, ends[0], 20, 0);
	slam(ends[1]);
	usleep(20000);
	take(in, ends[0], 300, 0);
	take(in, ends[0], 300, 0);
	close(ends[0]);
}

static void flags_on(in_fn *in, enum kind kind)
{
	int ends[2];
	printf("%s with flags\n", kind_name[kind]);
	connected(kind, ends);
	take(in, ends[0], 10, MSG_DONTWAIT);
	put(ends[1], request);
	take(in, ends[0], 10, MSG_PEEK);
	take(in, ends[0], 300, MSG_PEEK | MSG_DONTWAIT);
	take(in, ends[0], 20, MSG_WAITALL);
	take(in, ends[0], 5, MSG_TRUNC);
	if (kind == TCP)
		say("  discard", in(ends[0], null, 4, MSG_TRUNC));
	take(in, ends[0], 300, MSG_NOSIGNAL);
	take(in, ends[0], 10, MSG_OOB);
	if (kind == TCP && send(ends[1], "abX", 3, MSG_OOB) == 3) {
		usleep(20000);
		take(in, ends[0], 10, MSG_OOB);
		take(in, ends[0], 10, 0);
	}
	take(in, ends[0], 10, MSG_ERRQUEUE | MSG_DONTWAIT);
	take(in, ends[0], 10, MSG_DONTWAIT | 0x4000000);
	interrupt_soon();
	put(ends[1], "abc");
	take(in, ends[0], 10, MSG_WAITALL);
	part(ends);
}

static void reading(in_fn *in, bool flags)
{
	read_errors(in);
	for (enum kind kind = TCP; kind < KINDS; kind++) {
		reading_on(in, kind);
		if (flags)
			flags_on(in, kind);
	}
}

#define READING(name, fn, flags)    \
	void on_##name(void)        \
	{                           \
		reading(fn, flags); \
	}
READING(read, in_read, false)
READING(__read_chk, in_read_chk, false)
READING(recv, in_recv, true)
READING(__recv_chk, in_recv_chk, true)
READING(recvfrom, in_recvfrom, true)
READING(__recvfrom_chk, in_recvfrom_chk, true)

void on_readv(void)
{
	int ends[2];
	reading(in_readv, false);
	connected(TCP, ends);
	put(ends[1], "abc");
	struct iovec bad = {nowhere, 3}, huge = {nowhere, whole};
	say("no pieces", readv(ends[0], &bad, 0));
	say("negative", readv(ends[0], &bad, minus_one));
	say("too many", readv(ends[0], &bad, many));
	say("bad array", readv(ends[0], nowhere, 2));
	say("bad piece", readv(ends[0], &bad, 1));
	say("huge piece", readv(ends[0], &huge, 1));
	take(in_readv, ends[0], 10, 0);
	part(ends);
}

/* A descriptor in the message, for recvmsg and recvmmsg. */
static void send_fd(int over, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {(char *)"fd", 2};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = room,
			     .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	must(sendmsg(over, &msg, 0) == 2, "send_fd");
}

static void recv_fd(int over, size_t room_size)
{
	char room[256] = {0}, buf[10];
	struct iovec iov = {buf, 10};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = room_size};
	say("recvmsg", recvmsg(over, &msg, 0));
	printf("control %zu flags %x\n", (size_t)msg.msg_controllen, msg.msg_flags);
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_len >= CMSG_LEN(sizeof(int))) {
		int fd;
		memcpy(&fd, CMSG_DATA(c), sizeof(int));
		say("received", write(fd, "x", 1));
		close(fd);
	}
}

void on_recvmsg(void)
{
	int ends[2], null_file = open("/dev/null", O_WRONLY), udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct msghdr bad = {.msg_iov = nowhere, .msg_iovlen = 2};
	reading(in_recvmsg, true);
	connected(PAIR, ends);
	send_fd(ends[1], null_file);
	recv_fd(ends[0], 256);
	send_fd(ends[1], null_file);
	recv_fd(ends[0], 8);
	send_fd(ends[1], null_file);
	recv_fd(ends[0], 0);
	put(ends[1], "abc");
	say("bad message", recvmsg(ends[0], nowhere, 0));
	say("bad pieces", recvmsg(ends[0], &bad, 0));
	say("udp", recvmsg(udp, &(struct msghdr){0}, MSG_DONTWAIT));
	part(ends);
}

void on_recvmmsg(void)
{
	int ends[2];
	char buf[4][4];
	struct iovec iov[4];
	struct mmsghdr m[4];
	struct timespec limit = {0, 20000000};
	reading(in_recvmmsg, true);
	connected(PAIR, ends);
	memset(m, 0, sizeof(m));
	for (int i = 0; i < 4; i++) {
		iov[i] = (struct iovec){buf[i], 4};
		m[i].msg_hdr.msg_iov = &iov[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	put(ends[1], "0123456789");
	say("recvmmsg", recvmmsg(ends[0], m, 4, MSG_DONTWAIT, NULL));
	for (int i = 0; i < 3; i++)
		printf("%u %.*s\n", m[i].msg_len, (int)m[i].msg_len, buf[i]);
	say("bad messages", recvmmsg(ends[0], nowhere, 4, MSG_DONTWAIT, NULL));
	say("none", recvmmsg(ends[0], m, 0, MSG_DONTWAIT, NULL));
	say("bad time", recvmmsg(ends[0], m, 1, MSG_DONTWAIT, &(struct timespec){0, -1}));
	put(ends[1], "ab");
	say("in time", recvmmsg(ends[0], m, 1, 0, &limit));
	part(ends);
}

/* ---- bytes that go out ---- */

typedef ssize_t out_fn(int fd, const void *buf, size_t n, int flags);

static ssize_t out_write(int fd, const void *buf, size_t n, int flags)
{
	(void)flags;
	return write(fd, buf, n);
}

static ssize_t out_writev(int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov[3] = {{(void *)buf, n / 3}, {null, 0}, {(char *)buf + n / 3, n - n / 3}};
	(void)flags;
	return writev(fd, iov, 3);
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
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	return sendmsg(fd, &msg, flags);
}

static ssize_t out_sendmmsg(int fd, const void *buf, size_t n, int flags)
{
	struct iovec iov = {(void *)buf, n};
	struct mmsghdr msg = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int rc = sendmmsg(fd, &msg, 1, flags);
	return rc == 1 ? (ssize_t)msg.msg_len : rc;
}

static int pipes;

static void on_pipe(int unused)
{
	(void)unused;
	pipes++;
}

static void write_errors(out_fn *out)
{
	int ends[2], zero = open("/dev/zero", O_RDONLY), full = open("/dev/full", O_WRONLY);
	int fresh = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	must(pipe(ends) == 0, "pipe");
	say("  -1", out(-1, "x", 1, 0));
	say("  no fd", out(NO_FD, "x", 1, 0));
	say("  read only", out(zero, "x", 1, 0));
	say("  full", out(full, "x", 1, 0));
	say("  pipe", out(ends[1], "x", 1, 0));
	say("  pipe's other end", out(ends[0], "x", 1, 0));
	say("  not connected", out(fresh, request, sizeof(request) - 1, 0));
	say("  udp", out(udp, "x", 1, 0));
	listen(fresh, 1);
	say("  listener", out(fresh, "x", 1, 0));
	say("  pipes", pipes);
	part(ends);
	close(zero);
	close(full);
	close(fresh);
	close(udp);
}

static void writing_on(out_fn *out, enum kind kind, bool flags)
{
	static char block[65536];
	int ends[2];
	ssize_t rc;
	printf("%s\n", kind_name[kind]);
	connected(kind, ends);
	put(ends[1], request);
	take(in_recv, ends[0], 300, 0);
	say("  zero", out(ends[0], "", 0, 0));
	say("  bad buffer", out(ends[0], nowhere, 100, 0));
	say("  forbidden buffer", out(ends[0], unreadable(), 100, 0));
	GOOD("  out", out(ends[0], response, sizeof(response) - 1, 0));
	if (flags) {
		GOOD("  more", out(ends[0], "ab", 2, MSG_MORE));
		GOOD("  no wait", out(ends[0], "cd", 2, MSG_DONTWAIT | MSG_NOSIGNAL));
		say("  out of band", out(ends[0], "e", 1, MSG_OOB));
		say("  unknown flag", out(ends[0], "f", 1, 0x1000000));
	}
	usleep(10000);
	take(in_recv, ends[1], 300, 0);
	blocking(ends[0], false);
	while ((rc = out(ends[0], block, sizeof(block), 0)) > 0)
		;
	say("  full", rc);
	blocking(ends[0], true);
	interrupt_soon();
	rc = out(ends[0], block, sizeof(block), 0);
	say("  interrupted", rc < 0 ? rc : 0);
	shutdown(ends[0], SHUT_WR);
	say("  shut", out(ends[0], "x", 1, 0));
	say("  pipes", pipes);
	part(ends);
	connected(kind, ends);
	put(ends[1], request);
	take(in_recv, ends[0], 300, 0);
	slam(ends[1]);
	usleep(20000);
	say("  reset", out(ends[0], response, sizeof(response) - 1, 0));
	say("  again", out(ends[0], response, sizeof(response) - 1, 0));
	say("  pipes", pipes);
	close(ends[0]);
}

static void writing(out_fn *out, bool flags)
{
	signal(SIGPIPE, on_pipe);
	write_errors(out);
	for (enum kind kind = TCP; kind < KINDS; kind++)
		writing_on(out, kind, flags);
}

#define WRITING(name, flags)                \
	void on_##name(void)                \
	{                                   \
		writing(out_##name, flags); \
	}
WRITING(write, false)
WRITING(writev, false)
WRITING(send, true)
WRITING(sendto, true)
WRITING(sendmsg, true)
WRITING(sendmmsg, true)

/* ---- bodies ---- */

typedef ssize_t file_fn(int out, int in, off_t *offset, size_t n);

static void sending_files(file_fn *fn)
{
	int ends[2], file = open("/proc/self/exe", O_RDONLY);
	off_t at = 100, bad = -5;
	connected(TCP, ends);
	put(ends[1], request);
	take(in_recv, ends[0], 300, 0);
	put(ends[0], "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	GOOD("file", fn(ends[0], file, &at, 1000));
	printf("at %ld\n", (long)at);
	say("zero", fn(ends[0], file, &at, 0));
	say("own offset", fn(ends[0], file, NULL, 10));
	say("bad in", fn(ends[0], -1, NULL, 10));
	say("bad out", fn(-1, file, NULL, 10));
	say("socket in", fn(ends[0], ends[1], NULL, 10));
	say("bad offset", fn(ends[0], file, &bad, 10));
	say("bad pointer", fn(ends[0], file, nowhere, 10));
	shutdown(ends[0], SHUT_WR);
	signal(SIGPIPE, on_pipe);
	say("shut", fn(ends[0], file, NULL, 10));
	say("pipes", pipes);
	part(ends);
}

void on_sendfile(void)
{
	sending_files(sendfile);
}

void on_sendfile64(void)
{
	sending_files((file_fn *)sendfile64);
}

void on_splice(void)
{
	int ends[2], tube[2];
	loff_t at = 0;
	connected(TCP, ends);
	must(pipe(tube) == 0, "pipe");
	put(ends[1], request);
	GOOD("in", splice(ends[0], NULL, tube[1], NULL, 1000, 0));
	GOOD("out", splice(tube[0], NULL, ends[0], NULL, 1000, SPLICE_F_MORE));
	put(ends[0], "!");
	take(in_recv, ends[1], 300, MSG_WAITALL * 0);
	blocking(ends[0], false);
	say("nothing", splice(ends[0], NULL, tube[1], NULL, 10, SPLICE_F_NONBLOCK));
	say("no pipe", splice(ends[0], NULL, ends[1], NULL, 10, 0));
	say("offset", splice(ends[0], &at, tube[1], NULL, 10, 0));
	say("bad pointer", splice(tube[0], nowhere, ends[0], NULL, 10, 0));
	say("bad in", splice(-1, NULL, ends[0], NULL, 10, 0));
	say("bad out", splice(tube[0], NULL, -1, NULL, 10, 0));
	say("bad flags", splice(tube[0], NULL, ends[0], NULL, 10, 0x1000));
	part(ends);
	part(tube);
}

/* ---- birth ---- */

void on_socket(void)
{
	static const int domains[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 99, -1};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW, 77};
	for (size_t d = 0; d < sizeof(domains) / sizeof(int); d++)
		for (size_t t = 0; t < sizeof(types) / sizeof(int); t++)
			close(say_fd("socket", socket(domains[d], types[t], 0)));
	int fd = GOOD_FD("flags", socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	say("cloexec", fcntl(fd, F_GETFD));
	say("nonblock", fcntl(fd, F_GETFL) & O_NONBLOCK);
	say_fd("protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
}

void on_socketpair(void)
{
	int ends[2] = {-7, -7};
	say("inet", socketpair(AF_INET, SOCK_STREAM, 0, ends));
	say("type", socketpair(AF_UNIX, 77, 0, ends));
	say("bad pointer", socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere));
	printf("%d %d\n", ends[0], ends[1]);
	GOOD("stream", socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	GOOD("datagram", socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
	GOOD("packets", socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends));
	say("out", write(ends[0], "ab", 2));
	take(in_recv, ends[1], 10, 0);
}

typedef int accept_fn(int fd, struct sockaddr *addr, socklen_t *len);

static int accept4_plain(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, SOCK_CLOEXEC);
}

static int client_of(enum kind kind, const struct sockaddr_storage *at, socklen_t len)
{
	int fd = socket(at->ss_family, SOCK_STREAM, 0);
	(void)kind;
	must(connect(fd, (const struct sockaddr *)at, len) == 0, "connect");
	return fd;
}

static void accepting(accept_fn *fn)
{
	for (enum kind kind = TCP; kind < PAIR; kind++) {
		struct sockaddr_storage at, from;
		socklen_t len, room;
		printf("%s\n", kind_name[kind]);
		listen_at(kind, &at, &len);
		int client = client_of(kind, &at, len);
		room = sizeof(from);
		int fd = GOOD_FD("accept", fn(listener, (struct sockaddr *)&from, &room));
		printf("family %d length %u\n", from.ss_family, room);
		put(client, request);
		take(in_recv, fd, 300, 0);
		for (socklen_t small = 0; small < 3; small += 2) {
			client_of(kind, &at, len);
			room = small;
			say_fd("little room", fn(listener, (struct sockaddr *)&from, &room));
			printf("length %u\n", room);
		}
		client_of(kind, &at, len);
		say_fd("bad address", fn(listener, nowhere, &room));
		client_of(kind, &at, len);
		say_fd("bad length", fn(listener, (struct sockaddr *)&from, nowhere));
		client_of(kind, &at, len);
		say_fd("no length", fn(listener, (struct sockaddr *)&from, null));
		client_of(kind, &at, len);
		say_fd("no address", fn(listener, NULL, NULL));
		blocking(listener, false);
		say("nobody", fn(listener, NULL, NULL));
		blocking(listener, true);
		interrupt_soon();
		say("interrupted", fn(listener, NULL, NULL));
		say("no listener", fn(client, NULL, NULL));
	}
	say("-1", fn(-1, NULL, NULL));
	say("no fd", fn(NO_FD, NULL, NULL));
	say("file", fn(open("/dev/null", O_RDWR), NULL, NULL));
	say("udp", fn(socket(AF_INET, SOCK_DGRAM, 0), NULL, NULL));
}

void on_accept(void)
{
	accepting(accept);
}

void on_accept4(void)
{
	accepting(accept4_plain);
	say("flags", accept4(listener, NULL, NULL, 0x1234));
}

void on_bind(void)
{
	struct sockaddr_storage at;
	socklen_t len = name_of(TCP, &at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	say("-1", bind(-1, (struct sockaddr *)&at, len));
	say("file", bind(open("/dev/null", O_RDWR), (struct sockaddr *)&at, len));
	say("bad pointer", bind(fd, nowhere, len));
	say("short", bind(fd, (struct sockaddr *)&at, 3));
	GOOD("tcp", bind(fd, (struct sockaddr *)&at, len));
	say("twice", bind(fd, (struct sockaddr *)&at, len));
	GOOD("udp", bind(udp, (struct sockaddr *)&at, len));
}

void on_listen(void)
{
	int ends[2], fd = socket(AF_INET, SOCK_STREAM, 0);
	connected(TCP, ends);
	say("-1", listen(-1, 5));
	say("file", listen(open("/dev/null", O_RDWR), 5));
	say("udp", listen(socket(AF_INET, SOCK_DGRAM, 0), 5));
	say("connected", listen(ends[0], 5));
	GOOD("tcp", listen(fd, 5));
	GOOD("again", listen(fd, 50));
}

void on_connect(void)
{
	struct sockaddr_storage at, free_port;
	socklen_t len, free_len;
	for (enum kind kind = TCP; kind < PAIR; kind++) {
		printf("%s\n", kind_name[kind]);
		listen_at(kind, &free_port, &free_len);
		close(listener);
		listen_at(kind, &at, &len);
		int fd = socket(at.ss_family, SOCK_STREAM, 0);
		say("bad pointer", connect(fd, nowhere, len));
		say("forbidden", connect(fd, unreadable(), len));
		say("null", connect(fd, null, len));
		say("length 0", connect(fd, (struct sockaddr *)&at, 0));
		say("length 1", connect(fd, (struct sockaddr *)&at, 1));
		say("length", connect(fd, (struct sockaddr *)&at, 100000));
		say("refused", connect(fd, (struct sockaddr *)&free_port, free_len));
		GOOD("connect", connect(fd, (struct sockaddr *)&at, len));
		say("again", connect(fd, (struct sockaddr *)&at, len));
		int quick = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		int rc = connect(quick, (struct sockaddr *)&at, len);
		say("at once", rc);
		usleep(10000);
		int error = -1;
		socklen_t room = sizeof(error);
		say("result", getsockopt(quick, SOL_SOCKET, SO_ERROR, &error, &room));
		printf("error %d\n", error);
		say("then", connect(quick, (struct sockaddr *)&at, len));
		quick = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		say("refused", connect(quick, (struct sockaddr *)&free_port, free_len));
		usleep(10000);
		say("result", getsockopt(quick, SOL_SOCKET, SO_ERROR, &error, &room));
		printf("error %d\n", error);
	}
	name_of(TCP, &at);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	((struct sockaddr_in *)&at)->sin_port = htons(9);
	GOOD("udp", connect(udp, (struct sockaddr *)&at, sizeof(struct sockaddr_in)));
	at.ss_family = AF_UNSPEC;
	say("apart", connect(udp, (struct sockaddr *)&at, sizeof(at)));
	int ends[2];
	connected(TCP, ends);
	put(ends[1], request);
	say("apart", connect(ends[1], (struct sockaddr *)&at, sizeof(at)));
	say("-1", connect(-1, (struct sockaddr *)&at, sizeof(at)));
	say("-1, bad pointer", connect(-1, nowhere, 16));
	say("file, bad pointer", connect(open("/dev/null", O_RDWR), nowhere, 16));
}

void on_getsockopt(void)
{
	int ends[2], value = -1;
	socklen_t len = sizeof(value);
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(page + 4096, 4096, PROT_NONE);
	connected(TCP, ends);
	GOOD("error", getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, &len));
	printf("%d %u\n", value, len);
	for (len = 0; len < 4; len++) {
		socklen_t l = len;
		say("short", getsockopt(ends[0], SOL_SOCKET, SO_ERROR, page + 4096 - len, &l));
		printf("%u\n", l);
	}
	GOOD("type", getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &value, &len));
	say("bad value", getsockopt(ends[0], SOL_SOCKET, SO_ERROR, nowhere, &len));
	say("bad length", getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, nowhere));
	say("unknown", getsockopt(ends[0], SOL_SOCKET, 9999, &value, &len));
	say("-1", getsockopt(-1, SOL_SOCKET, SO_ERROR, &value, &len));
	say("file", getsockopt(open("/dev/null", O_RDWR), SOL_SOCKET, SO_ERROR, &value, &len));
	put(ends[1], request);
	slam(ends[1]);
	usleep(20000);
	len = sizeof(value);
	say("reset", getsockopt(ends[0], SOL_SOCKET, SO_ERROR, &value, &len));
	printf("%d\n", value);
}

void on_shutdown(void)
{
	static const int how[] = {SHUT_RD, SHUT_WR, SHUT_RDWR, 77};
	for (enum kind kind = TCP; kind < KINDS; kind++)
		for (int i = 0; i < 4; i++) {
			int ends[2];
			connected(kind, ends);
			put(ends[1], request);
			take(in_recv, ends[0], 300, 0);
			GOOD("shutdown", shutdown(ends[0], how[i]));
			say("again", shutdown(ends[0], how[i]));
			if (how[i] == SHUT_WR)
				take(in_recv, ends[1], 300, 0);
			part(ends);
		}
	say("-1", shutdown(-1, SHUT_RD));
	say("file", shutdown(open("/dev/null", O_RDWR), SHUT_RD));
	say("fresh", shutdown(socket(AF_INET, SOCK_STREAM, 0), SHUT_RDWR));
}

/* ---- death ---- */

static void all_closed(unsigned from, unsigned to)
{
	int open_ones = 0;
	for (unsigned fd = from; fd <= to; fd++)
		open_ones += fcntl((int)fd, F_GETFD) >= 0;
	printf("open from %u to %u: %d\n", from, to, open_ones);
}

/* A server connection in the middle of a request, and its numbers. */
static void in_the_middle(int ends[2])
{
	connected(TCP, ends);
	put(ends[1], request);
	take(in_recv, ends[0], 30, 0);
}

static void closing(long (*fn)(int fd))
{
	int ends[2];
	say("-1", fn(-1));
	say("no fd", fn(NO_FD));
	say("huge", fn(0x7fffffff));
	in_the_middle(ends);
	GOOD("close", fn(ends[0]));
	say("again", fn(ends[0]));
	take(in_recv, ends[1], 10, 0);
	int file = open("/dev/null", O_RDWR);
	say("file", write(file, request, 20));
	GOOD("close", fn(file));
	GOOD("close", fn(ends[1]));
	all_closed(3, 1020);
}

static long plain_close(int fd)
{
	return close(fd);
}

void on_close(void)
{
	closing(plain_close);
}

void on_close_range(void)
{
	int ends[2];
	in_the_middle(ends);
	say("bad flags", close_range(3, 100, 0x7700));
	say("backwards", close_range(10, 9, 0));
	put(ends[1], "GET / HTTP/1.1\r\n\r\n");
	take(in_recv, ends[0], 300, 0);
	GOOD("on exec", close_range(3, ~0u, 4));
	say("marked", fcntl(ends[0], F_GETFD));
	GOOD("one", close_range((unsigned)ends[0], (unsigned)ends[0], 0));
	GOOD("none", close_range(700, 800, 0));
	GOOD("unshare", close_range(600, 800, 2));
	in_the_middle(ends);
	GOOD("all", close_range(3, ~0u, 0));
	all_closed(3, 1023);
	GOOD("all", close_range(3, ~0u, 0));
	GOOD("top", close_range(~0u, ~0u, 0));
	in_the_middle(ends);
}

void on_closefrom(void)
{
	int ends[2];
	in_the_middle(ends);
	closefrom(ends[0] > ends[1] ? ends[0] : ends[1]);
	all_closed(4, 1023);
	closefrom(3);
	all_closed(3, 1023);
	in_the_middle(ends);
	closefrom(2000000);
	take(in_recv, ends[0], 300, 0);
}

/* ---- duplicates ---- */

static void duplicated(int ends[2], int copy)
{
	if (copy < 0)
		return;
	take(in_recv, copy, 5, 0);
	take(in_recv, ends[0], 5, 0);
	say("copy closed", close(copy));
	take(in_recv, ends[0], 300, 0);
	put(ends[0], response);
	take(in_recv, ends[1], 300, 0);
	part(ends);
}

void on_dup(void)
{
	int ends[2];
	in_the_middle(ends);
	duplicated(ends, GOOD_FD("dup", dup(ends[0])));
	say("-1", dup(-1));
	say("no fd", dup(NO_FD));
}

static int dup3_plain(int fd, int to)
{
	return dup3(fd, to, O_CLOEXEC);
}

static void duplicating(int (*fn)(int fd, int to))
{
	int ends[2], other[2], listening;
	struct sockaddr_storage at;
	socklen_t len;
	in_the_middle(ends);
	duplicated(ends, GOOD_FD("high", fn(ends[0], 300)));
	in_the_middle(ends);
	in_the_middle(other);
	duplicated(ends, GOOD_FD("over a connection", fn(ends[0], other[0])));
	close(other[1]);
	in_the_middle(ends);
	say_fd("itself", fn(ends[0], ends[0]));
	say("from nothing", fn(NO_FD, ends[0]));
	take(in_recv, ends[0], 5, 0);
	say("-1", fn(-1, 5));
	say("to -1", fn(ends[0], -1));
	say("too high", fn(ends[0], 0x7fffffff));
	int file = open("/dev/null", O_RDWR);
	GOOD_FD("file over", fn(file, ends[0]));
	say("file", write(ends[0], request, 20));
	listen_at(TCP, &at, &len);
	listening = GOOD_FD("listener", fn(listener, 301));
	int client = client_of(TCP, &at, len);
	int served = GOOD_FD("accept", accept(listening, NULL, NULL));
	put(client, request);
	take(in_recv, served, 300, 0);
}

void on_dup2(void)
{
	duplicating(dup2);
}

void on_dup3(void)
{
	duplicating(dup3_plain);
	say("flags", dup3(1, 302, 0x7));
}

static void controlling(int (*fn)(int fd, int cmd, ...))
{
	int ends[2];
	in_the_middle(ends);
	duplicated(ends, GOOD_FD("duplicate", fn(ends[0], F_DUPFD, 200)));
	in_the_middle(ends);
	duplicated(ends, GOOD_FD("on exec", fn(ends[0], F_DUPFD_CLOEXEC, 201)));
	in_the_middle(ends);
	GOOD("flags", fn(ends[0], F_GETFL));
	GOOD("set", fn(ends[0], F_SETFL, O_NONBLOCK));
	GOOD("flags", fn(ends[0], F_GETFL));
	GOOD("cloexec", fn(ends[0], F_SETFD, FD_CLOEXEC));
	GOOD("cloexec", fn(ends[0], F_GETFD));
	struct flock lock = {.l_type = F_WRLCK};
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	GOOD("lock", fn(file, F_SETLK, &lock));
	say("bad lock", fn(file, F_SETLK, nowhere));
	say("command", fn(file, 9999, 0));
	say("-1", fn(-1, F_GETFL));
	say("too high", fn(file, F_DUPFD, 0x7fffffff));
	say("negative", fn(file, F_DUPFD, -1));
}

void on_fcntl(void)
{
	controlling(fcntl);
}

void on_fcntl64(void)
{
	controlling(fcntl64);
}

void on_fdopen(void)
{
	int ends[2];
	char line[100];
	in_the_middle(ends);
	FILE *f = fdopen(ends[0], "r"), *out = fdopen(dup(ends[0]), "w");
	printf("%d\n", f != NULL && fileno(f) == ends[0]);
	printf("%s", fgets(line, sizeof(line), f));
	fputs("answer\r\n", out);
	fflush(out);
	take(in_recv, ends[1], 300, 0);
	errno = 0;
	printf("%d\n", fdopen(-1, "r") == NULL);
	printf("%s\n", strerrorname_np(errno));
	printf("%d\n", fdopen(ends[1], "?") == NULL);
	printf("%s\n", strerrorname_np(errno));
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	FILE *plain = fdopen(file, "w+");
	fputs("text", plain);
	fflush(plain);
	say("size", lseek(file, 0, SEEK_END));
}

void on_fclose(void)
{
	int ends[2];
	in_the_middle(ends);
	FILE *f = fdopen(ends[0], "w");
	fputs("the end\r\n", f);
	GOOD("fclose", fclose(f));
	take(in_recv, ends[1], 300, 0);
	say("closed", fcntl(ends[0], F_GETFD));
	f = fdopen(open("/dev/full", O_WRONLY), "w");
	fputs("x", f);
	say("full", fclose(f));
	char *text;
	size_t size;
	f = open_memstream(&text, &size);
	fputs("memory", f);
	GOOD("memory", fclose(f));
	printf("%s\n", text);
}

/* ---- waits ---- */

/* ends[0] readable, ends[1] not, and a listener. */
static void ready(int ends[2])
{
	struct sockaddr_storage at;
	socklen_t len;
	connected(TCP, ends);
	listen_at(TCP, &at, &len);
	put(ends[1], "x");
	usleep(5000);
}

typedef int epoll_fn(int fd, struct epoll_event *events, int count, int timeout);

static int epoll_pwait_plain(int fd, struct epoll_event *events, int count, int timeout)
{
	return epoll_pwait(fd, events, count, timeout, NULL);
}

static int epoll_pwait2_plain(int fd, struct epoll_event *events, int count, int timeout)
{
	struct timespec t = {timeout / 1000, timeout % 1000 * 1000000};
	return epoll_pwait2(fd, events, count, timeout < 0 ? NULL : &t, NULL);
}

static void waiting_epoll(epoll_fn *fn)
{
	struct epoll_event ev = {.events = EPOLLIN}, got[4];
	int ends[2], set = epoll_create1(0);
	ready(ends);
	GOOD("nothing", fn(set, got, 4, 10));
	for (int i = 0; i < 2; i++) {
		ev.data.fd = ends[i];
		epoll_ctl(set, EPOLL_CTL_ADD, ends[i], &ev);
	}
	GOOD("one", fn(set, got, 4, 1000));
	printf("%d %x\n", got[0].data.fd == ends[0], got[0].events);
	say("bad events", fn(set, nowhere, 4, 10));
	say("no room", fn(set, got, 0, 10));
	say("-1", fn(-1, got, 4, 10));
	say("no set", fn(ends[0], got, 4, 10));
	take(in_recv, ends[0], 10, 0);
	interrupt_soon();
	say("interrupted", fn(set, got, 4, -1));
}

void on_epoll_wait(void)
{
	waiting_epoll(epoll_wait);
}

void on_epoll_pwait(void)
{
	waiting_epoll(epoll_pwait_plain);
}

void on_epoll_pwait2(void)
{
	waiting_epoll(epoll_pwait2_plain);
	say("bad time", epoll_pwait2(0, null, 1, &(struct timespec){-1, 0}, NULL));
}

typedef int poll_fn(struct pollfd *fds, nfds_t count, int timeout);

static int poll_chk_plain(struct pollfd *fds, nfds_t count, int timeout)
{
	return __poll_chk(fds, count, timeout, count * sizeof(*fds));
}

static struct timespec *span(struct timespec *t, int timeout)
{
	*t = (struct timespec){timeout / 1000, timeout % 1000 * 1000000};
	return timeout < 0 ? NULL : t;
}

static int ppoll_plain(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec t;
	return ppoll(fds, count, span(&t, timeout), NULL);
}

static int ppoll_chk_plain(struct pollfd *fds, nfds_t count, int timeout)
{
	struct timespec t;
	return __ppoll_chk(fds, count, span(&t, timeout), NULL, count * sizeof(*fds));
}

static void waiting_poll(poll_fn *fn)
{
	int ends[2];
	ready(ends);
	struct pollfd fds[] = {{ends[0], POLLIN, 0},
			       {ends[1], POLLIN, 0},
			       {listener, POLLIN, 0},
			       {-1, POLLIN, 0},
			       {NO_FD, POLLIN, 0}};
	GOOD("poll", fn(fds, 5, 1000));
	for (int i = 0; i < 5; i++)
		printf("%x\n", (unsigned)fds[i].revents);
	GOOD("nothing", fn(fds + 1, 2, 10));
	GOOD("none", fn(NULL, 0, 10));
	say("bad set", fn(nowhere, 3, 10));
	say("null set", fn(null, 3, 10));
	say("forbidden set", fn(unreadable(), 3, 10));
	take(in_recv, ends[0], 10, 0);
	interrupt_soon();
	say("interrupted", fn(fds, 2, -1));
}

void on_poll(void)
{
	waiting_poll(poll);
	say("too many", poll(nowhere, 100000000, 10));
}

void on___poll_chk(void)
{
	waiting_poll(poll_chk_plain);
}

void on_ppoll(void)
{
	waiting_poll(ppoll_plain);
	say("bad time", ppoll(NULL, 0, &(struct timespec){0, 1000000000}, NULL));
}

void on___ppoll_chk(void)
{
	waiting_poll(ppoll_chk_plain);
}

typedef int select_fn(int count, fd_set *r, fd_set *w, fd_set *x, int timeout);

static int select_plain(int count, fd_set *r, fd_set *w, fd_set *x, int timeout)
{
	struct timeval t = {timeout / 1000, timeout % 1000 * 1000};
	return select(count, r, w, x, timeout < 0 ? NULL : &t);
}

static int pselect_plain(int count, fd_set *r, fd_set *w, fd_set *x, int timeout)
{
	struct timespec t;
	return pselect(count, r, w, x, span(&t, timeout), NULL);
}

static void waiting_select(select_fn *fn)
{
	int ends[2];
	fd_set r, w, x;
	ready(ends);
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_ZERO(&x);
	FD_SET(ends[0], &r);
	FD_SET(ends[1], &r);
	FD_SET(listener, &r);
	FD_SET(ends[1], &w);
	GOOD("select", fn(64, &r, &w, &x, 1000));
	printf("%d%d%d%d\n", FD_ISSET(ends[0], &r), FD_ISSET(ends[1], &r), FD_ISSET(listener, &r),
	       FD_ISSET(ends[1], &w));
	FD_ZERO(&r);
	FD_SET(ends[1], &r);
	GOOD("nothing", fn(1024, &r, NULL, NULL, 10));
	GOOD("none", fn(0, NULL, NULL, NULL, 10));
	say("negative", fn(-1, NULL, NULL, NULL, 10));
	say("bad set", fn(10, nowhere, NULL, NULL, 10));
	say("bad set", fn(10, NULL, nowhere, NULL, 10));
	say("bad set", fn(10, NULL, NULL, nowhere, 10));
	say("forbidden set", fn(10, unreadable(), NULL, NULL, 10));
	FD_ZERO(&r);
	FD_SET(40, &r);
	say("no fd", fn(41, &r, NULL, NULL, 10));
	take(in_recv, ends[0], 10, 0);
	FD_ZERO(&r);
	FD_SET(ends[0], &r);
	interrupt_soon();
	say("interrupted", fn(100, &r, NULL, NULL, -1));
}

void on_select(void)
{
	waiting_select(select_plain);
	struct timeval left = {0, 20000};
	say("select", select(0, NULL, NULL, NULL, &left));
	printf("left %ld\n", (long)left.tv_usec);
}

void on_pselect(void)
{
	waiting_select(pselect_plain);
}

/* ---- threads and the end ---- */

static void *answer(void *arg)
{
	return (char *)arg + 1;
}

void on_pthread_create(void)
{
	pthread_t id;
	pthread_attr_t attr;
	void *result;
	char text[] = "ab";
	printf("%d\n", pthread_create(&id, NULL, answer, text));
	pthread_join(id, &result);
	printf("%s\n", (char *)result);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)1 << 46);
	printf("%s\n", strerrorname_np(pthread_create(&id, &attr, answer, text)));
	/* The same while a request is being served, which a new thread inherits. */
	int ends[2];
	in_the_middle(ends);
	put(ends[1], "GET / HTTP/1.1\r\n\r\n");
	take(in_recv, ends[0], 300, 0);
	for (int i = 0; i < 1000; i++)
		if (pthread_create(&id, &attr, answer, text) == 0)
			printf("too large a stack?\n");
	printf("%d\n", pthread_create(&id, NULL, answer, text));
	pthread_join(id, &result);
	printf("%s\n", (char *)result);
}

static void status_of(const char *what, pid_t child)
{
	int status = -1;
	waitpid(child, &status, 0);
	printf("%s %x\n", what, status);
}

static void at_exit_says(void)
{
	printf("exit handler\n");
	fflush(stdout);
}

static void ending(void (*fn)(int))
{
	int ends[2];
	in_the_middle(ends);
	atexit(at_exit_says);
	at_quick_exit(at_exit_says);
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		put(ends[1], "GET / HTTP/1.1\r\n\r\n");
		fn(42);
	}
	status_of("ended", child);
	fflush(stdout);
	child = fork();
	if (child == 0)
		fn(256 + 7);
	status_of("ended", child);
	fflush(stdout);
	_exit(0);
}

void on__exit(void)
{
	ending(_exit);
}

void on__Exit(void)
{
	ending(_Exit);
}

void on_quick_exit(void)
{
	ending(quick_exit);
}

/* ---- trampolines ---- */

static long syscall_close(int fd)
{
	return syscall(SYS_close, fd);
}

void on_syscall(void)
{
	struct sockaddr_storage at;
	socklen_t len;
	int ends[2];
	closing(syscall_close);
	listen_at(TCP, &at, &len);
	int client = client_of(TCP, &at, len);
	int fd = GOOD_FD("accept4", syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC));
	put(client, request);
	take(in_recv, fd, 300, 0);
	say("accept4", syscall(SYS_accept4, -1, NULL, NULL, 0));
	in_the_middle(ends);
	GOOD("close_range", syscall(SYS_close_range, 3, ~0u, 0));
	all_closed(3, 1023);
	printf("pid %d\n", syscall(SYS_getpid) == getpid());
	char *p = (char *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
	p[4095] = 'x';
	printf("six arguments %c\n", p[4095]);
	say("unknown", syscall(99999, 1, 2, 3, 4, 5, 6));
}

void on_dlopen(void)
{
	void *m = dlopen("libm.so.6", RTLD_NOW | RTLD_DEEPBIND);
	double (*root)(double) = m ? (double (*)(double))dlsym(m, "sqrt") : NULL;
	printf("%d %g\n", m != NULL, root ? root(81) : 0);
	printf("%d\n", dlopen("/nowhere/lib.so", RTLD_NOW) == NULL);
	printf("%s\n", dlerror());
	printf("%d\n", dlopen(NULL, RTLD_NOW) != NULL);
	printf("%d\n", dlopen("libm.so.6", 0x7700) == NULL);
	printf("%d\n", dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD) == m);
}

/* volatile: what a vfork child does to its parent's memory. */
void on_vfork(void)
{
	volatile int mine = 1;
	int ends[2], status;
	in_the_middle(ends);
	fflush(stdout);
	pid_t child = vfork();
	if (child == 0) {
		mine = 2;
		for (int fd = 3; fd < 1024; fd++)
			close(fd);
		close_range(3, ~0u, 0);
		_exit(mine + 5);
	}
	must(waitpid(child, &status, 0) == child, "waitpid");
	printf("%d %x\n", mine, status);
	put(ends[1], "GET /after HTTP/1.1\r\n\r\n");
	take(in_recv, ends[0], 300, 0);
	child = vfork();
	if (child == 0) {
		execl("/bin/echo", "echo", "from vfork", (char *)NULL);
		_exit(1);
	}
	status_of("echo", child);
	child = vfork();
	if (child == 0) {
		execl("/nowhere", "x", (char *)NULL);
		_exit(errno == ENOENT ? 11 : 12);
	}
	status_of("nowhere", child);
	struct rlimit none = {0, 0};
	fflush(stdout);
	if (fork() == 0) {
		setresuid(65534, 65534, 65534);
		setrlimit(RLIMIT_NPROC, &none);
		child = vfork();
		if (child == 0)
			_exit(0);
		say("no more", child);
		exit(0);
	}
	wait(NULL);
	put(ends[0], response);
	take(in_recv, ends[1], 300, 0);
}

static char *const echo_args[] = {(char *)"echo", (char *)"one", (char *)"two", NULL};
static char *const sh_args[] = {(char *)"sh", (char *)"-c", (char *)"echo $KEPT", NULL};

#define EXEC(name, good_call, bad_call, worse_call)       \
	void on_##name(void)                              \
	{                                                 \
		char *env[] = {(char *)"KEPT=yes", NULL}; \
		char *const *none = null;                 \
		(void)none;                               \
		int dir = open("/bin", O_PATH);           \
		(void)env;                                \
		(void)dir;                                \
		say("bad", bad_call);                     \
		say("worse", worse_call);                 \
		setenv("KEPT", "yes", 1);                 \
		fflush(stdout);                           \
		pid_t child = fork();                     \
		if (child == 0) {                         \
			good_call;                        \
			_exit(99);                        \
		}                                         \
		status_of(#name, child);                  \
	}

EXEC(execve, execve("/bin/sh", sh_args, env), execve("/nowhere", echo_args, env),
     execve(nowhere, echo_args, env))
EXEC(execv, execv("/bin/echo", echo_args), execv("/etc/passwd", echo_args),
     execv("/bin/echo", nowhere))
EXEC(execvp, execvp("sh", sh_args), execvp("no-such-program", echo_args), execvp("", echo_args))
EXEC(execvpe, execvpe("sh", sh_args, env), execvpe("no-such-program", echo_args, env),
     execvpe("/", echo_args, env))
EXEC(execl, execl("/bin/echo", "echo", "1", "2", "3", "4", "5", "6", "7", "8", (char *)NULL),
     execl("/nowhere", "x", (char *)NULL), execl("/", "x", "y", (char *)NULL))
EXEC(execlp, execlp("echo", "echo", "1", "2", "3", "4", "5", "6", "7", (char *)NULL),
     execlp("no-such-program", "x", (char *)NULL), execlp("", "x", (char *)NULL))
EXEC(execle,
     execle("/bin/sh", "sh", "-c", "echo $KEPT $0 $1 $2 $3", "1", "2", "3", "4", (char *)NULL, env),
     execle("/nowhere", "x", (char *)NULL, env), execle("/", "x", (char *)NULL, env))
EXEC(fexecve, fexecve(open("/bin/sh", O_PATH), sh_args, env), fexecve(-1, echo_args, env),
     fexecve(dir, echo_args, env))
EXEC(execveat, execveat(dir, "sh", sh_args, env, 0), execveat(dir, "nowhere", echo_args, env, 0),
     execveat(NO_FD, "sh", echo_args, env, 0))

/* ---- the table ---- */

static const struct {
	const char *name;
	void (*run)(void);
} sections[] = {
#define AT_CALL(ret, name, params, args, raw) {#name, on_##name},
#define AT_TRAMPOLINE(name)                   {#name, on_##name},
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		if (argc < 2)
			printf("%s%s\n", sections[i].name, sections[i].run ? "" : " missing");
		else if (strcmp(argv[1], sections[i].name) == 0 && sections[i].run)
			sections[i].run();
	}
	return 0;
}
