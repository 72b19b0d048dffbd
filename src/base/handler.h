/*
 * Whether the calling thread runs a signal handler: there some calls are forbidden that we must
 * make at some time (pthread_create). Nobody can be asked, so the stack is looked at.
 */
#ifndef AT_BASE_HANDLER_H
#define AT_BASE_HANDLER_H

#include <stdbool.h>

/* True when it does, as far as 256 KiB of stack tell; may be true without need where a handler left
 * its traces in memory that was not written since, and hardly ever is. Some 70 system calls when
 * the program has handlers, 64 when it has none: not for every call. Any context; errno is kept. */
bool at_handler_runs(void);

#endif
