/*
 * What becomes of the spans: counted, written as JSON lines, kept until their trace is drawn. One
 * thread.
 */
#ifndef AT_VIEW_VIEWER_H
#define AT_VIEW_VIEWER_H

#include "view/idset.h"
#include "view/jsonl.h"
#include "view/options.h"
#include "view/store.h"
#include "view/tally.h"
#include "view/waterfall.h"

struct at_viewer {
	const struct at_options *options; /* borrowed */
	struct at_tally tally;            /* shared with the receiver */
	struct at_idset traces;           /* ids seen */
	bool drawing;                     /* waterfalls are wanted: the store is in use */
	struct at_store store;
	struct at_waterfall_config how; /* waterfalls look */
	int json_fd;                    /* -1: no lines are wanted; owned unless it is 1 */
	struct at_jsonl jsonl;
	FILE *out;   /* for waterfalls; borrowed */
	FILE *words; /* for everything else; borrowed */
	int error;   /* errno of the first failure to write to `out`, 0 */
};

/* False: no memory, or the JSON file cannot be opened (one line on stderr has been written). */
bool at_viewer_start(struct at_viewer *viewer, const struct at_options *options);

/* The receiver's sink; data: struct at_viewer. */
void at_viewer_take(const struct at_view_batch *batch, void *data);

/* Draws traces that have become quiet, a bounded number at a time. `now`: milliseconds, monotonic.
 * Returns after how many milliseconds the next one will be, -1: none is waiting. */
int64_t at_viewer_draw(struct at_viewer *viewer, uint64_t now);

/* Draws what has not been drawn. */
void at_viewer_draw_rest(struct at_viewer *viewer);

/* --count: prints the counters. */
void at_viewer_count(struct at_viewer *viewer);

/* Closes and frees everything. False when something could not be written (one line on stderr). */
bool at_viewer_stop(struct at_viewer *viewer);

#endif
