/*
 * Text from the wire made valid UTF-8, as protobuf strings and JSON demand: each byte that is not
 * part of a well-formed sequence (RFC 3629; no surrogates, no overlong forms) becomes U+FFFD. Pure.
 */
#ifndef AT_EXPORT_UTF8_H
#define AT_EXPORT_UTF8_H

#include "base/bytes.h"

/* Whether s is ASCII, which nearly everything is. */
static inline bool at_utf8_ascii(struct at_str s)
{
	uint64_t bits = 0;
	uint64_t word;
	size_t i = 0;
	for (; s.n - i >= 8; i += 8) {
		memcpy(&word, s.p + i, 8);
		bits |= word;
	}
	for (; i < s.n; i++)
		bits |= (unsigned char)s.p[i];
	return !(bits & 0x8080808080808080u);
}

/* Bytes of the well-formed sequence at p (1 to 4), 0 when there is none. */
unsigned at_utf8_step(const char *p, size_t n);

/* Length of the longest valid beginning; equal to s.n when all is valid. */
size_t at_utf8_valid(struct at_str s);

/* Bytes that at_utf8_fix writes for s; at most 3 * s.n. */
size_t at_utf8_fixed_len(struct at_str s);
size_t at_utf8_fix(char *dst, struct at_str s);

#endif
