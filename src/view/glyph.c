/*
 * Foreign text made fit to be shown. Fed by waterfall, jsonl and answer, on the program's one
 * thread. Owns nothing; the process's LC_CTYPE is set for wcwidth(3).
 */
#include "view/glyph.h"

#include <locale.h>
#include <wchar.h>

#define ENCODED_MAX 4

/* The forms of UTF-8 (RFC 3629, section 3). */
static const struct {
	unsigned char mask; /* which bits of the first byte tell the form */
	unsigned char mark; /* and what they are */
	size_t n;           /* bytes */
	uint32_t least;     /* anything below is overlong */
} forms[] = {
	{0x80, 0x00, 1, 0},
	{0xe0, 0xc0, 2, 0x80},
	{0xf0, 0xe0, 3, 0x800},
	{0xf8, 0xf0, 4, 0x10000},
};

/* Code points that steer the terminal or turn the text around without being C0, DEL or C1. */
static const struct {
	uint32_t first, last;
} hostile[] = {
	{0x061c, 0x061c}, {0x200b, 0x200f}, {0x2028, 0x202e},
	{0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
};

/* The code point at the start of text and its bytes in *n; false when there is none. */
static bool parse(struct at_str text, uint32_t *point, size_t *n)
{
	unsigned char first = (unsigned char)text.p[0];

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		if ((first & forms[f].mask) != forms[f].mark)
			continue;
		*n = forms[f].n;
		*point = first & (unsigned char)~forms[f].mask;
		if (text.n < *n)
			return false;
		for (size_t i = 1; i < *n; i++) {
			if (((unsigned char)text.p[i] & 0xc0) != 0x80)
				return false;
			*point = *point << 6 | ((unsigned char)text.p[i] & 0x3f);
		}
		return *point >= forms[f].least && *point <= 0x10ffff &&
		       (*point < 0xd800 || *point > 0xdfff);
	}
	return false;
}

uint32_t at_glyph_next(struct at_str *rest)
{
	uint32_t point;
	size_t n;

	if (!parse(*rest, &point, &n)) {
		point = AT_GLYPH_REPLACEMENT;
		n = 1;
	}
	*rest = at_str_from(*rest, n);
	return point;
}

static size_t encode(char *dst, uint32_t point)
{
	if (point < 0x80) {
		dst[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		dst[0] = (char)(0xc0 | point >> 6);
		dst[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		dst[0] = (char)(0xe0 | point >> 12);
		dst[1] = (char)(0x80 | (point >> 6 & 0x3f));
		dst[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	dst[0] = (char)(0xf0 | point >> 18);
	dst[1] = (char)(0x80 | (point >> 12 & 0x3f));
	dst[2] = (char)(0x80 | (point >> 6 & 0x3f));
	dst[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

bool at_glyph_valid(struct at_str text)
{
	uint32_t point;
	size_t n;

	for (; text.n; text = at_str_from(text, n)) {
		if (!parse(text, &point, &n))
			return false;
	}
	return true;
}

struct at_str at_glyph_repair(struct at_region *region, struct at_str text)
{
	char *copy;
	size_t n = 0;

	if (at_glyph_valid(text))
		return text;
	/* The longest case: each byte becomes the three of U+FFFD. */
	copy = at_region_zeroed(region, text.n, 3);
	if (!copy)
		return AT_STR_NONE;
	while (text.n)
		n += encode(copy + n, at_glyph_next(&text));
	return at_str(copy, n);
}

struct at_str at_glyph_head(struct at_str text, size_t cap)
{
	size_t n = cap;

	if (text.n <= cap)
		return text;
	while (n > 0 && cap - n < ENCODED_MAX && ((unsigned char)text.p[n] & 0xc0) == 0x80)
		n--;
	return at_str_head(text, n);
}

void at_glyph_setup(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
}

/* What is shown for a code point. */
static uint32_t shown(uint32_t point, bool ascii)
{
	if (point < 0x20)
		return ascii ? '?' : 0x2400 + point;
	if (point < 0x7f)
		return point;
	if (ascii)
		return '?';
	if (point == 0x7f)
		return 0x2421;
	if (point < 0xa0)
		return AT_GLYPH_REPLACEMENT;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		if (point >= hostile[i].first && point <= hostile[i].last)
			return AT_GLYPH_REPLACEMENT;
	}
	return point;
}

static size_t width(uint32_t point)
{
	int columns = point < 0x80 ? 1 : wcwidth((wchar_t)point);

	return columns < 0 ? 1 : (size_t)columns;
}

size_t at_glyph_columns(struct at_str text, bool ascii, size_t enough)
{
	size_t columns = 0;

	while (text.n && columns <= enough)
		columns += width(shown(at_glyph_next(&text), ascii));
	return columns;
}

static void print_point(FILE *out, uint32_t point)
{
	char bytes[ENCODED_MAX];
	size_t n = encode(bytes, point);

	fwrite(bytes, 1, n, out);
}

size_t at_glyph_print(FILE *out, struct at_str text, bool ascii, size_t columns)
{
	bool cut = at_glyph_columns(text, ascii, columns) > columns;
	size_t room = cut && columns ? columns - 1 : columns;
	size_t used = 0;

	if (columns == 0)
		return 0;
	while (text.n) {
		uint32_t point = shown(at_glyph_next(&text), ascii);

		if (used + width(point) > room)
			break;
		used += width(point);
		print_point(out, point);
	}
	if (cut) {
		print_point(out, ascii ? '~' : 0x2026);
		used++;
	}
	return used;
}
