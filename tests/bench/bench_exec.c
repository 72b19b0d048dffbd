/*
 * What starting a program costs: /bin/true with and without a preload, in turns.
 *
 *   bench_exec LIBRARY PAIRS     one line for each pair: microseconds from posix_spawn to the exit
 *                                without and with LIBRARY, then CPU microseconds without and with
 *
 * Which one of a pair comes first changes with every pair. The children's environment is ours but
 * for LD_PRELOAD; this program itself is meant to run without the preload.
 */
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_VARIABLES 1000

/* How long one child took, in microseconds. */
struct cost {
	double wall;
	double cpu;
};

static char *plain[MAX_VARIABLES + 2];  /* environment without the preload */
static char *traced[MAX_VARIABLES + 2]; /* and with it */

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double microseconds(struct timeval t)
{
	return (double)t.tv_sec * 1e6 + (double)t.tv_usec;
}

static struct cost start_true(char **env)
{
	char *argv[] = {"/bin/true", NULL};
	struct rusage used;
	int status;
	pid_t pid;
	double before = now();
	int error = posix_spawn(&pid, argv[0], NULL, NULL, argv, env);
	if (error) {
		fprintf(stderr, "bench_exec: %s: %s\n", argv[0], strerror(error));
		exit(1);
	}
	if (wait4(pid, &status, 0, &used) != pid || status) {
		fprintf(stderr, "bench_exec: %s failed\n", argv[0]);
		exit(1);
	}
	double wall = now() - before;
	return (struct cost){wall, microseconds(used.ru_utime) + microseconds(used.ru_stime)};
}

static bool make_environments(const char *library)
{
	static char preload[4096 + sizeof("LD_PRELOAD=")];
	size_t n = 0;
	for (char **v = environ; *v; v++) {
		if (strncmp(*v, "LD_PRELOAD=", 11) == 0)
			continue;
		if (n == MAX_VARIABLES)
			return false;
		plain[n] = traced[n] = *v;
		n++;
	}
	traced[n] = preload;
	return (size_t)snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", library) <
	       sizeof(preload);
}

int main(int argc, char **argv)
{
	unsigned long pairs = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (!pairs || !make_environments(argv[1])) {
		fputs("usage: bench_exec LIBRARY PAIRS\n", stderr);
		return 2;
	}
	start_true(plain);
	start_true(traced);
	for (unsigned long i = 0; i < pairs; i++) {
		struct cost with = {0}, without;
		if (i % 2)
			with = start_true(traced);
		without = start_true(plain);
		if (i % 2 == 0)
			with = start_true(traced);
		printf("%.1f %.1f %.0f %.0f\n", without.wall, with.wall, without.cpu, with.cpu);
	}
	return 0;
}
