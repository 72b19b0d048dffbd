/*
 * Text helpers for everybody above. No state, no allocation, no locale: ASCII only, as the wire
 * formats demand.
 */
#include "base/bytes.h"

static inline unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool at_str_eq_nocase(struct at_str a, struct at_str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower((unsigned char)a.p[i]) != lower((unsigned char)b.p[i]))
			return false;
	return true;
}

struct at_str at_str_trim(struct at_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

ptrdiff_t at_str_find(struct at_str s, char c)
{
	const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
	return hit ? hit - s.p : -1;
}

struct at_str at_str_cut(struct at_str *rest, char sep)
{
	ptrdiff_t at = at_str_find(*rest, sep);
	struct at_str part;
	if (at < 0) {
		part = *rest;
		*rest = AT_STR_NONE;
		return part;
	}
	part = at_str(rest->p, (size_t)at);
	*rest = at_str_from(*rest, (size_t)at + 1);
	return part;
}

bool at_str_u64(struct at_str s, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.n == 0 || s.n > 19)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*ret = v;
	return true;
}

void at_hex_encode(char *dst, const void *src, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const unsigned char *b = src;
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digit[b[i] >> 4];
		dst[2 * i + 1] = digit[b[i] & 15];
	}
}

static int nibble(unsigned char c, bool upper_too)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (upper_too)
		c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hex_decode(unsigned char *dst, const char *hex, size_t n, bool upper_too)
{
	for (size_t i = 0; i < n; i++) {
		int hi = nibble((unsigned char)hex[2 * i], upper_too);
		int lo = nibble((unsigned char)hex[2 * i + 1], upper_too);
		if (hi < 0 || lo < 0)
			return false;
		dst[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

bool at_hex_decode_lower(void *dst, const char *hex, size_t n)
{
	return hex_decode(dst, hex, n, false);
}

bool at_hex_decode(void *dst, const char *hex, size_t n)
{
	return hex_decode(dst, hex, n, true);
}

size_t at_dec_encode(char *dst, uint64_t v)
{
	char tmp[20];
	size_t n = 0;
	do {
		tmp[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	for (size_t i = 0; i < n; i++)
		dst[i] = tmp[n - 1 - i];
	return n;
}
