/*
 * Waits and hands on. Fed by main. Owns nothing.
 */
#include "view/loop.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define DRAIN_QUIET 20   /* milliseconds without news that end the draining */
#define DRAIN_MAX   1000 /* milliseconds */
#define FDS         3

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int at_loop_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* False: the program shall end. */
static bool obey(struct at_viewer *viewer, int signals)
{
	struct signalfd_siginfo got;

	while (read(signals, &got, sizeof(got)) == sizeof(got)) {
		if (got.ssi_signo != SIGUSR1)
			return false;
		at_viewer_count(viewer);
	}
	return true;
}

static int64_t sooner(int64_t a, int64_t b)
{
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	return a < b ? a : b;
}

static int64_t receive(const struct at_loop_sources *sources)
{
	uint64_t now = now_ms();
	int64_t wait = at_receiver_run(sources->http, now);

	return sources->grpc ? sooner(wait, at_grpc_receiver_run(sources->grpc, now)) : wait;
}

/* The descriptors of the network and, a negative one counts as none, of the signals. */
static void listen_to(struct pollfd fds[FDS], const struct at_loop_sources *sources, int signals)
{
	fds[0].fd = at_receiver_fd(sources->http);
	fds[1].fd = sources->grpc ? at_grpc_receiver_fd(sources->grpc) : -1;
	fds[2].fd = signals;
	for (int i = 0; i < FDS; i++)
		fds[i].events = POLLIN;
}

/* Reads what lay in the sockets when the end came, and answers it. */
static void drain(const struct at_loop_sources *sources)
{
	struct pollfd fds[FDS];
	uint64_t start = now_ms();
	int64_t wait;

	listen_to(fds, sources, -1);
	at_receiver_hurry(sources->http);
	do {
		wait = receive(sources);
		if (wait != 0 && poll(fds, FDS, DRAIN_QUIET) == 0)
			return;
	} while (now_ms() - start < DRAIN_MAX);
}

void at_loop_run(struct at_viewer *viewer, const struct at_loop_sources *sources, int signals)
{
	struct pollfd fds[FDS];
	uint64_t end = viewer->options->duration ? now_ms() + viewer->options->duration * 1000 : 0;

	listen_to(fds, sources, signals);
	while (obey(viewer, signals) && !viewer->error) {
		int64_t wait = receive(sources);
		uint64_t now = now_ms();

		if (end && now >= end)
			break;
		wait = sooner(wait, at_viewer_draw(viewer, now));
		wait = sooner(wait, end ? (int64_t)(end - now) : -1);
		poll(fds, FDS, wait < INT32_MAX ? (int)wait : INT32_MAX);
	}
	drain(sources);
	at_viewer_draw_rest(viewer);
}
