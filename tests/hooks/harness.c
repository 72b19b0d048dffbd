/*
 * See harness.h. The transcript goes to stdout by stdio, which is on no descriptor under test.
 */
#include "hooks/harness.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void *volatile nowhere = (void *)-1;
void *volatile null;
volatile int minus_one = -1;
volatile int pipes;
static int failed;

const char *const kind_name[] = {"tcp", "tcp6", "unix", "pair"};
const char *const role_name[] = {"server", "client"};
const char *const talk_name[] = {"http", "strange"};

/* ---- the transcript ---- */

void say(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

bool check(bool ok, const char *what, const char *file, int line)
{
	say("%s: %s", what, ok ? "yes" : "NO");
	if (!ok) {
		failed++;
		fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	}
	return ok;
}

static const char *name_of_error(int error)
{
	const char *name = error ? strerrorname_np(error) : "-";
	return error == UNTOUCHED ? "untouched" : name ? name : "?";
}

long tell_call(const char *what, long rc)
{
	int error = errno;
	say("%s = %ld %s", what, rc, name_of_error(error));
	errno = error;
	return rc;
}

long tell_sign(const char *what, long rc)
{
	int error = errno;
	say("%s %s %s", what, rc < 0 ? "fails" : "works", name_of_error(error));
	errno = error;
	return rc;
}

long check_call(const char *what, long rc, long want, int error, const char *file, int line)
{
	int got = errno;
	say("%s = %ld %s", what, rc, name_of_error(got));
	if (rc != want || got != (error ? error : UNTOUCHED)) {
		failed++;
		fprintf(stderr, "%s:%d: %s = %ld %s, not %ld %s\n", file, line, what, rc,
			name_of_error(got), want, name_of_error(error ? error : UNTOUCHED));
	}
	errno = got;
	return rc;
}

int check_fd(const char *what, int fd, const char *file, int line)
{
	int got = errno;
	say("%s = %s %s", what, fd < 0 ? "-1" : "a descriptor", name_of_error(got));
	if (fd < 0 || got != UNTOUCHED) {
		failed++;
		fprintf(stderr, "%s:%d: %s = %d %s, not a descriptor\n", file, line, what, fd,
			name_of_error(got));
	}
	return fd;
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(9);
}

int failures(void)
{
	return failed;
}

void say_bytes(const char *what, const void *p, size_t n)
{
	const unsigned char *b = p;
	printf("%s [", what);
	for (size_t i = 0; i < n; i++)
		if (b[i] >= ' ' && b[i] < 0x7f && b[i] != '\\')
			putchar(b[i]);
		else
			printf("\\%02x", b[i]);
	printf("]\n");
}

/* ---- memory ---- */

void *unreadable(void)
{
	return mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

char *edge(size_t n)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED && mprotect(p + 4096, 4096, PROT_NONE) == 0, "edge");
	return p + 4096 - n;
}

/* ---- system calls that no library sees ---- */

long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
}

/* ---- signals and time ---- */

static void on_alarm(int unused)
{
	(void)unused;
}

static void on_pipe(int unused)
{
	(void)unused;
	pipes++;
}

void interrupt_soon(void)
{
	struct sigaction act = {.sa_handler = on_alarm};
	struct itimerval every = {{0, 3000}, {0, 3000}};
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
}

void calm(void)
{
	struct itimerval never = {{0, 0}, {0, 0}};
	setitimer(ITIMER_REAL, &never, NULL);
	pause_ms(1); /* the last one may be under way */
}

void count_pipes(void)
{
	struct sigaction act = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
	pipes = 0;
	sigaction(SIGPIPE, &act, NULL);
}

void until(int fd, short events)
{
	struct pollfd p = {fd, events, 0};
	must(RAW(SYS_poll, &p, 1, 5000) == 1, "until");
}

void pause_ms(int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
	RAW(SYS_nanosleep, &t, 0);
}

int in_child(const char *what, void (*fn)(void *arg), void *arg)
{
	int status = -1;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		int quiet = open("/dev/null", O_WRONLY);
		RAW(SYS_dup2, quiet, 2);
		fn(arg);
		fflush(stdout);
		RAW(SYS_exit_group, 99);
	}
	must(waitpid(child, &status, 0) == child, "waitpid");
	say("%s ends with %s %d", what, WIFSIGNALED(status) ? "signal" : "code",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

/* ---- connections ---- */

socklen_t name_of(enum kind kind, struct sockaddr_storage *ret_at)
{
	struct sockaddr_in *in = (void *)ret_at;
	struct sockaddr_in6 *in6 = (void *)ret_at;
	memset(ret_at, 0, sizeof(*ret_at));
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
	ret_at->ss_family = AF_UNIX; /* the kernel chooses an abstract name */
	return sizeof(sa_family_t);
}

int listen_at(enum kind kind, struct sockaddr_storage *ret_at, socklen_t *ret_len)
{
	*ret_len = name_of(kind, ret_at);
	int fd = socket(ret_at->ss_family, SOCK_STREAM, 0);
	must(fd >= 0 && bind(fd, (struct sockaddr *)ret_at, *ret_len) == 0, "bind");
	must(listen(fd, 16) == 0, "listen");
	*ret_len = sizeof(*ret_at);
	must(getsockname(fd, (struct sockaddr *)ret_at, ret_len) == 0, "getsockname");
	return fd;
}

int raw_client(const struct sockaddr_storage *at, socklen_t len)
{
	int fd = (int)RAW(SYS_socket, at->ss_family, SOCK_STREAM, 0);
	must(fd >= 0 && RAW(SYS_connect, fd, at, len) == 0, "raw_client");
	return fd;
}

static int raw_listener(enum kind kind, struct sockaddr_storage *ret_at, socklen_t *ret_len)
{
	*ret_len = name_of(kind, ret_at);
	int fd = (int)RAW(SYS_socket, ret_at->ss_family, SOCK_STREAM, 0);
	must(fd >= 0 && RAW(SYS_bind, fd, ret_at, *ret_len) == 0, "bind");
	must(RAW(SYS_listen, fd, 16) == 0, "listen");
	*ret_len = sizeof(*ret_at);
	must(RAW(SYS_getsockname, fd, ret_at, ret_len) == 0, "getsockname");
	return fd;
}

/* What waits for more (TCP only) leaves now. */
static void push(int fd)
{
	int one = 1;
	RAW(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

struct ends join(enum kind kind, enum role role, enum talk talk)
{
	struct ends e = {.kind = kind, .role = role, .talk = talk};
	struct sockaddr_storage at;
	socklen_t len;
	int sv[2], listener;
	if (kind == PAIR) {
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
		e.fd = sv[0];
		e.peer = sv[1];
	} else if (role == SERVER) {
		listener = listen_at(kind, &at, &len);
		e.peer = raw_client(&at, len);
		e.fd = accept(listener, NULL, NULL);
		close(listener);
	} else {
		listener = raw_listener(kind, &at, &len);
		e.fd = socket(at.ss_family, SOCK_STREAM, 0);
		must(connect(e.fd, (struct sockaddr *)&at, len) == 0, "connect");
		e.peer = (int)RAW(SYS_accept, listener, 0, 0);
		RAW(SYS_close, listener);
	}
	must(e.fd >= 0 && e.peer >= 0, "join");
	push(e.fd);
	push(e.peer);
	return e;
}

void part(struct ends *e)
{
	if (e->fd >= 0)
		close(e->fd);
	if (e->peer >= 0)
		RAW(SYS_close, e->peer);
	e->fd = e->peer = -1;
}

void each_scene(void (*play)(struct ends *e, void *arg), void *arg)
{
	for (enum kind kind = TCP; kind < KINDS; kind++)
		for (enum role role = SERVER; role < ROLES; role++)
			for (enum talk talk = HTTP; talk < TALKS; talk++) {
				say("-- %s %s %s", kind_name[kind], role_name[role],
				    talk_name[talk]);
				struct ends e = join(kind, role, talk);
				play(&e, arg);
				part(&e);
			}
}

void nonblocking(int fd, bool yes)
{
	long flags = RAW(SYS_fcntl, fd, F_GETFL, 0);
	RAW(SYS_fcntl, fd, F_SETFL, yes ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

void peer_put(struct ends *e, const void *p, size_t n)
{
	must(RAW(SYS_sendto, e->peer, p, n, MSG_NOSIGNAL, 0, 0) == (long)n, "peer_put");
	until(e->fd, POLLIN);
}

void peer_say(struct ends *e, const char *text)
{
	peer_put(e, text, strlen(text));
}

size_t without_ours(char *buf, size_t n, int *ret_injected)
{
	static const char ours[] = "traceparent: 00-";
	int count = 0;
	for (char *p = buf; (p = memmem(p, n - (size_t)(p - buf), ours, sizeof(ours) - 1));) {
		char *end = memchr(p, '\n', n - (size_t)(p - buf));
		if (!end)
			break;
		end++;
		memmove(p, end, n - (size_t)(end - buf));
		n -= (size_t)(end - p);
		count++;
	}
	if (ret_injected)
		*ret_injected = count;
	return n;
}

size_t peer_some(struct ends *e, char *buf, size_t room)
{
	size_t n = 0;
	while (n < room) {
		long rc = RAW(SYS_recvfrom, e->peer, buf + n, room - n, MSG_DONTWAIT, 0, 0);
		if (rc <= 0)
			break;
		n += (size_t)rc;
	}
	return n;
}

size_t peer_drain(struct ends *e, size_t n, char *buf, size_t room, int *ret_injected)
{
	struct pollfd p = {e->peer, POLLIN, 0};
	push(e->fd);
	size_t wire = peer_some(e, buf, room);
	size_t ours = 0;
	char *copy = malloc(room);
	for (int tries = 0; tries < 100; tries++) {
		memcpy(copy, buf, wire);
		ours = wire - without_ours(copy, wire, NULL);
		if (wire - ours >= n || RAW(SYS_poll, &p, 1, 20) < 0)
			break;
		wire += peer_some(e, buf + wire, room - wire);
	}
	free(copy);
	return without_ours(buf, wire, ret_injected);
}

size_t peer_take(struct ends *e, size_t n, int *ret_injected)
{
	char buf[8192];
	size_t got = peer_drain(e, n, buf, sizeof(buf), ret_injected);
	say_bytes("the peer got", buf, got);
	return got;
}

void small_buffers(struct ends *e)
{
	int n = 20000;
	RAW(SYS_setsockopt, e->fd, SOL_SOCKET, SO_SNDBUF, &n, sizeof(n));
}

void peer_slam(struct ends *e)
{
	struct linger now = {1, 0};
	RAW(SYS_setsockopt, e->peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	RAW(SYS_close, e->peer);
	e->peer = -1;
	until(e->fd, POLLHUP);
}

static const char request[] =
	"POST /hooks?x=1 HTTP/1.1\r\nHost: peer.example\r\nContent-Length: 5\r\n\r\nhello";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Y: z\r\n\r\nyes";
static const char strange[] =
	"\x16\x03\x01\x02 what is this, if not a stranger's greeting? \xff\xfe";

const char *heard(const struct ends *e)
{
	return e->talk == STRANGE ? strange : e->role == SERVER ? request : response;
}

const char *said(const struct ends *e)
{
	return e->talk == STRANGE ? strange : e->role == SERVER ? response : request;
}

void ready_to_hear(struct ends *e)
{
	char buf[512];
	if (e->role == SERVER || e->talk == STRANGE || e->asked)
		return;
	e->asked = true;
	must(write(e->fd, request, sizeof(request) - 1) == sizeof(request) - 1, "ask");
	peer_drain(e, sizeof(request) - 1, buf, sizeof(buf), NULL);
}

void ready_to_speak(struct ends *e)
{
	char buf[512];
	if (e->role == CLIENT || e->talk == STRANGE)
		return;
	peer_say(e, request);
	must(read(e->fd, buf, sizeof(buf)) == sizeof(request) - 1, "be asked");
}

struct ends in_the_middle(void)
{
	struct ends e = join(TCP, SERVER, HTTP);
	char buf[30];
	peer_say(&e, request);
	must(read(e.fd, buf, sizeof(buf)) == sizeof(buf), "be asked");
	return e;
}

bool traced(void)
{
	return getenv("HOOKS_TRACED") != NULL;
}

bool injects(void)
{
	return traced() && !getenv("AUTOTRACE_INJECT");
}
