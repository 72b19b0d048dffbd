/*
 * Bytes as text, both ways: values in JSON, details of a gRPC status. Owns nothing.
 */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void at_base64_encode(char *dst, struct at_str bytes)
{
	const unsigned char *p = (const unsigned char *)bytes.p;

	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t left = bytes.n - i;
		uint32_t bits = (uint32_t)p[i] << 16;

		if (left > 1)
			bits |= (uint32_t)p[i + 1] << 8;
		if (left > 2)
			bits |= p[i + 2];
		*dst++ = alphabet[bits >> 18];
		*dst++ = alphabet[bits >> 12 & 63];
		*dst++ = left > 1 ? alphabet[bits >> 6 & 63] : '=';
		*dst++ = left > 2 ? alphabet[bits & 63] : '=';
	}
}

static int digit(char c)
{
	const char *at;

	if (c == '-')
		return 62;
	if (c == '_')
		return 63;
	at = c ? strchr(alphabet, c) : NULL;
	return at ? (int)(at - alphabet) : -1;
}

ptrdiff_t at_base64_decode(char *dst, struct at_str text)
{
	uint32_t bits = 0;
	size_t n = 0;

	if (text.n % 4 == 0) {
		for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
			text.n--;
	}
	if (text.n % 4 == 1)
		return -1;
	for (size_t i = 0; i < text.n; i++) {
		int value = digit(text.p[i]);

		if (value < 0)
			return -1;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4)
			dst[n++] = (char)(bits >> (6 - i % 4 * 2));
	}
	return (ptrdiff_t)n;
}
