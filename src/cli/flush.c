/*
 * `autotrace flush`: delivers what ended processes left in a spool directory, with the exporter's
 * own code and settings (the environment), and says what became of it. Fed by main.c.
 */
#include "cli/command.h"
#include "cli/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "export/gate.h"
#include "export/health.h"
#include "export/http.h"
#include "export/recover.h"

/* Something is still there that should not be. */
#define EXIT_LEFT 1

/* What getopt_long returns for each option. */
enum { OPTION_ENDPOINT = 1, OPTION_HELP };

static const struct option options[] = {
	{.name = "endpoint", .has_arg = required_argument, .val = OPTION_ENDPOINT},
	{.name = "help", .val = OPTION_HELP},
	{0},
};

void at_flush_help(FILE *out)
{
	fputs("  --endpoint URL            where the collector listens "
	      "(OTEL_EXPORTER_OTLP_ENDPOINT)\n"
	      "  --help                    this list\n"
	      "DIR is what AUTOTRACE_SPOOL_DIR names when it is left out. Files of living "
	      "processes "
	      "are not touched.\n"
	      "Exit codes: 0 nothing is left, 1 something is left, 125 autotrace failed, 2 "
	      "usage.\n",
	      out);
}

static void put(const char *variable, const char *value)
{
	if (setenv(variable, value, 1) != 0) {
		at_text_complain("%s: %s", variable, strerror(errno));
		exit(AT_EXIT_FAILED);
	}
}

/* One more part of the line, when there is something to say. */
static void say(unsigned long long count, const char *text)
{
	if (count)
		printf(", %llu %s", count, text);
}

static int report(const struct at_recover_tally *t)
{
	bool left = t->left || t->other || t->lost;

	printf("%llu spans of %llu files delivered", (unsigned long long)t->delivered,
	       (unsigned long long)t->files);
	say(t->unsure, "of them had been on their way when their process died");
	say(t->rejected, "spans rejected by the backend");
	say(t->filtered, "spans dropped by a processor");
	say(t->torn, "places unreadable");
	say(t->lost, "spans dropped: too old, or over the limit");
	say(t->left, "files could not be delivered");
	say(t->other, "files of another version left alone");
	say(t->damaged, "files damaged or foreign left alone");
	say(t->busy, "files in use");
	putchar('\n');
	if (fflush(stdout) != 0)
		return AT_EXIT_FAILED;
	if (t->left && at_health_trouble())
		at_text_complain("flush: %s", at_health_trouble());
	return left ? EXIT_LEFT : 0;
}

static int flush(const char *directory)
{
	static struct at_config config;
	static char arena[AT_CONFIG_ARENA];
	struct at_recover *recover;
	const struct at_recover_tally *tally;

	put("AUTOTRACE_SPOOL_DIR", directory);
	unsetenv("AUTOTRACE_DISABLED");
	unsetenv("OTEL_SDK_DISABLED");
	put("OTEL_TRACES_EXPORTER", "otlp");
	at_config_load(&config, (const char *const *)environ, arena, sizeof(arena));
	at_log_set_level((enum at_log_level)config.log_level);
	at_config_warn(&config);
	recover = at_recover_open(&config, true);
	if (!recover) {
		at_text_complain("flush: no memory");
		return AT_EXIT_FAILED;
	}
	at_gate_enter();
	at_recover_begin(recover);
	while (!at_recover_idle(recover))
		if (!at_recover_step(recover, at_clock_now(), false) &&
		    at_recover_next(recover) == 0)
			at_http_wait(UINT64_MAX);
	at_gate_leave();
	tally = at_recover_tally(recover);
	if (!tally->error)
		return report(tally);
	at_text_complain("flush: %s: %s", directory, strerror(tally->error));
	return AT_EXIT_FAILED;
}

int at_flush_main(int count, char **arguments)
{
	const char *directory;
	int got;

	opterr = 0;
	while ((got = getopt_long(count, arguments, ":", options, NULL)) != -1) {
		switch (got) {
		case OPTION_ENDPOINT:
			put("OTEL_EXPORTER_OTLP_ENDPOINT", optarg);
			unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
			break;
		case OPTION_HELP:
			at_flush_help(stdout);
			return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
		default:
			at_command_refuse("flush", got, arguments);
			return AT_EXIT_USAGE;
		}
	}
	directory = optind < count ? arguments[optind] : getenv("AUTOTRACE_SPOOL_DIR");
	if (!directory || !*directory || optind + 1 < count) {
		at_text_complain("flush: one directory, please; see `autotrace help flush`");
		return AT_EXIT_USAGE;
	}
	return flush(directory);
}
