/*
 * One body to one destination, again and again until it is there or given up. For every exporter
 * that speaks HTTP. The worker's thread only.
 */
#ifndef AT_EXPORT_POST_H
#define AT_EXPORT_POST_H

#include "export/exporter.h"
#include "export/gzip.h"
#include "export/http.h"

struct at_post {
	struct at_http *http; /* the client */
	struct at_gzip *gzip; /* NULL: bodies go as they are */
	const bool *exiting;  /* no waiting any more (atomic) */
	size_t prefix;        /* bytes of a body that stay as they are: gRPC's, else 0 */
	uint64_t limit;       /* ns for a body with all attempts, 0: none */
	struct at_out packed; /* the compressed body */
	struct at_str body;   /* the one under way */
	uint64_t deadline;    /* of the body under way, monotonic ns; UINT64_MAX: none */
	uint64_t wait_until;  /* before the next attempt, also of the next body; monotonic ns */
	unsigned attempt;     /* attempts made */
	unsigned hopeless;    /* bodies in a row that got no answer and no second attempt */
	bool active;          /* a body is under way */
	bool sending;         /* an attempt is under way */
};

/* False: no memory. limit_ms 0: none. */
bool at_post_open(struct at_post *p, const struct at_http_options *o, bool gzip, uint64_t limit_ms,
		  const bool *exiting);

/* Goes on with `body` (begins with it when none is under way). Busy, or done: *ret is the answer
 * that decided, valid until the next call. */
enum at_step at_post_step(struct at_post *p, struct at_str body, uint64_t now,
			  const struct at_http_answer **ret);

/* See at_exporter_ops.next. */
uint64_t at_post_next(const struct at_post *p);

#endif
