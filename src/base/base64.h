/*
 * Base64 (RFC 4648, section 4). Pure functions.
 */
#ifndef AT_BASE_BASE64_H
#define AT_BASE_BASE64_H

#include "base/bytes.h"

/* Bytes that at_base64_encode writes for n bytes. */
static inline size_t at_base64_encoded(size_t n)
{
	return (n + 2) / 3 * 4;
}

/* Writes the text of `bytes`, with padding, at dst (at_base64_encoded(bytes.n) bytes, no NUL). */
void at_base64_encode(char *dst, struct at_str bytes);

/* Reads text, the alphabet of section 5 (`-_`) welcome, padding optional, into dst (room for
 * text.n bytes is always enough). Returns the count of bytes, -1 for anything else. */
ptrdiff_t at_base64_decode(char *dst, struct at_str text);

#endif
