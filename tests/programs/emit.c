/*
 * Finishes spans as traced requests would, without any traffic: the exporter's tests and benchmark
 * drive it. Configured by the environment like the library. Prints its counters as one JSON line on
 * stdout for each process.
 *
 *   emit COUNT [OPTION=VALUE]...
 *     threads=N    that share COUNT (1)
 *     pause=US     microseconds after each span (0)
 *     burst=N      spans between two pauses (1)
 *     patient=1    a refused span is offered again until there is room (and counted once)
 *     flush=MS     before the end (0: leave it to the exit)
 *     fork=N       children that each emit COUNT too, after the parent's first COUNT
 *     linger=MS    before the end
 *     again=N      emits COUNT once more after the linger
 *     closefds=1   closes all descriptors from 3 on, past the library, before the linger
 *     attr=TEXT    value of an extra attribute (url.query)
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/entropy.h"
#include "base/log.h"
#include "config/config.h"
#include "export/export.h"
#include "libc/libc.h"

#include "../support/sample.h"

static struct at_config config;
static char arena[AT_CONFIG_ARENA];

static struct {
	long count, threads, pause, burst, patient, flush, fork, linger, again, closefds;
	const char *attr;
} opt = {.threads = 1, .burst = 1};

static long *option(const char *name, size_t n)
{
	static const struct {
		const char *name;
		long *value;
	} rows[] = {
		{"threads", &opt.threads}, {"pause", &opt.pause}, {"burst", &opt.burst},
		{"patient", &opt.patient}, {"flush", &opt.flush}, {"fork", &opt.fork},
		{"linger", &opt.linger},   {"again", &opt.again}, {"closefds", &opt.closefds},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == n && memcmp(rows[i].name, name, n) == 0)
			return rows[i].value;
	return NULL;
}

static void read_options(int argc, char **argv)
{
	opt.count = argc > 1 ? atol(argv[1]) : 1;
	for (int i = 2; i < argc; i++) {
		const char *equals = strchr(argv[i], '=');
		long *value = equals ? option(argv[i], (size_t)(equals - argv[i])) : NULL;
		if (value)
			*value = atol(equals + 1);
		else if (strncmp(argv[i], "attr=", 5) == 0)
			opt.attr = argv[i] + 5;
		else
			fprintf(stderr, "emit: unknown option %s\n", argv[i]), exit(2);
	}
}

static void emit_one(long i)
{
	struct sample s;
	sample_make(&s, (unsigned)i, opt.attr);
	s.head.start_ns = at_clock_unix(at_clock_now());
	s.head.end_ns = s.head.start_ns + 1500000;
	while (!at_export_offer(&s.head, s.name, s.state, s.attrs.p, s.link) && opt.patient) {
		at_counter_add(AT_COUNT_spans_finished, (uint64_t)-1);
		at_counter_add(AT_COUNT_drop_queue_full, (uint64_t)-1);
		usleep(200);
	}
}

static void *emit_share(void *unused)
{
	(void)unused;
	for (long i = 0; i < opt.count / opt.threads; i++) {
		emit_one(i);
		if (opt.pause && i % opt.burst == opt.burst - 1)
			usleep((useconds_t)opt.pause);
	}
	return NULL;
}

static void emit_all(void)
{
	pthread_t id[64];
	long n = opt.threads < 64 ? opt.threads : 64;
	for (long i = 1; i < n; i++)
		pthread_create(&id[i], NULL, emit_share, NULL);
	emit_share(NULL);
	for (long i = 1; i < n; i++)
		pthread_join(id[i], NULL);
}

static void print_counters(void)
{
	char line[2048];
	int n = snprintf(line, sizeof(line), "{\"pid\": %d, \"lost\": %lu", (int)getpid(),
			 (unsigned long)at_counter_lost());
#define AT_COUNTER(name, is_loss, text)                                           \
	n += snprintf(line + n, sizeof(line) - (size_t)n, ", \"%s\": %lu", #name, \
		      (unsigned long)at_counter_get(AT_COUNT_##name));
#include "base/counter.def"
#undef AT_COUNTER
	n += snprintf(line + n, sizeof(line) - (size_t)n, "}\n");
	if (write(1, line, (size_t)n) != n)
		_exit(3);
}

static void end(void)
{
	if (opt.flush)
		at_export_flush((unsigned)opt.flush);
	at_export_exit(config.exit_timeout_ms);
	print_counters();
}

static void child(void)
{
	at_entropy_after_fork();
	at_export_fork_child();
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	at_libc_resolve();
	at_clock_anchor();
	if (at_config_load(&config, (const char *const *)environ, arena, sizeof(arena))) {
		at_log_set_level((enum at_log_level)config.log_level);
		at_log_open();
		at_config_warn(&config);
		at_export_boot(&config);
	}
	pthread_atfork(at_export_fork_prepare, at_export_fork_parent, child);
	emit_all();
	for (long i = 0; i < opt.fork; i++)
		if (fork() == 0) {
			emit_all();
			end();
			_exit(0);
		}
	if (opt.linger && opt.closefds)
		usleep(300000);
	if (opt.closefds)
		syscall(SYS_close_range, 3, ~0u, 0);
	usleep((useconds_t)opt.linger * 1000);
	for (long i = 0; i < opt.again; i++)
		emit_all();
	end();
	while (opt.fork && wait(NULL) > 0)
		continue;
	return 0;
}
