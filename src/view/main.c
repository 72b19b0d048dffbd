/*
 * autotrace-view: an OpenTelemetry backend in one terminal. Receives spans by OTLP/HTTP and
 * OTLP/gRPC, joins those of all processes into traces and draws them.
 *
 *	receiver ------\
 *	grpc_receiver --> intake (decode, verdict) --batch--> viewer --> idset   numbers
 *	                                                         |-----> jsonl   lines
 *	                                                         \-----> store   traces
 *	                                                      --quiet--> tree, waterfall
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
#define MAX_CONNECTIONS 512          /* of each receiver */
#define HTTP_PLACE      "127.0.0.1:4318"
#define GRPC_PLACE      "127.0.0.1:4317"

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

/* The listening sockets, by what they are for. */
struct doors {
	struct at_listen http;
	struct at_listen grpc; /* fd -1: none */
};

static bool tell(const struct at_listen *door, const char *what, const char *file, FILE *words)
{
	fprintf(words, "listening%s on %s\n", what, door->url);
	fflush(words);
	if (!file || write_port(file, door->port))
		return true;
	fprintf(stderr, "autotrace-view: cannot write %s: %s\n", file, strerror(errno));
	return false;
}

/* Tells of the doors, and then receives until the end. */
static int receive(const struct at_options *options, const struct doors *doors,
		   struct at_viewer *viewer, const struct at_loop_sources *sources, int signals)
{
	if (!tell(&doors->http, "", options->port_file, viewer->words) ||
	    (sources->grpc &&
	     !tell(&doors->grpc, " for gRPC", options->grpc_port_file, viewer->words)))
		return EXIT_REFUSED;
	at_loop_run(viewer, sources, signals);
	return EXIT_GOOD;
}

static int serve(const struct at_options *options, struct at_trouble *trouble,
		 const struct doors *doors, struct at_viewer *viewer)
{
	struct at_intake intake = {.max_body = MAX_BODY,
				   .max_bodies = MAX_BODIES,
				   .max_decoded = MAX_DECODED,
				   .tally = &viewer->tally,
				   .sink = at_viewer_take,
				   .sink_data = viewer};
	const struct at_receiver_config config = {.fd = doors->http.fd,
						  .max_connections = MAX_CONNECTIONS,
						  .trouble = trouble,
						  .intake = &intake};
	struct at_loop_sources sources = {0};
	int signals = at_loop_signals();
	int result = EXIT_REFUSED;

	at_intake_open(&intake);
	if (signals >= 0)
		sources.http = at_receiver_start(&config);
	if (sources.http && doors->grpc.fd >= 0)
		sources.grpc =
			at_grpc_receiver_start(doors->grpc.fd, MAX_CONNECTIONS, &intake, trouble);
	if (!sources.http || (!sources.grpc && doors->grpc.fd >= 0))
		fprintf(stderr, "autotrace-view: cannot start: %s\n", strerror(errno));
	else
		result = receive(options, doors, viewer, &sources, signals);
	if (sources.grpc)
		at_grpc_receiver_stop(sources.grpc);
	if (sources.http)
		at_receiver_stop(sources.http);
	at_intake_free(&intake);
	if (options->count && result == EXIT_GOOD)
		at_viewer_count(viewer);
	return result;
}

/* NULL: none is wanted. */
static const char *grpc_place(const struct at_options *options)
{
	if (options->grpc)
		return strcmp(options->grpc, "off") == 0 ? NULL : options->grpc;
	return options->listen ? NULL : GRPC_PLACE;
}

static bool open_doors(struct doors *doors, const struct at_options *options)
{
	const char *grpc = grpc_place(options);

	doors->grpc.fd = -1;
	if (!at_listen_open(&doors->http, options->listen ? options->listen : HTTP_PLACE)) {
		fprintf(stderr, "autotrace-view: %s\n", doors->http.why);
		return false;
	}
	if (!grpc || at_listen_open(&doors->grpc, grpc))
		return true;
	fprintf(stderr, "autotrace-view: %s (--grpc off does without)\n", doors->grpc.why);
	close(doors->http.fd);
	return false;
}

static int start(const struct at_options *options, struct at_trouble *trouble)
{
	struct doors doors;
	struct at_viewer viewer;
	int result = EXIT_REFUSED;

	if (!open_doors(&doors, options))
		return EXIT_REFUSED;
	at_glyph_setup();
	if (at_viewer_start(&viewer, options))
		result = serve(options, trouble, &doors, &viewer);
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
	if (options.listen && !at_listen_valid(options.listen))
		return usage(options.listen, "ADDR:PORT");
	if (grpc_place(&options) && !at_listen_valid(grpc_place(&options)))
		return usage(options.grpc, "ADDR:PORT");
	if (!options.fail && options.fail_first)
		options.fail = "503";
	if (options.fail && !at_trouble_parse(&trouble, options.fail))
		return usage(options.fail, "CODE[:RETRY_AFTER], CODE from 300 to 599");
	trouble.first = options.fail_first;
	trouble.delay = options.delay;
	return start(&options, &trouble);
}
