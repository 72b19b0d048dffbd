/*
 * An HTTP answer as libcurl hands it over, piece by piece, within limits: a peer may send without
 * end. Knows nothing of libcurl; the two functions have the form of its callbacks. The worker's
 * thread only.
 */
#ifndef AT_EXPORT_HTTP_TAKE_H
#define AT_EXPORT_HTTP_TAKE_H

#include "export/out.h"

struct at_http_take {
	struct at_out body; /* of the answer, at most 4 MiB */
	size_t heads;       /* bytes of heads and trailers so far, of interim answers too */
	bool in_head;       /* a head began and its empty line has not come */
};

/* A new answer begins; body.p stays usable until then. */
void at_http_take_begin(struct at_http_take *t);

/* A line of a head, or of a trailer; `take` is a struct at_http_take. Less than size * n: over the
 * limit of 64 KiB, the transfer is to end. */
size_t at_http_take_line(char *p, size_t size, size_t n, void *take);

/* Bytes of the body, likewise. */
size_t at_http_take_body(char *p, size_t size, size_t n, void *take);

/* The limit that was passed, for people; NULL: none. */
const char *at_http_take_limit(const struct at_http_take *t);

#endif
