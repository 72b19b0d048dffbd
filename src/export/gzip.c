/*
 * Fed by post.c, feeds the network. Owns a stream that is used again and again.
 */
#include "export/gzip.h"

#include <stdlib.h>
#include <zlib.h>

/* Spans repeat themselves: the fastest level already takes nine tenths away. */
#define LEVEL       1
#define GZIP_WINDOW (15 + 16)

struct at_gzip {
	z_stream z;
};

struct at_gzip *at_gzip_open(void)
{
	struct at_gzip *g = calloc(1, sizeof(*g));
	if (g && deflateInit2(&g->z, LEVEL, Z_DEFLATED, GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK)
		return g;
	free(g);
	return NULL;
}

bool at_gzip_pack(struct at_gzip *g, struct at_str body, struct at_out *out)
{
	if (deflateReset(&g->z) != Z_OK)
		return false;
	char *p = at_out_place(out, deflateBound(&g->z, body.n));
	if (!p)
		return false;
	g->z.next_in = (Bytef *)(uintptr_t)body.p;
	g->z.avail_in = (uInt)body.n;
	g->z.next_out = (Bytef *)p;
	g->z.avail_out = (uInt)(out->room - out->n);
	if (deflate(&g->z, Z_FINISH) != Z_STREAM_END)
		return false;
	out->n += g->z.total_out;
	return true;
}
