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

bool at_str_is_token(struct at_str s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool word =
			(c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
		if (!word && (c == 0 || !strchr(others, c)))
			return false;
	}
	return s.n > 0;
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

/* Value of a hex digit in the low bits; 0x40: a digit of any case, 0x80: not an upper-case one. */
static const uint8_t hex_digit[256] = {
	['0'] = 0xc0, ['1'] = 0xc1, ['2'] = 0xc2, ['3'] = 0xc3, ['4'] = 0xc4, ['5'] = 0xc5,
	['6'] = 0xc6, ['7'] = 0xc7, ['8'] = 0xc8, ['9'] = 0xc9, ['a'] = 0xca, ['b'] = 0xcb,
	['c'] = 0xcc, ['d'] = 0xcd, ['e'] = 0xce, ['f'] = 0xcf, ['A'] = 0x4a, ['B'] = 0x4b,
	['C'] = 0x4c, ['D'] = 0x4d, ['E'] = 0x4e, ['F'] = 0x4f,
};

static inline bool hex_decode(unsigned char *dst, const char *hex, size_t n, uint8_t welcome)
{
	uint8_t all = welcome;
	for (size_t i = 0; i < n; i++) {
		uint8_t hi = hex_digit[(unsigned char)hex[2 * i]];
		uint8_t lo = hex_digit[(unsigned char)hex[2 * i + 1]];
		all &= hi & lo;
		dst[i] = (unsigned char)(hi << 4 | (lo & 15));
	}
	return all != 0;
}

bool at_hex_decode_lower(void *dst, const char *hex, size_t n)
{
	return hex_decode(dst, hex, n, 0x80);
}

bool at_hex_decode(void *dst, const char *hex, size_t n)
{
	return hex_decode(dst, hex, n, 0x40);
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
