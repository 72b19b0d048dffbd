/*
 * Single fields in their compressed form (RFC 7541): written so that no table changes, and found
 * where they stand so. Pure; asked by the injection of flow.
 */
#include "wire/http2_priv.h"

/* An integer with a prefix of `bits` bits; what stands above it in the first byte is `above`. */
static size_t write_int(char *dst, uint8_t above, unsigned bits, size_t v)
{
	size_t limit = ((size_t)1 << bits) - 1, n = 0;
	if (v < limit) {
		dst[n++] = (char)(above | v);
		return n;
	}
	dst[n++] = (char)(above | limit);
	for (v -= limit; v >= 128; v >>= 7)
		dst[n++] = (char)(0x80 | (v & 0x7f));
	dst[n++] = (char)v;
	return n;
}

size_t at_http2_write_field(char *dst, size_t room, struct at_str name, struct at_str value)
{
	size_t n = 0;
	if (name.n + value.n + 16 > room)
		return 0;
	dst[n++] = 0x10;
	n += write_int(dst + n, 0, 7, name.n);
	for (size_t i = 0; i < name.n; i++)
		dst[n++] =
			(char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i]);
	n += write_int(dst + n, 0, 7, value.n);
	memcpy(dst + n, value.p, value.n);
	return n + value.n;
}

/* Walks over a block's bytes. */
struct walk {
	const uint8_t *p; /* the block */
	size_t n;         /* its bytes */
	size_t at;        /* where we are */
	bool ok;          /* everything fitted so far */
};

static size_t read_int(struct walk *w, unsigned bits)
{
	size_t limit = ((size_t)1 << bits) - 1;
	if (!w->ok || w->at == w->n)
		return (size_t)(w->ok = false);
	size_t v = w->p[w->at++] & limit;
	for (unsigned shift = 0; v >= limit && w->ok; shift += 7) {
		if (w->at == w->n || shift > 21)
			return (size_t)(w->ok = false);
		uint8_t b = w->p[w->at++];
		v += (size_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			break;
	}
	return v;
}

/* A string literal: its bytes when it is not compressed, else p is NULL. */
static struct at_str read_string(struct walk *w)
{
	bool compressed = w->ok && w->at < w->n && (w->p[w->at] & 0x80);
	size_t n = read_int(w, 7);
	if (!w->ok || n > w->n - w->at) {
		w->ok = false;
		return AT_STR_NONE;
	}
	w->at += n;
	return at_str(compressed ? NULL : (const char *)w->p + w->at - n, compressed ? 0 : n);
}

ptrdiff_t at_http2_find_literal(struct at_str block, struct at_str name, size_t n)
{
	struct walk w = {(const uint8_t *)block.p, block.n, 0, true};
	while (w.p && w.ok && w.at < w.n) {
		uint8_t first = w.p[w.at];
		if (first & 0x80) {
			read_int(&w, 7);
			continue;
		}
		if ((first & 0xe0) == 0x20) {
			read_int(&w, 5);
			continue;
		}
		bool kept = first & 0x40;
		size_t index = read_int(&w, kept ? 6 : 4);
		struct at_str here = index ? AT_STR_NONE : read_string(&w);
		struct at_str has = read_string(&w);
		if (w.ok && !kept && has.p && at_str_eq_nocase(here, name) && has.n == n)
			return has.p - block.p;
	}
	return -1;
}
