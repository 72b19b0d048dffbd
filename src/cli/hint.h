/*
 * Sentences that say why somebody sees nothing, or not all, and what to do about it. For the
 * programs; one thread.
 */
#ifndef AT_CLI_HINT_H
#define AT_CLI_HINT_H

#include "cli/peek.h"

#include <jansson.h>

/* Appends to glance's list "hints" what follows from the rest of it; peek is where that came from.
 * now: Unix ns. */
void at_hint_all(json_t *glance, const struct at_peek *peek, uint64_t now);

#endif
