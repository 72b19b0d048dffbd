/*
 * A collector in trouble, on demand: for tests of what exporters do then. One thread.
 */
#ifndef AT_VIEW_TROUBLE_H
#define AT_VIEW_TROUBLE_H

#include <stdbool.h>
#include <stdint.h>

#define AT_TROUBLE_DROP 1 /* instead of a status: close the connection without an answer */

struct at_trouble {
	unsigned int status;  /* HTTP status, AT_TROUBLE_DROP, or 0: no trouble */
	char retry_after[64]; /* value of the header of that name; empty: none */
	uint64_t first;       /* how many requests fail, 0: all */
	uint64_t delay;       /* milliseconds before any answer */
	uint64_t failed;      /* requests that failed so far */
};

/* Reads "CODE", "CODE:RETRY_AFTER" or "drop" (300 <= CODE <= 599; RETRY_AFTER: printable ASCII)
 * into status and retry_after. */
bool at_trouble_parse(struct at_trouble *trouble, const char *text);

/* What happens to the next request: a status, AT_TROUBLE_DROP, or 0: it is served. */
unsigned int at_trouble_next(struct at_trouble *trouble);

#endif
