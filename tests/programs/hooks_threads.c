/*
 * Threads and signals that meet the hooks at bad moments, while HTTP goes on.
 *
 *   hooks_threads SCENARIO
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static const char request[] = "GET /threads/17?a=b HTTP/1.1\r\nHost: threads.example:8080\r\n"
			      "User-Agent: test\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(9);
}

static void write_all(int fd, const char *data, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t rc = write(fd, data + at, n - at);
		must(rc > 0 || errno == EINTR, "write");
		at += rc > 0 ? (size_t)rc : 0;
	}
}

static size_t read_until(int fd, char *buf, size_t room, const char *end)
{
	size_t n = 0, len = strlen(end);
	while (n < len || memcmp(buf + n - len, end, len) != 0) {
		ssize_t rc = read(fd, buf + n, room - n);
		if (rc == 0)
			return 0;
		must(rc > 0 || errno == EINTR, "read");
		n += rc > 0 ? (size_t)rc : 0;
	}
	return n;
}

/* The request as it was sent, but for one header line. */
static void check_request(const char *buf, size_t n)
{
	size_t lines = sizeof(request) - 3;
	must(n >= sizeof(request) - 1 && memcmp(buf, request, lines) == 0, "the request");
	must(n == sizeof(request) - 1 ||
		     (n == lines + 72 && memcmp(buf + lines, "traceparent: ", 13) == 0),
	     "the line");
}

static void *serve(void *arg)
{
	int fd = (int)(long)arg;
	char buf[1000];
	for (size_t n; (n = read_until(fd, buf, sizeof(buf), "\r\n\r\n")) != 0;) {
		check_request(buf, n);
		write_all(fd, response, sizeof(response) - 1);
	}
	close(fd);
	return NULL;
}

static void call(int fd)
{
	char buf[100];
	write_all(fd, request, sizeof(request) - 1);
	must(read_until(fd, buf, sizeof(buf), "\r\n\r\nok") == sizeof(response) - 1, "the answer");
}

/* ---- signals ---- */

static int by_handler[2]; /* the handler speaks HTTP over these, too */
static long handled;      /* by all threads (atomic) */

static void on_alarm(int unused)
{
	int saved = errno;
	char buf[200];
	(void)unused;
	if (write(by_handler[0], request, sizeof(request) - 1) > 0)
		__atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
	while (recv(by_handler[1], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	int fd = dup(by_handler[0]);
	close(fd);
	errno = saved;
}

/* A handler that writes to sockets every 50 us, while calls are made and served. */
static void storm(void)
{
	struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
	pthread_t server;
	int ends[2];
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, by_handler) == 0, "socketpair");
	sigaction(SIGALRM, &act, NULL);
	must(pthread_create(&server, NULL, serve, (void *)(long)ends[1]) == 0, "thread");
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 20000; i++)
		call(ends[0]);
	setitimer(ITIMER_REAL, &never, NULL);
	close(ends[0]);
	pthread_join(server, NULL);
	must(__atomic_load_n(&handled, __ATOMIC_RELAXED) > 100, "too few signals");
}

/* ---- cancellation ---- */

static volatile int cleaned;

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static void *wait_for_request(void *arg)
{
	char buf[1000];
	pthread_cleanup_push(clean, NULL);
	for (;;)
		recv((int)(long)arg, buf, sizeof(buf), 0);
	pthread_cleanup_pop(0);
	return NULL;
}

static void *write_for_ever(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	for (;;)
		write_all((int)(long)arg, request, sizeof(request) - 1);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancelled(void *(*what)(void *), int fd)
{
	pthread_t id;
	void *result = NULL;
	must(pthread_create(&id, NULL, what, (void *)(long)fd) == 0, "thread");
	usleep(20000);
	must(pthread_cancel(id) == 0 && pthread_join(id, &result) == 0, "cancel");
	must(result == PTHREAD_CANCELED, "cancelled");
}

static void cancel(void)
{
	pthread_t server;
	int ends[2];
	for (int i = 0; i < 20; i++) {
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
		cancelled(wait_for_request, ends[1]);
		must(pthread_create(&server, NULL, serve, (void *)(long)ends[1]) == 0, "thread");
		call(ends[0]);
		close(ends[0]);
		pthread_join(server, NULL);
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
		cancelled(write_for_ever, ends[0]);
		close(ends[0]);
		close(ends[1]);
	}
	must(cleaned == 40, "cleanup handlers");
}

/* ---- stacks ---- */

/* A call and a served request, on one thread: every kind of work there is, on its stack. */
static void *work(void *arg)
{
	char buf[1000];
	int ends[2];
	(void)arg;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	for (int i = 0; i < 3; i++) {
		write_all(ends[0], request, sizeof(request) - 1);
		check_request(buf, read_until(ends[1], buf, sizeof(buf), "\r\n\r\n"));
		write_all(ends[1], response, sizeof(response) - 1);
		must(read_until(ends[0], buf, sizeof(buf), "\r\n\r\nok") > 0, "the answer");
	}
	close(ends[0]);
	close(ends[1]);
	return NULL;
}

/* Prints how many bytes of a stack the work touched. */
static void painted(void)
{
	enum { SIZE = 262144 };
	char *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t id;
	for (int round = 0; round < 2; round++) {
		memset(stack, 0xa5, SIZE);
		pthread_attr_init(&attr);
		pthread_attr_setstack(&attr, stack, SIZE);
		must(pthread_create(&id, &attr, work, NULL) == 0, "thread");
		pthread_join(id, NULL);
	}
	int untouched = 0;
	while ((unsigned char)stack[untouched] == 0xa5)
		untouched++;
	printf("stack %d\n", SIZE - untouched);
}

static void smallest(void)
{
	pthread_attr_t attr;
	pthread_t id[50];
	size_t size = (size_t)sysconf(_SC_THREAD_STACK_MIN);
	pthread_attr_init(&attr);
	must(pthread_attr_setstacksize(&attr, size) == 0, "stack size");
	for (int i = 0; i < 50; i++)
		must(pthread_create(&id[i], &attr, work, NULL) == 0, "thread");
	for (int i = 0; i < 50; i++)
		pthread_join(id[i], NULL);
}

/* ---- many ---- */

static long resident(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	must(f && fscanf(f, "%*d %ld", &pages) == 1, "statm");
	fclose(f);
	return pages * sysconf(_SC_PAGESIZE) / 1024;
}

static void *short_life(void *arg)
{
	return arg == NULL ? work(arg) : arg;
}

/* 10,000 threads, 8 at a time; prints by how much the process grew behind the first 1,000. */
static void many(void)
{
	pthread_t id[8];
	long before = 0;
	for (int i = 0; i < 10000; i += 8) {
		if (i == 1000)
			before = resident();
		for (int k = 0; k < 8; k++)
			must(pthread_create(&id[k], NULL, short_life, NULL) == 0, "thread");
		for (int k = 0; k < 8; k++)
			pthread_join(id[k], NULL);
	}
	printf("grown %ld KiB\n", resident() - before);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"storm", storm},       {"cancel", cancel}, {"painted", painted},
	{"smallest", smallest}, {"many", many},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("ok\n");
			return 0;
		}
	return 2;
}
