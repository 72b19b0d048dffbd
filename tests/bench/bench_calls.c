/*
 * What a call costs its caller: run it with and without the preload and subtract.
 *
 *   bench_calls [ROUNDS]     one line for each case: its name, a tab, nanoseconds per call
 *
 * A figure is the median of ROUNDS (200) rounds of a fixed number of calls, on one core, with a
 * pause after each round in which the exporter empties its queue. All sockets are loopback, both
 * ends of a connection in this thread, so that nothing is waited for. The end of a connection that
 * is not measured is served by syscall(), which the library passes on as it is.
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
static struct pair tube, opaque, served, called;
static char buf[4096];

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* ---- the cases; each does what its row says once ---- */

static bool read_zero(void)
{
	return read(zero, buf, 1) == 1;
}

static bool write_null(void)
{
	return write(null, buf, 1) == 1;
}

static bool through_pipe(void)
{
	return write(tube.b, "x", 1) == 1 && read(tube.a, buf, 1) == 1;
}

static bool through_opaque(void)
{
	return send(opaque.b, "x", 1, 0) == 1 && recv(opaque.a, buf, 1, 0) == 1;
}

static bool wait_for_nothing(void)
{
	struct epoll_event event;
	return epoll_wait(quiet, &event, 1, 0) == 0;
}

static bool serve(void)
{
	const long q = sizeof(request) - 1, r = sizeof(response) - 1;
	return syscall(SYS_write, served.b, request, q) == q &&
	       recv(served.a, buf, sizeof(buf), 0) == q && send(served.a, response, r, 0) == r &&
	       syscall(SYS_read, served.b, buf, sizeof(buf)) == r;
}

/* The request may have grown by a header on its way. */
static bool call(void)
{
	const long q = sizeof(request) - 1, r = sizeof(response) - 1;
	return send(called.b, request, q, 0) == q &&
	       syscall(SYS_read, called.a, buf, sizeof(buf)) >= q &&
	       syscall(SYS_write, called.a, response, r) == r &&
	       recv(called.b, buf, sizeof(buf), 0) == r;
}

static const struct row {
	const char *name;
	bool (*once)(void);
	unsigned calls; /* of the library's, in once() */
	unsigned times; /* once() in a round */
} rows[] = {
	{"read_zero", read_zero, 1, 2000},
	{"write_null", write_null, 1, 2000},
	{"pipe", through_pipe, 2, 1000},
	{"tcp_opaque", through_opaque, 2, 500},
	{"epoll_wait", wait_for_nothing, 1, 2000},
	{"http_served", serve, 2, 100},
	{"http_called", call, 2, 100},
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
	int ends[2];
	zero = open_or_die("/dev/zero", O_RDONLY);
	null = open_or_die("/dev/null", O_WRONLY);
	must(pipe(ends) == 0, "pipe");
	tube = (struct pair){.a = ends[0], .b = ends[1]};
	quiet = epoll_create1(0);
	must(quiet >= 0, "epoll_create1");
	opaque = connection();
	served = connection();
	called = connection();
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

static double measure(const struct row *row, unsigned rounds)
{
	static double took[MAX_ROUNDS];
	const struct timespec pause = {.tv_nsec = 2000000};
	for (unsigned i = 0; i < rounds; i++) {
		uint64_t before = now();
		for (unsigned j = 0; j < row->times; j++)
			must(row->once(), row->name);
		took[i] = (double)(now() - before) / row->times / row->calls;
		nanosleep(&pause, NULL);
	}
	qsort(took, rounds, sizeof(took[0]), compare);
	return took[rounds / 2];
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
		printf("%s\t%.2f\n", rows[i].name, measure(&rows[i], (unsigned)rounds));
	return 0;
}
