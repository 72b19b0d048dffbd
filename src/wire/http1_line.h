/*
 * The usual header line, "Name: value CR LF", in one go: where its colon is and where it ends.
 * Read by http1_head.c for every header line; whatever is not usual (folding, LF alone, control
 * characters, an incomplete or a bad line) it leaves to the careful scan there, which alone gives
 * verdicts. Pure.
 *
 * Two masks of the line's first sixteen bytes come from one load, bit i for byte i:
 *
 *     H o s t :   1 2 7 . 0 . 0 . 1 :
 *     . . . . 1 1 . . . . . . . . . 1     stops: <= ' ' or ':'    the lowest is the name's end
 *     . . . . . . . . . . . . . . . .     ends:  <= CR            the lowest is the value's end
 *
 * No byte of a name is <= CR when its lowest stop is the colon, so the lowest end lies in the value
 * and nothing has to be shifted out. While there is no end, the next sixteen bytes are looked at,
 * for ends only. Where fewer than seventeen bytes are left, the last sixteen of all are loaded once
 * more and the masks shifted; the very last byte is left out of them, so that a byte stands behind
 * every end that is found.
 *
 * Counted with callgrind (gcc -O2): 36 instructions for a line of up to 32 bytes that is no known
 * field, 9 for each further sixteen; two searches with a restart between them took 107. No masks of
 * 64 bytes at a time: to gather one of them from four takes 29 instructions, two of them more than
 * the two lines that 64 bytes hold on average.
 */
#ifndef AT_WIRE_HTTP1_LINE_H
#define AT_WIRE_HTTP1_LINE_H

#include <string.h>

#include "wire/scan.h"

/* A usual line. */
struct at_http1_line {
	size_t name;     /* bytes of its name; ':' stands behind it */
	const char *eol; /* its CR; the LF stands behind it */
};

#ifdef __SSE2__

/* The bits of `tested`, the last sixteen bytes before end, as seen from p: bit 0 is p. */
static inline unsigned at_http1_last_bits(__m128i tested, const char *p, const char *end)
{
	return (at_scan_bits(tested) & 0x7fff) >> (p - (end - 16));
}

/* Where the value ends that goes on at p < end, in the next sixteen bytes: 0 when it does not. */
static inline unsigned at_http1_ends(const char *p, const char *end)
{
	if (__builtin_expect(p <= end - 17, 1))
		return at_scan_bits(at_scan_low(at_scan_load(p), '\r'));
	return at_http1_last_bits(at_scan_low(at_scan_load(end - 16), '\r'), p, end);
}

/* Whether a usual line begins at p <= end and ends before end. Sixteen bytes before end are
 * readable, and so are all from p to end. */
static inline __attribute__((always_inline)) bool
at_http1_usual_line(const char *p, const char *end, struct at_http1_line *ret)
{
	const char *last = end - 17, *value = p;
	unsigned stops, ends;
	if (__builtin_expect(p <= last, 1)) {
		__m128i v = at_scan_load(p);
		stops = at_scan_bits(at_scan_stops(v, ' ', ':')) | 0x10000;
		ends = at_scan_bits(at_scan_low(v, '\r'));
	} else {
		if (p == end || *p == '\r')
			return false;
		__m128i v = at_scan_load(end - 16);
		stops = at_http1_last_bits(at_scan_stops(v, ' ', ':'), p, end);
		ends = at_http1_last_bits(at_scan_low(v, '\r'), p, end);
		if (!stops)
			return false;
	}
	ret->name = (unsigned)__builtin_ctz(stops);
	if (__builtin_expect(p[ret->name] != ':', 0)) {
		if (ret->name < 16)
			return false;
		const char *colon = at_scan(p + 16, end, ' ', ':');
		if (end - colon < 2 || *colon != ':')
			return false;
		ret->name = (size_t)(colon - p);
		value = colon + 1;
		ends = at_http1_ends(value, end);
	}
	while (!ends) {
		value += 16;
		if (__builtin_expect(value > last, 0)) {
			ends = value < end ? at_http1_ends(value, end) : 0;
			if (!ends)
				return false;
		} else {
			ends = at_scan_bits(at_scan_low(at_scan_load(value), '\r'));
		}
	}
	ret->eol = value + (unsigned)__builtin_ctz(ends);
	return memcmp(ret->eol, "\r\n", 2) == 0 && ret->name > 0;
}

#else

/* No machine for it: every line is looked at with care. */
static inline bool at_http1_usual_line(const char *p, const char *end, struct at_http1_line *ret)
{
	(void)p;
	(void)end;
	(void)ret;
	return false;
}

#endif
#endif
