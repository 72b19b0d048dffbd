/*
 * How delivery went lately, for the notice board (base/board.h): each attempt is noted, also those
 * that are tried again and of which the log says nothing. The worker's thread writes, who reads the
 * board may find a text that is being written.
 */
#ifndef AT_EXPORT_LATELY_H
#define AT_EXPORT_LATELY_H

#include "export/http.h"

/* Puts it on the board. `where`: the destination, without credentials; cut to what fits. */
void at_lately_open(const char *where);

/* An attempt has ended with this answer. */
void at_lately_note(const struct at_http_answer *a, bool failed);

/* In a forked child. */
void at_lately_after_fork(void);

#endif
