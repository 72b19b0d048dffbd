/*
 * Sorts the spans of a request into accepted and malformed ones. One thread.
 */
#ifndef AT_VIEW_VERDICT_H
#define AT_VIEW_VERDICT_H

#include "view/region.h"
#include "view/span.h"

enum at_fault {
	AT_FAULT_NONE,
#define AT_FAULT(id, words) AT_FAULT_##id,
#include "view/fault.def"
#undef AT_FAULT
	AT_FAULTS
};

/* The first fault of a span, or AT_FAULT_NONE. */
enum at_fault at_verdict_fault(const struct at_view_span *span);

/* Words for a fault; static storage. */
const char *at_verdict_words(enum at_fault fault);

/* Moves the accepted spans to the front and sets n, rejected and complaint (memory from region). */
void at_verdict_pass(struct at_view_batch *batch, struct at_region *region);

#endif
