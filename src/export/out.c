/*
 * See out.h.
 */
#include "export/out.h"

#include <stdlib.h>

#define FIRST 4096u

bool at_out_grow(struct at_out *o, size_t need)
{
	size_t room = o->room ? o->room : FIRST;
	if (need > o->cap || o->n > o->cap - need) {
		o->failed = true;
		return false;
	}
	while (room < o->n + need)
		room *= 2;
	if (room > o->cap)
		room = o->cap;
	char *p = realloc(o->p, room);
	if (!p) {
		o->failed = true;
		return false;
	}
	o->p = p;
	o->room = room;
	return true;
}

void at_out_u64(struct at_out *o, uint64_t v)
{
	char *p = at_out_place(o, 20);
	if (p)
		o->n += at_dec_encode(p, v);
}

void at_out_i64(struct at_out *o, int64_t v)
{
	if (v < 0)
		at_out_char(o, '-');
	at_out_u64(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void at_out_hex(struct at_out *o, const void *src, size_t n)
{
	char *p = at_out_place(o, 2 * n);
	if (p) {
		at_hex_encode(p, src, n);
		o->n += 2 * n;
	}
}

void at_out_reset(struct at_out *o, size_t keep)
{
	if (o->room > keep)
		at_out_free(o);
	o->n = 0;
	o->failed = false;
}

void at_out_free(struct at_out *o)
{
	free(o->p);
	o->p = NULL;
	o->n = 0;
	o->room = 0;
}
