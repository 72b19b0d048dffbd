/*
 * The protobuf wire format, written by hand where many messages are written. Pure; the caller has
 * made room.
 */
#ifndef AT_EXPORT_PB_H
#define AT_EXPORT_PB_H

#include "export/utf8.h"

/* Tags: field number and wire type in one byte (two for the span's flags). */
#define AT_PB_VARINT(field)  ((field) << 3)
#define AT_PB_FIXED64(field) ((field) << 3 | 1)
#define AT_PB_LEN(field)     ((field) << 3 | 2)
#define AT_PB_FIXED32(field) ((field) << 3 | 5)

/* Bytes of the longest varint. */
#define AT_PB_VARINT_MAX 10

/* Bytes of a varint. */
static inline unsigned at_pb_varint_len(uint64_t v)
{
	return (unsigned)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

/* Each of these writes at p, where there must be room, and returns the end. */
static inline char *at_pb_varint(char *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (char)(v | 0x80);
		v >>= 7;
	}
	*p++ = (char)v;
	return p;
}

static inline char *at_pb_tag(char *p, unsigned tag)
{
	*p = (char)tag;
	return p + 1;
}

static inline char *at_pb_raw(char *p, const void *src, size_t n)
{
	memcpy(p, src, n);
	return p + n;
}

/* at_pb_raw for lengths that the compiler does not know and that are small: a call of memcpy costs
 * as much as all else about an attribute. */
static inline char *at_pb_short(char *p, const char *src, size_t n)
{
	uint64_t first, last;
	if (n - 8 > 8) {
		if (n < 4) {
			for (size_t i = 0; i < n; i++)
				p[i] = src[i];
			return p + n;
		}
		if (n < 8) {
			uint32_t head, tail;
			memcpy(&head, src, 4);
			memcpy(&tail, src + n - 4, 4);
			memcpy(p, &head, 4);
			memcpy(p + n - 4, &tail, 4);
			return p + n;
		}
		return at_pb_raw(p, src, n);
	}
	memcpy(&first, src, 8);
	memcpy(&last, src + n - 8, 8);
	memcpy(p, &first, 8);
	memcpy(p + n - 8, &last, 8);
	return p + n;
}

/* Bytes that at_pb_text makes of s. */
static inline size_t at_pb_text_len(struct at_str s, bool *ret_valid)
{
	*ret_valid = at_utf8_ascii(s) || at_utf8_valid(s) == s.n;
	return *ret_valid ? s.n : at_utf8_fixed_len(s);
}

/* `valid` as at_pb_text_len said. */
static inline char *at_pb_text(char *p, struct at_str s, bool valid)
{
	return valid ? at_pb_short(p, s.p, s.n) : p + at_utf8_fix(p, s);
}

/* A string field; nothing when it is empty. */
static inline char *at_pb_string(char *p, unsigned tag, struct at_str s)
{
	bool valid;
	if (!s.n)
		return p;
	size_t n = at_pb_text_len(s, &valid);
	return at_pb_text(at_pb_varint(at_pb_tag(p, tag), n), s, valid);
}

static inline char *at_pb_bytes(char *p, unsigned tag, const void *src, unsigned n)
{
	return at_pb_raw(at_pb_varint(at_pb_tag(p, tag), n), src, n);
}

static inline char *at_pb_fixed64(char *p, unsigned tag, uint64_t v)
{
	return at_pb_raw(at_pb_tag(p, tag), &v, sizeof(v));
}

#endif
