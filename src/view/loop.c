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

/* Reads what lay in the sockets when the end came, and answers it. */
static void drain(struct at_receiver *receiver)
{
	struct pollfd network = {.fd = at_receiver_fd(receiver), .events = POLLIN};
	uint64_t start = now_ms();
	int64_t wait;

	at_receiver_hurry(receiver);
	do {
		wait = at_receiver_run(receiver, now_ms());
		if (wait != 0 && poll(&network, 1, DRAIN_QUIET) == 0)
			return;
	} while (now_ms() - start < DRAIN_MAX);
}

void at_loop_run(struct at_viewer *viewer, struct at_receiver *receiver, int signals)
{
	struct pollfd fds[] = {{.fd = at_receiver_fd(receiver), .events = POLLIN},
			       {.fd = signals, .events = POLLIN}};
	uint64_t end = viewer->options->duration ? now_ms() + viewer->options->duration * 1000 : 0;

	while (obey(viewer, signals) && !viewer->error) {
		uint64_t now = now_ms();
		int64_t wait = at_receiver_run(receiver, now);

		if (end && now >= end)
			break;
		wait = sooner(wait, at_viewer_draw(viewer, now));
		wait = sooner(wait, end ? (int64_t)(end - now) : -1);
		poll(fds, sizeof(fds) / sizeof(fds[0]), wait < INT32_MAX ? (int)wait : INT32_MAX);
	}
	drain(receiver);
	at_viewer_draw_rest(viewer);
}
