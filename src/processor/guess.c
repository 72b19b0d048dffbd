/*
 * See guess.h. Asked by route.c.
 */
#include "processor/guess.h"

#define ROUTE_MAX    256
#define LONG_SEGMENT 64
/* "report-2024" stays, "order-48213" does not. */
#define MANY_DIGITS   5
#define LONG_HEX      8
#define SURE_HEX      16
#define LONG_MIX      20
#define MIX_CHANGES   3
#define MIX_MIN       8
#define EXTENSION_MAX 5

/* What a segment is made of. */
struct shape {
	size_t digits;
	size_t letters;
	size_t hex;     /* digits and a-f */
	size_t marks;   /* - _ . : , */
	size_t changes; /* from a letter to a digit or back */
	size_t upper;
	size_t lower;
	bool percent;
	bool at;
	bool other;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static struct shape look(struct at_str s)
{
	struct shape x = {.digits = 0};
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool digit = is_digit(c);
		bool letter = is_letter(c);
		x.digits += digit;
		x.letters += letter;
		x.upper += letter && c < 'a';
		x.lower += letter && c >= 'a';
		x.hex += digit || (letter && (c | 0x20) <= 'f');
		x.marks += !digit && !letter && memchr("-_.:,", c, 5) != NULL;
		x.percent = x.percent || c == '%';
		x.at = x.at || c == '@';
		x.other = x.other || c == '=' || c == '~' || c == '+';
		if (i && (digit || letter) && (is_digit(s.p[i - 1]) || is_letter(s.p[i - 1])))
			x.changes += digit != is_digit(s.p[i - 1]);
	}
	return x;
}

static bool is_random(struct at_str s, const struct shape *x)
{
	if (x->hex + x->marks == s.n && x->hex >= LONG_HEX && x->digits && x->letters)
		return true;
	if (x->hex == s.n && s.n >= SURE_HEX)
		return true;
	if (s.n >= MIX_MIN && x->changes >= MIX_CHANGES)
		return true;
	return s.n >= LONG_MIX && x->upper > 1 && x->lower > 1 && (x->digits || x->other) &&
	       x->marks * 8 < s.n;
}

/* Whether one of the pieces between '.' or '-' is a long hexadecimal number: "app.3f2a9c1b". */
static bool has_hash(struct at_str s)
{
	size_t start = 0;
	for (size_t i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '.' && s.p[i] != '-' && s.p[i] != '_')
			continue;
		struct at_str piece = at_str(s.p + start, i - start);
		struct shape x = look(piece);
		if (piece.n >= LONG_HEX && x.hex == piece.n && x.digits)
			return true;
		start = i + 1;
	}
	return false;
}

/* Without ".html" and the like. */
static struct at_str stem(struct at_str s)
{
	for (size_t i = s.n; i > 1 && s.n - i <= EXTENSION_MAX; i--)
		if (s.p[i - 1] == '.' && i < s.n && is_letter(s.p[i]))
			return at_str_head(s, i - 1);
	return s;
}

/* Nothing but lower-case letters and hyphens, and not many: what most segments are. */
static bool is_word(struct at_str s)
{
	if (s.n >= SURE_HEX)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < 'a' || s.p[i] > 'z') && s.p[i] != '-' && s.p[i] != '_')
			return false;
	return true;
}

bool at_guess_is_id(struct at_str segment)
{
	if (is_word(segment))
		return false;
	struct at_str s = stem(segment);
	struct shape x = look(s);
	if (segment.n > LONG_SEGMENT || x.percent || x.at)
		return true;
	if (x.digits && x.digits + x.marks == s.n)
		return true;
	return x.digits >= MANY_DIGITS || is_random(s, &x) || (x.marks && has_hash(s));
}

size_t at_guess_route(char *dst, struct at_str path)
{
	size_t n = 0;
	if (path.n == 0 || path.p[0] != '/')
		return 0;
	struct at_str rest = at_str_from(path, 1);
	if (rest.n == 0)
		dst[n++] = '/';
	for (unsigned i = 0; rest.n; i++) {
		struct at_str segment = at_str_cut(&rest, '/');
		struct at_str whole = segment;
		segment = at_str_cut(&whole, ';');
		if (i == AT_GUESS_SEGMENTS) {
			segment = AT_STR("*");
			rest = AT_STR_NONE;
		} else if (at_guess_is_id(segment)) {
			segment = AT_STR("{id}");
		}
		dst[n++] = '/';
		memcpy(dst + n, segment.p ? segment.p : "", segment.n);
		n += segment.n;
	}
	return n <= ROUTE_MAX ? n : 0;
}
