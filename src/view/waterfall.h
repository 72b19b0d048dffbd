/*
 * Draws a trace as text: a line for each span, its bar on the trace's time line.
 *
 *	trace 5b8e…c60c  2024-05-01 12:00:00.123Z  3 spans  2 services  124.80 ms  1 error
 *	  gateway  ← GET /checkout      ██████████████████████████████ 124.80 ms  200
 *	  gateway  └─ → GET               ██████████████████████████   110.02 ms  500 error
 *	  cart     ? ← GET /cart            █████████                   41.00 ms  200
 *
 * One thread.
 */
#ifndef AT_VIEW_WATERFALL_H
#define AT_VIEW_WATERFALL_H

#include "view/screen.h"
#include "view/store.h"

#include <stdio.h>

/* What to draw; set once. */
struct at_waterfall_config {
	bool pid;         /* the process id behind the service's name */
	bool rules;       /* by which rule the parent was found, where the span says it */
	size_t max_lines; /* spans drawn of one trace; of the others only the number */
};

/* Writes the trace to `out`, an empty line behind it. Attributes and links are drawn when the store
 * kept them. */
void at_waterfall_draw(FILE *out, const struct at_trace *trace, const struct at_screen *screen,
		       const struct at_waterfall_config *config);

#endif
