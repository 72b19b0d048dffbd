/*
 * Borrowed text. A struct at_str points into memory that somebody else owns; it is never
 * NUL-terminated and is passed by value. Pure functions: any thread, any context, no errors.
 */
#ifndef AT_BASE_BYTES_H
#define AT_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Text as pointer and length; p may be NULL only when n is 0. */
struct at_str {
	const char *p; /* first byte, borrowed */
	size_t n;      /* bytes */
};

#define AT_STR(literal) ((struct at_str){(literal), sizeof(literal) - 1})
#define AT_STR_NONE     ((struct at_str){NULL, 0})
/* printf("%.*s", AT_STR_ARG(s)) */
#define AT_STR_ARG(s) (int)(s).n, (s).p

static inline struct at_str at_str(const char *p, size_t n)
{
	return (struct at_str){p, n};
}

/* From a C string; NULL gives the empty text. */
static inline struct at_str at_str_c(const char *c)
{
	return c ? at_str(c, strlen(c)) : AT_STR_NONE;
}

static inline bool at_str_eq(struct at_str a, struct at_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool at_str_starts(struct at_str s, struct at_str prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

/* The text from byte `from` on; empty when `from` lies behind the end. */
static inline struct at_str at_str_from(struct at_str s, size_t from)
{
	return from < s.n ? at_str(s.p + from, s.n - from) : AT_STR_NONE;
}

/* The first `n` bytes at most. */
static inline struct at_str at_str_head(struct at_str s, size_t n)
{
	return at_str(s.p, s.n < n ? s.n : n);
}

/* ASCII case-insensitive comparison. */
bool at_str_eq_nocase(struct at_str a, struct at_str b);

/* Without leading and trailing spaces and tabs (OWS of RFC 9110). */
struct at_str at_str_trim(struct at_str s);

/* Whether it is a token of RFC 9110: a field's name and the like. */
bool at_str_is_token(struct at_str s);

/* Index of byte c, or -1. */
ptrdiff_t at_str_find(struct at_str s, char c);

/* Splits at the first `sep`: returns what stands before it (all when there is none) and leaves
 * in *rest what stands behind it. Loop: while (rest.n) part = at_str_cut(&rest, ','). */
struct at_str at_str_cut(struct at_str *rest, char sep);

/* Decimal number of at most 19 digits and nothing else; false leaves *ret untouched. */
bool at_str_u64(struct at_str s, uint64_t *ret);

/* Two lower-case hex digits per byte into dst (2*n bytes, no NUL). */
void at_hex_encode(char *dst, const void *src, size_t n);

/* n bytes from 2*n LOWER-case hex digits (W3C trace context); false on any other character. */
bool at_hex_decode_lower(void *dst, const char *hex, size_t n);

/* As above, upper-case digits welcome (B3, X-Ray). */
bool at_hex_decode(void *dst, const char *hex, size_t n);

/* Writes v in decimal at dst (at most 20 bytes, no NUL); returns the count of bytes. */
size_t at_dec_encode(char *dst, uint64_t v);

#endif
