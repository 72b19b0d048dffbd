/*
 * The notice board (base/board.h) of another process, copied out of its memory while it runs on.
 * For the programs; one thread. All that is read is foreign.
 */
#ifndef AT_CLI_PEEK_H
#define AT_CLI_PEEK_H

#include "cli/text.h"

#include <stdint.h>
#include <sys/types.h>

/* One row, with a copy of its value. */
struct at_peek_row {
	struct at_text name;
	uint64_t *numbers;    /* owned; NULL: it is text */
	unsigned count;       /* numbers, or texts */
	struct at_text texts; /* one behind the other, each with its NUL, fit to be printed */
};

struct at_peek {
	struct at_text library;   /* path under which it is mapped there; empty: it is not */
	struct at_text version;   /* of the library */
	struct at_text state;     /* its own words for what it does */
	struct at_peek_row *rows; /* owned */
	unsigned count;           /* rows */
};

/* Copies the board of process pid. 0, or errno: ESRCH no such process, ENOENT the library is not
 * mapped, EPROTO its board is of a layout that we do not know, EPERM or EACCES we may not look. */
int at_peek_open(struct at_peek *peek, pid_t pid);
void at_peek_close(struct at_peek *peek);

/* The i-th number of a row; 0 when there is none. */
uint64_t at_peek_number(const struct at_peek *peek, const char *name, unsigned i);

/* The i-th text of a row; "" when there is none. */
const char *at_peek_text(const struct at_peek *peek, const char *name, unsigned i);

/* How many numbers or texts a row has; 0 when there is no such row. */
unsigned at_peek_count(const struct at_peek *peek, const char *name);

#endif
