/*
 * A growing byte buffer with a hard cap, its memory from base/pool (so it can be used inside a
 * hook). Owned by one thread at a time; the owner's lock protects it. Zero-initialise to use.
 */
#ifndef AT_BASE_BUF_H
#define AT_BASE_BUF_H

#include "base/bytes.h"

struct at_buf {
	char *p;       /* pool block or NULL; owned */
	uint32_t n;    /* bytes in use */
	uint32_t room; /* size of the block */
};

/* Appends n bytes. False (buffer unchanged) when it would exceed `cap` bytes or no memory is left.
 */
bool at_buf_add(struct at_buf *b, const void *src, size_t n, size_t cap);

/* Gives the block back; the buffer is empty and usable again. */
void at_buf_free(struct at_buf *b);

static inline struct at_str at_buf_str(const struct at_buf *b)
{
	return at_str(b->p, b->n);
}

#endif
