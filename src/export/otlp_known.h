/*
 * What was encoded before: attributes as a record has them, and the bytes of the wire that were
 * made of them. Most spans differ from an earlier one in their identity and their times only; then
 * bytes are compared and copied, where the processors and the encoder would take ten times as long.
 * The worker's thread only.
 */
#ifndef AT_EXPORT_OTLP_KNOWN_H
#define AT_EXPORT_OTLP_KNOWN_H

#include "base/bytes.h"

#define AT_KNOWN_RAW  512  /* bytes of what it was made from, at most */
#define AT_KNOWN_MADE 1024 /* bytes of what was made, at most */

/* One set of attributes. */
struct at_known {
	uint32_t tag;     /* what else it was made from */
	uint16_t raw_n;   /* bytes in raw */
	uint16_t made_n;  /* bytes in made; 0: nothing is known */
	uint16_t head;    /* of these, the ones that go in front of other fields */
	uint16_t dropped; /* attributes that were dropped */
	char raw[AT_KNOWN_RAW];
	char made[AT_KNOWN_MADE];
};

/* Whether this is what was made of a and b under the tag. */
bool at_known_is(const struct at_known *k, uint32_t tag, struct at_str a, struct at_str b);

/* Forgets what stands there and remembers a and b. False, with nothing known, when they are too
 * long. */
bool at_known_begin(struct at_known *k, uint32_t tag, struct at_str a, struct at_str b);

/* Remembers what was made of it; too long: forgets. */
void at_known_made(struct at_known *k, struct at_str head, struct at_str rest, uint16_t dropped);

#endif
