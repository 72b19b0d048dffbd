/*
 * Load at a steady rate, and how long each answer took. Fed by a script with ports of HTTP servers
 * on loopback, feeds it with a file of samples. A thread for each server, each with a connection
 * and a schedule of its own, so that no server waits for another.
 *
 *   pace RATE FILE PORT...    until SIGTERM; then waits for the answers that are under way and
 *                             says "PORT requests=N errors=N" for each server
 *
 * Request n of a server is GET /r/n. A sample is {moment it was due (CLOCK_MONOTONIC, ns), how long
 * it took (ns), which port}, three 64-bit numbers. The time counts from the moment a request was
 * due when an answer before it held it up, else from its sending: a server that stands still shows
 * in every request it kept from being sent, a timer that rings late does not.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SERVERS  8
#define ANSWER   16384
#define PATIENCE 20 /* seconds for an answer */
#define NS_PER_S 1000000000ull

struct sample {
	uint64_t due;
	uint64_t took;
	uint64_t port;
};

/* A server and the connection to it; its thread's alone while that runs. */
struct lane {
	pthread_t thread;
	unsigned port;
	int fd;                /* -1: not connected */
	uint64_t phase;        /* ns that its schedule is behind the first one's */
	uint64_t requests;     /* sent */
	uint64_t errors;       /* without a whole answer of status 200 */
	struct sample *sample; /* of answers */
	size_t samples, room;
};

static struct lane lanes[SERVERS];
static uint64_t period;      /* ns between two requests to a server */
static uint64_t start;       /* of all schedules */
static volatile bool enough; /* set by the main thread */

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void sleep_until(uint64_t when)
{
	struct timespec t = {(time_t)(when / NS_PER_S), (long)(when % NS_PER_S)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		continue;
}

static void hang_up(struct lane *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static bool connected(struct lane *l)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval patience = {.tv_sec = PATIENCE};
	int on = 1;
	if (l->fd >= 0)
		return true;
	a.sin_port = htons((uint16_t)l->port);
	l->fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(l->fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return true;
	hang_up(l);
	return false;
}

/* Reads one answer; *ret_close: the server will close the connection. */
static bool answered(struct lane *l, bool *ret_close)
{
	char text[ANSWER + 1];
	size_t have = 0, need = 0;
	while (!need || have < need) {
		ssize_t n = recv(l->fd, text + have, ANSWER - have, 0);
		if (n < 0 &&
		    errno == EINTR) /* stopped and continued: so it ends where a limit is set */
			continue;
		if (n <= 0)
			return false;
		have += (size_t)n;
		text[have] = 0;
		char *end = need ? NULL : strstr(text, "\r\n\r\n");
		if (!end)
			continue;
		char *length = strcasestr(text, "\r\nContent-Length:");
		need = (size_t)(end - text) + 4 + (length ? strtoul(length + 17, NULL, 10) : 0);
		if (need > ANSWER)
			return false;
	}
	*ret_close = strcasestr(text, "\r\nConnection: close") != NULL;
	return have == need && strncmp(text, "HTTP/1.1 200 ", 13) == 0;
}

static void keep(struct lane *l, uint64_t due, uint64_t took)
{
	if (l->samples == l->room) {
		l->room = l->room ? 2 * l->room : 4096;
		l->sample = realloc(l->sample, l->room * sizeof(*l->sample));
		if (!l->sample)
			abort();
	}
	l->sample[l->samples++] = (struct sample){due, took, l->port};
}

static bool ask(struct lane *l)
{
	char text[128];
	bool last = false;
	int n = snprintf(text, sizeof(text), "GET /r/%llu HTTP/1.1\r\nHost: localhost\r\n\r\n",
			 (unsigned long long)l->requests);
	l->requests++;
	bool ok = connected(l) && send(l->fd, text, (size_t)n, MSG_NOSIGNAL) == n &&
		  answered(l, &last);
	if (!ok || last)
		hang_up(l);
	return ok;
}

static void *run(void *arg)
{
	struct lane *l = arg;
	uint64_t done = 0;
	for (uint64_t i = 0; !enough; i++) {
		uint64_t due = start + l->phase + i * period;
		sleep_until(due);
		connected(l);
		uint64_t began = done > due ? due : now();
		bool ok = ask(l);
		done = now();
		if (ok)
			keep(l, due, done - began);
		else
			l->errors++;
	}
	hang_up(l);
	return NULL;
}

int main(int argc, char **argv)
{
	sigset_t stop;
	int got;
	int servers = argc - 3 < SERVERS ? argc - 3 : SERVERS;
	double rate = argc > 3 ? atof(argv[1]) : 0;
	if (rate <= 0) {
		fprintf(stderr, "pace RATE FILE PORT...\n");
		return 2;
	}
	FILE *file = fopen(argv[2], "wb");
	if (!file) {
		perror(argv[2]);
		return 1;
	}
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	period = (uint64_t)((double)NS_PER_S / rate);
	start = now() + NS_PER_S / 50;
	for (int i = 0; i < servers; i++) {
		lanes[i] = (struct lane){.port = (unsigned)atoi(argv[3 + i]), .fd = -1};
		lanes[i].phase = period / (unsigned)servers * (unsigned)i;
		if (pthread_create(&lanes[i].thread, NULL, run, &lanes[i]))
			return 1;
	}
	sigwait(&stop, &got);
	enough = true;
	for (int i = 0; i < servers; i++) {
		struct lane *l = &lanes[i];
		pthread_join(l->thread, NULL);
		fwrite(l->sample, sizeof(*l->sample), l->samples, file);
		printf("%u requests=%llu errors=%llu\n", l->port, (unsigned long long)l->requests,
		       (unsigned long long)l->errors);
	}
	return fclose(file) ? 1 : 0;
}
