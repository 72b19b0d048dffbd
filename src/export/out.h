/*
 * Bytes being written for the outside: a growing buffer on the heap with a cap. The exporter's
 * thread only. A write that does not fit sets `failed` and changes nothing; check once at the end.
 */
#ifndef AT_EXPORT_OUT_H
#define AT_EXPORT_OUT_H

#include "base/bytes.h"

struct at_out {
	char *p;     /* malloc'ed, owned */
	size_t n;    /* bytes written */
	size_t room; /* bytes allocated */
	size_t cap;  /* bytes at most */
	bool failed; /* something did not fit */
};

/* Grows the buffer so that `need` more bytes fit; false (failed is set) when it cannot. */
bool at_out_grow(struct at_out *o, size_t need);

/* The place for `need` more bytes, or NULL; the caller adds to o->n what it wrote. */
static inline char *at_out_place(struct at_out *o, size_t need)
{
	if (o->room - o->n < need && !at_out_grow(o, need))
		return NULL;
	return o->p + o->n;
}

static inline void at_out_bytes(struct at_out *o, const void *src, size_t n)
{
	char *p = at_out_place(o, n);
	if (p && n) {
		memcpy(p, src, n);
		o->n += n;
	}
}

static inline void at_out_str(struct at_out *o, struct at_str s)
{
	at_out_bytes(o, s.p, s.n);
}

static inline void at_out_char(struct at_out *o, char c)
{
	at_out_bytes(o, &c, 1);
}

/* Decimal. */
void at_out_u64(struct at_out *o, uint64_t v);
void at_out_i64(struct at_out *o, int64_t v);

/* Lower-case hex digits of n bytes. */
void at_out_hex(struct at_out *o, const void *src, size_t n);

/* Empty again; memory above `keep` bytes is given back. */
void at_out_reset(struct at_out *o, size_t keep);
void at_out_free(struct at_out *o);

#endif
