/*
 * What a call costs its caller: run it with and without the preload and subtract.
 *
 *   bench_calls [ROUNDS]     one line for each case: its name, a tab, nanoseconds per call, a tab,
 *                            those of them above the bare system call
 *
 * A figure is the median of ROUNDS (200) rounds of a fixed number of calls, on one core, each next
 * to as many bare system calls, so that what else the machine does falls on both. After each round
 * a pause lets the exporter empty its queue. Both ends of a connection are in this thread, so that
 * nothing is waited for; what an end that is not measured does are bare system calls too.
 * x86-64, like the library.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 10000u

static const char request[] = "GET /orders/42 HTTP/1.1\r\nHost: localhost:8080\r\n"
			      "User-Agent: bench/1.0\r\nAccept: */*\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\n"
			       "Content-Length: 6\r\n\r\nhello\n";

/* Two ends of a connection, or of a pipe: what goes into b comes out of a. */
struct pair {
	int a; /* of a TCP connection: the accepted end */
	int b; /* of a TCP connection: the connecting end */
};

static int zero, null, quiet;
static struct pair tube, waited, opaque, served, called, both_bare;
static char buf[4096];

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* A system call that no library sees. */
static long bare(long number, long a, const void *b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = 0;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* ---- the cases; each does what its row says once, by the C library or bare ---- */

static bool read_zero(bool libc)
{
	return (libc ? read(zero, buf, 1) : bare(SYS_read, zero, buf, 1, 0)) == 1;
}

static bool write_null(bool libc)
{
	return (libc ? write(null, buf, 1) : bare(SYS_write, null, buf, 1, 0)) == 1;
}

static bool through(const struct pair *p, bool libc)
{
	if (!libc)
		return bare(SYS_write, p->b, "x", 1, 0) == 1 &&
		       bare(SYS_read, p->a, buf, 1, 0) == 1;
	return write(p->b, "x", 1) == 1 && read(p->a, buf, 1) == 1;
}

static bool through_pipe(bool libc)
{
	return through(&tube, libc);
}

/* The pipe is one that a loop waits for. */
static bool through_waited(bool libc)
{
	return through(&waited, libc);
}

static bool through_opaque(bool libc)
{
	if (!libc)
		return bare(SYS_sendto, opaque.b, "\1", 1, 0) == 1 &&
		       bare(SYS_recvfrom, opaque.a, buf, 1, 0) == 1;
	return send(opaque.b, "\1", 1, 0) == 1 && recv(opaque.a, buf, 1, 0) == 1;
}

static bool wait_for_nothing(bool libc)
{
	struct epoll_event event;
	return (libc ? epoll_wait(quiet, &event, 1, 0)
		     : bare(SYS_epoll_wait, quiet, &event, 1, 0)) == 0;
}

static bool exchange_bare(void)
{
	const long q = sizeof(request) - 1, r = sizeof(response) - 1;
	return bare(SYS_sendto, both_bare.b, request, q, 0) == q &&
	       bare(SYS_recvfrom, both_bare.a, buf, sizeof(buf), 0) == q &&
	       bare(SYS_sendto, both_bare.a, response, r, 0) == r &&
	       bare(SYS_recvfrom, both_bare.b, buf, sizeof(buf), 0) == r;
}

static bool serve(bool libc)
{
	const long q = sizeof(request) - 1, r = sizeof(response) - 1;
	if (!libc)
		return exchange_bare();
	return bare(SYS_sendto, served.b, request, q, 0) == q &&
	       recv(served.a, buf, sizeof(buf), 0) == q && send(served.a, response, r, 0) == r &&
	       bare(SYS_recvfrom, served.b, buf, sizeof(buf), 0) == r;
}

/* The request may have grown by a header on its way. */
static bool call(bool libc)
{
	const long q = sizeof(request) - 1, r = sizeof(response) - 1;
	if (!libc)
		return exchange_bare();
	return send(called.b, request, q, 0) == q &&
	       bare(SYS_recvfrom, called.a, buf, sizeof(buf), 0) >= q &&
	       bare(SYS_sendto, called.a, response, r, 0) == r &&
	       recv(called.b, buf, sizeof(buf), 0) == r;
}

static const struct row {
	const char *name;
	bool (*once)(bool libc);
	unsigned calls; /* of the C library's, in once() */
	unsigned times; /* once() in a round */
} rows[] = {
	{"read_zero", read_zero, 1, 2000},      {"write_null", write_null, 1, 2000},
	{"pipe", through_pipe, 2, 1000},        {"pipe_waited", through_waited, 2, 1000},
	{"tcp_opaque", through_opaque, 2, 500}, {"epoll_wait", wait_for_nothing, 1, 2000},
	{"http_served", serve, 2, 100},         {"http_called", call, 2, 100},
};

/* ---- set up ---- */

static int open_or_die(const char *path, int how)
{
	int fd = open(path, how);
	must(fd >= 0, path);
	return fd;
}

static struct pair connection(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	struct pair made;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, (struct sockaddr *)&a, n) == 0, "bind");
	must(listen(listener, 1) == 0, "listen");
	must(getsockname(listener, (struct sockaddr *)&a, &n) == 0, "getsockname");
	made.b = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(made.b, (struct sockaddr *)&a, n) == 0, "connect");
	made.a = accept(listener, NULL, NULL);
	must(made.a >= 0, "accept");
	close(listener);
	return made;
}

static void set_up(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	int ends[2];
	zero = open_or_die("/dev/zero", O_RDONLY);
	null = open_or_die("/dev/null", O_WRONLY);
	must(pipe(ends) == 0, "pipe");
	tube = (struct pair){.a = ends[0], .b = ends[1]};
	quiet = epoll_create1(0);
	must(quiet >= 0, "epoll_create1");
	must(pipe(ends) == 0, "pipe");
	waited = (struct pair){.a = ends[0], .b = ends[1]};
	must(epoll_ctl(quiet, EPOLL_CTL_ADD, waited.a, &event) == 0, "epoll_ctl");
	must(epoll_wait(quiet, &event, 1, 0) == 0, "epoll_wait");
	opaque = connection();
	served = connection();
	called = connection();
	both_bare = connection();
}

/* ---- measuring ---- */

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Nanoseconds per call. */
static double time_one(const struct row *row, bool libc)
{
	uint64_t before = now();
	for (unsigned i = 0; i < row->times; i++)
		must(row->once(libc), row->name);
	return (double)(now() - before) / row->times / row->calls;
}

static double median(double *values, unsigned n)
{
	qsort(values, n, sizeof(values[0]), compare);
	return values[n / 2];
}

static void measure(const struct row *row, unsigned rounds)
{
	static double took[MAX_ROUNDS], more[MAX_ROUNDS];
	const struct timespec pause = {.tv_nsec = 2000000};
	for (unsigned i = 0; i < rounds; i++) {
		double without = i % 2 ? time_one(row, false) : 0;
		took[i] = time_one(row, true);
		more[i] = took[i] - (i % 2 ? without : time_one(row, false));
		nanosleep(&pause, NULL);
	}
	printf("%s\t%.2f\t%.2f\n", row->name, median(took, rounds), median(more, rounds));
}

static void stay_on_one_core(void)
{
	cpu_set_t set;
	int core = sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET(core < 0 ? 0 : core, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 200;
	if (!rounds || rounds > MAX_ROUNDS) {
		fprintf(stderr, "bench_calls: 1 to %u rounds\n", MAX_ROUNDS);
		return 2;
	}
	stay_on_one_core();
	set_up();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		measure(&rows[i], (unsigned)rounds);
	return 0;
}
