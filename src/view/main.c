/*
 * autotrace-view: an OpenTelemetry backend in one terminal. Receives spans by OTLP/HTTP, joins
 *those of all processes into traces and draws them.
 *
 *	receiver (decode, verdict) --batch--> viewer --> idset       numbers
 *	                                        |------> jsonl       lines
 *	                                        \------> store       traces --quiet--> tree,
 *waterfall
 *
 * One thread runs it all (loop.c). This file is the order of start and end, and the exit codes: 0,
 * 1 for what the machine refuses, 2 for bad options.
 */
#include "view/listen.h"
#include "view/loop.h"
#include "view/options.h"
#include "view/receiver.h"
#include "view/glyph.h"
#include "view/viewer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_BODY        (64u << 20)  /* bytes: OTLP's limit */
#define MAX_BODIES      (256u << 20) /* bytes of all bodies on their way */
#define MAX_DECODED     (512u << 20) /* bytes one body may become */
#define MAX_CONNECTIONS 512

enum { EXIT_GOOD = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

static int usage(const char *text, const char *what)
{
	if (text)
		fprintf(stderr, "autotrace-view: '%s' is not %s\n", text, what);
	fputs("Try 'autotrace-view --help'.\n", stderr);
	return EXIT_USAGE;
}

static bool write_port(const char *file, unsigned int port)
{
	char fresh[4096];
	FILE *out;
	bool good;

	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", file) >= sizeof(fresh)) {
		errno = ENAMETOOLONG;
		return false;
	}
	out = fopen(fresh, "we");
	if (!out)
		return false;
	good = fprintf(out, "%u\n", port) > 0;
	good = fclose(out) == 0 && good;
	return good && rename(fresh, file) == 0;
}

static int serve(const struct at_options *options, const struct at_trouble *trouble,
		 const struct at_listen *listening, struct at_viewer *viewer)
{
	const struct at_receiver_config config = {.fd = listening->fd,
						  .max_body = MAX_BODY,
						  .max_bodies = MAX_BODIES,
						  .max_decoded = MAX_DECODED,
						  .max_connections = MAX_CONNECTIONS,
						  .trouble = *trouble,
						  .tally = &viewer->tally,
						  .sink = at_viewer_take,
						  .sink_data = viewer};
	int signals = at_loop_signals();
	struct at_receiver *receiver = signals < 0 ? NULL : at_receiver_start(&config);

	if (!receiver) {
		fprintf(stderr, "autotrace-view: cannot start: %s\n", strerror(errno));
		return EXIT_REFUSED;
	}
	fprintf(viewer->words, "listening on %s\n", listening->url);
	fflush(viewer->words);
	if (options->port_file && !write_port(options->port_file, listening->port)) {
		fprintf(stderr, "autotrace-view: cannot write %s: %s\n", options->port_file,
			strerror(errno));
		at_receiver_stop(receiver);
		return EXIT_REFUSED;
	}
	at_loop_run(viewer, receiver, signals);
	at_receiver_stop(receiver);
	if (options->count)
		at_viewer_count(viewer);
	return EXIT_GOOD;
}

static int start(const struct at_options *options, const struct at_trouble *trouble)
{
	struct at_listen listening;
	struct at_viewer viewer;
	int result = EXIT_REFUSED;

	if (!at_listen_open(&listening, options->listen)) {
		fprintf(stderr, "autotrace-view: %s\n", listening.why);
		return EXIT_REFUSED;
	}
	at_glyph_setup();
	if (at_viewer_start(&viewer, options))
		result = serve(options, trouble, &listening, &viewer);
	return at_viewer_stop(&viewer) ? result : EXIT_REFUSED;
}

int main(int argc, char **argv)
{
	struct at_options options;
	struct at_trouble trouble = {0};

	if (!at_options_parse(&options, argc, argv, stderr))
		return usage(NULL, NULL);
	if (options.help) {
		at_options_help(stdout);
		return EXIT_GOOD;
	}
	if (options.version) {
		puts("autotrace-view " AT_VERSION);
		return EXIT_GOOD;
	}
	if (!at_listen_valid(options.listen))
		return usage(options.listen, "ADDR:PORT");
	if (!options.fail && options.fail_first)
		options.fail = "503";
	if (options.fail && !at_trouble_parse(&trouble, options.fail))
		return usage(options.fail, "CODE[:RETRY_AFTER], CODE from 300 to 599");
	trouble.first = options.fail_first;
	trouble.delay = options.delay;
	return start(&options, &trouble);
}
