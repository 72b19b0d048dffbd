/*
 * A route guessed from a path: segments that look like identifiers become {id}. Pure.
 */
#ifndef AT_PROCESSOR_GUESS_H
#define AT_PROCESSOR_GUESS_H

#include "base/bytes.h"

/* Segments of a guessed route; what follows becomes "*". */
#define AT_GUESS_SEGMENTS 8

/* Whether a path segment looks like an identifier rather than a word of the API: a number, a date,
 * a UUID, a long hexadecimal or otherwise random text, an e-mail address, percent-encoded text. */
bool at_guess_is_id(struct at_str segment);

/* The route of `path` at dst (room for path.n + 8 * AT_GUESS_SEGMENTS bytes); returns its length, 0
 * when there is none to tell (not a path, or longer than 256 bytes). */
size_t at_guess_route(char *dst, struct at_str path);

#endif
