/*
 * Searching for the byte that ends something, sixteen bytes at a step where the machine can. Read
 * by the engines of this room on the caller's thread; no state, never reads at or behind `end`.
 */
#ifndef AT_WIRE_SCAN_H
#define AT_WIRE_SCAN_H

#include <stdbool.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte that is <= limit or equals also, or end. */
static inline const char *at_scan(const char *p, const char *end, unsigned char limit, char also)
{
#ifdef __SSE2__
	const __m128i most = _mm_set1_epi8((char)limit), same = _mm_set1_epi8(also);
	for (; end - p >= 16; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, most), v);
		int hit = _mm_movemask_epi8(_mm_or_si128(low, _mm_cmpeq_epi8(v, same)));
		if (hit)
			return p + __builtin_ctz((unsigned)hit);
	}
#endif
	while (p < end && (unsigned char)*p > limit && *p != also)
		p++;
	return p;
}

#endif
