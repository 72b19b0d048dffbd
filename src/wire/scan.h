/*
 * Searching for the byte that ends something, sixteen bytes at a step where the machine can. Read
 * by the engines of this room on the caller's thread; no state, never reads at or behind `end`.
 */
#ifndef AT_WIRE_SCAN_H
#define AT_WIRE_SCAN_H

#include <stdbool.h>
#ifdef __SSE2__
#include <emmintrin.h>

/* Sixteen bytes, one by one tested; a true one is all ones. */
static inline __m128i at_scan_load(const char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Which are <= limit. Subtraction that stops at 0 needs one instruction less than a minimum. */
static inline __m128i at_scan_low(__m128i v, unsigned char limit)
{
	return _mm_cmpeq_epi8(_mm_subs_epu8(v, _mm_set1_epi8((char)limit)), _mm_setzero_si128());
}

/* Which are <= limit or equal also. */
static inline __m128i at_scan_stops(__m128i v, unsigned char limit, char also)
{
	__m128i low = at_scan_low(v, limit);
	if ((unsigned char)also <= limit)
		return low;
	return _mm_or_si128(low, _mm_cmpeq_epi8(v, _mm_set1_epi8(also)));
}

/* Bit i: byte i is true. */
static inline unsigned at_scan_bits(__m128i v)
{
	return (unsigned)_mm_movemask_epi8(v);
}
#endif

/* The first byte that is <= limit or equals also, or end. */
static inline const char *at_scan(const char *p, const char *end, unsigned char limit, char also)
{
#ifdef __SSE2__
	for (; end - p >= 16; p += 16) {
		unsigned hit = at_scan_bits(at_scan_stops(at_scan_load(p), limit, also));
		if (hit)
			return p + __builtin_ctz(hit);
	}
#endif
	while (p < end && (unsigned char)*p > limit && *p != also)
		p++;
	return p;
}

#endif
