/*
 * A capped growing buffer: used for heads that arrive in pieces and for headers waiting to be sent.
 */
#include "base/buf.h"

#include "base/pool.h"

static bool grow(struct at_buf *b, size_t need)
{
	uint32_t room;
	char *p = at_pool_get(need, &room);
	if (!p)
		return false;
	if (b->n)
		memcpy(p, b->p, b->n);
	at_pool_put(b->p);
	b->p = p;
	b->room = room;
	return true;
}

bool at_buf_add(struct at_buf *b, const void *src, size_t n, size_t cap)
{
	if (n == 0)
		return true;
	if (n > cap || b->n > cap - n)
		return false;
	if (b->n + n > b->room && !grow(b, b->n + n))
		return false;
	memcpy(b->p + b->n, src, n);
	b->n += (uint32_t)n;
	return true;
}

void at_buf_free(struct at_buf *b)
{
	at_pool_put(b->p);
	*b = (struct at_buf){0};
}
