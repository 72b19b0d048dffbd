/*
 * The spans of one trace in the order they are drawn. Pure; one thread.
 */
#ifndef AT_VIEW_TREE_H
#define AT_VIEW_TREE_H

#include "view/store.h"

/* One line of the drawing. */
struct at_tree_row {
	const struct at_stored_span *span;
	size_t depth; /* 0: has no parent here */
	bool last;    /* no sibling below it */
	bool orphan;  /* names a parent that is not there, or is part of a loop */
};

/*
 * Puts the trace's spans into `rows` (room for trace->n): parents before their children, siblings
 * and those without a parent by start time, then as they came. A span that came twice has one row.
 * Returns the count of rows; 0 for an empty trace or without memory.
 */
size_t at_tree_order(const struct at_trace *trace, struct at_tree_row *rows);

#endif
