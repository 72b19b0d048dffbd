/*
 * Between the receiver and the outputs. Fed by the receiver (spans) and the loop (time). Owns the
 * store, the set of trace ids and the JSON file.
 */
#include "view/viewer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STORE_BYTES     (256u << 20) /* of all traces waiting to be drawn */
#define DRAWN_AT_A_TIME 64           /* traces between two looks at the network */

static bool open_json(struct at_viewer *viewer)
{
	const char *file = viewer->options->json;

	viewer->json_fd = -1;
	if (!file)
		return true;
	viewer->json_fd = STDOUT_FILENO;
	if (strcmp(file, "-") != 0)
		viewer->json_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (viewer->json_fd < 0) {
		fprintf(stderr, "autotrace-view: cannot open %s: %s\n", file, strerror(errno));
		return false;
	}
	at_jsonl_init(&viewer->jsonl, viewer->json_fd);
	return true;
}

bool at_viewer_start(struct at_viewer *viewer, const struct at_options *options)
{
	const struct at_store_config limits = {.max_traces = options->max_traces,
					       .max_spans = options->max_spans,
					       .max_bytes = STORE_BYTES,
					       .keep_attributes = options->attributes,
					       .keep_links = options->links};
	bool json_to_stdout = options->json && strcmp(options->json, "-") == 0;

	*viewer = (struct at_viewer){.options = options,
				     .drawing = !options->quiet && !json_to_stdout,
				     .how = {.pid = options->pid,
					     .rules = options->rules,
					     .max_lines = options->max_lines},
				     .out = stdout,
				     .words = json_to_stdout ? stderr : stdout};
	at_idset_init(&viewer->traces);
	if (viewer->drawing && !at_store_init(&viewer->store, &limits)) {
		fputs("autotrace-view: not enough memory\n", stderr);
		return false;
	}
	return open_json(viewer);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void at_viewer_take(const struct at_view_batch *batch, void *data)
{
	struct at_viewer *viewer = data;
	uint64_t now = now_ms();

	viewer->tally.spans += batch->n;
	for (size_t i = 0; i < batch->n; i++) {
		at_idset_add(&viewer->traces, batch->spans[i].trace_id.p);
		if (viewer->drawing)
			at_store_add(&viewer->store, &batch->spans[i], now);
	}
	viewer->tally.traces = viewer->traces.count;
	viewer->tally.evicted_traces = viewer->store.evicted_traces;
	viewer->tally.evicted_spans = viewer->store.evicted_spans;
	if (viewer->json_fd >= 0 && !viewer->jsonl.error && !at_jsonl_write(&viewer->jsonl, batch))
		fprintf(stderr, "autotrace-view: no more lines for %s: %s\n", viewer->options->json,
			strerror(viewer->jsonl.error));
}

static void flush(struct at_viewer *viewer, FILE *out)
{
	errno = 0;
	if (fflush(out) == 0 && !ferror(out))
		return;
	if (!viewer->error)
		viewer->error = errno ? errno : EIO;
}

/* Draws the pending traces that had no news since `before`, at most `n`; returns the one that
 * remains. */
static const struct at_trace *draw(struct at_viewer *viewer, uint64_t before, size_t n)
{
	struct at_screen screen = at_screen_probe(fileno(viewer->out), viewer->options->ascii);
	struct at_trace *trace;

	for (; (trace = at_store_next(&viewer->store)) && n > 0; n--) {
		if (trace->touched > before)
			break;
		at_waterfall_draw(viewer->out, trace, &screen, &viewer->how);
		at_store_mark_drawn(&viewer->store, trace);
	}
	flush(viewer, viewer->out);
	return trace;
}

int64_t at_viewer_draw(struct at_viewer *viewer, uint64_t now)
{
	uint64_t quiet = viewer->options->quiet_after;
	const struct at_trace *next = viewer->drawing ? at_store_next(&viewer->store) : NULL;

	if (next && next->touched + quiet <= now)
		next = draw(viewer, now - quiet, DRAWN_AT_A_TIME);
	if (!next)
		return -1;
	return next->touched + quiet > now ? (int64_t)(next->touched + quiet - now) : 0;
}

void at_viewer_draw_rest(struct at_viewer *viewer)
{
	if (viewer->drawing && at_store_next(&viewer->store))
		draw(viewer, UINT64_MAX, SIZE_MAX);
}

void at_viewer_count(struct at_viewer *viewer)
{
	at_tally_print(viewer->words, &viewer->tally);
	flush(viewer, viewer->words);
}

bool at_viewer_stop(struct at_viewer *viewer)
{
	bool good = !viewer->error && !viewer->jsonl.error;

	if (viewer->error)
		fprintf(stderr, "autotrace-view: cannot write to standard output: %s\n",
			strerror(viewer->error));
	if (viewer->json_fd > STDOUT_FILENO && close(viewer->json_fd) != 0) {
		fprintf(stderr, "autotrace-view: cannot write %s: %s\n", viewer->options->json,
			strerror(errno));
		good = false;
	}
	at_jsonl_free(&viewer->jsonl);
	at_store_free(&viewer->store);
	at_idset_free(&viewer->traces);
	return good;
}
