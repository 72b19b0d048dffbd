/*
 * A growing run of bytes: a request's body as it arrives, or what it unpacks to. One thread.
 */
#ifndef AT_VIEW_BODY_H
#define AT_VIEW_BODY_H

#include "base/bytes.h"

struct at_body {
	char *p;     /* malloc'ed; owned */
	size_t n;    /* bytes in use */
	size_t room; /* bytes there are */
};

/* Makes room for `more` bytes behind the used ones (p + n). False: no memory, nothing changed. */
bool at_body_reserve(struct at_body *body, size_t more);

/* Appends. False: no memory, nothing changed. */
bool at_body_add(struct at_body *body, struct at_str bytes);

/* Forgets the bytes, and the memory too when it is more than `keep`. */
void at_body_clear(struct at_body *body, size_t keep);

/* Gives the memory back; the body is empty and usable. */
void at_body_free(struct at_body *body);

static inline struct at_str at_body_str(const struct at_body *body)
{
	return at_str(body->p, body->n);
}

#endif
