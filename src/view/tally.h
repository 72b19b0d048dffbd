/*
 * The program's counters. One thread.
 */
#ifndef AT_VIEW_TALLY_H
#define AT_VIEW_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * spans: accepted; traces: different trace ids among them; malformed: spans rejected; requests:
 * HTTP requests answered, whatever the answer; bytes: of their bodies, as they came; refused:
 * requests answered with anything but 200; evicted_*: forgotten without having been drawn.
 */
struct at_tally {
#define AT_TALLY(name, always) uint64_t name;
#include "view/tally.def"
#undef AT_TALLY
};

/* Prints "spans=N traces=N malformed=N requests=N bytes=N" and a newline; counters of what should
 * not happen follow only when they are not 0. */
void at_tally_print(FILE *out, const struct at_tally *tally);

#endif
