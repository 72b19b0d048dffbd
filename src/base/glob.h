/*
 * Patterns with wildcards: '*' is any run of bytes (also of '/'), '?' any one byte; all else is
 * itself. Pure; any thread, any context.
 */
#ifndef AT_BASE_GLOB_H
#define AT_BASE_GLOB_H

#include "base/bytes.h"

/* Whether the pattern fits the whole text. Takes at most pattern.n * text.n steps. */
bool at_glob_match(struct at_str pattern, struct at_str text);

#endif
