/*
 * See utf8.h.
 */
#include "export/utf8.h"

static const char replacement[3] = {'\xef', '\xbf', '\xbd'};

static bool tail(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

unsigned at_utf8_step(const char *p, size_t n)
{
	unsigned char a = (unsigned char)p[0];
	unsigned char b = n > 1 ? (unsigned char)p[1] : 0;
	if (a < 0x80)
		return 1;
	if (a < 0xc2 || a > 0xf4 || n < 2 || !tail(p[1]))
		return 0;
	if (a < 0xe0)
		return 2;
	if (n < 3 || !tail(p[2]))
		return 0;
	if (a < 0xf0)
		return (a == 0xe0 && b < 0xa0) || (a == 0xed && b > 0x9f) ? 0 : 3;
	if (n < 4 || !tail(p[3]))
		return 0;
	return (a == 0xf0 && b < 0x90) || (a == 0xf4 && b > 0x8f) ? 0 : 4;
}

size_t at_utf8_valid(struct at_str s)
{
	size_t i = 0;
	while (i < s.n) {
		unsigned step = at_utf8_step(s.p + i, s.n - i);
		if (!step)
			return i;
		i += step;
	}
	return i;
}

size_t at_utf8_fixed_len(struct at_str s)
{
	size_t len = 0;
	for (size_t i = 0; i < s.n;) {
		unsigned step = at_utf8_step(s.p + i, s.n - i);
		len += step ? step : sizeof(replacement);
		i += step ? step : 1;
	}
	return len;
}

size_t at_utf8_fix(char *dst, struct at_str s)
{
	size_t len = 0;
	for (size_t i = 0; i < s.n;) {
		unsigned step = at_utf8_step(s.p + i, s.n - i);
		memcpy(dst + len, step ? s.p + i : replacement, step ? step : sizeof(replacement));
		len += step ? step : sizeof(replacement);
		i += step ? step : 1;
	}
	return len;
}
