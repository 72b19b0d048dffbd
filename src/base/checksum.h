/*
 * A fast 64-bit checksum for what lies in a file and may come back damaged. Not against people: who
 * knows the seed can make any sum. A change within one aligned word of eight bytes is always
 * noticed, others but for one in 2^64. Pure; any thread, any context.
 */
#ifndef AT_BASE_CHECKSUM_H
#define AT_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/bytes.h"

static inline uint64_t at_checksum_mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

/* Of n bytes; the length is part of it. */
static inline uint64_t at_checksum(uint64_t seed, const void *p, size_t n)
{
	const char *bytes = p;
	uint64_t h = at_checksum_mix(seed, n);
	uint64_t word;
	for (; n >= sizeof(word); n -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		h = at_checksum_mix(h, word);
	}
	word = 0;
	if (n)
		memcpy(&word, bytes, n);
	return at_checksum_mix(h, word);
}

/* The same as a hash of text, for tables in which equal hashes do no harm. */
static inline uint64_t at_str_hash(struct at_str s)
{
	return at_checksum(0, s.p, s.n);
}

#endif
