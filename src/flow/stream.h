/*
 * The exchanges of a connection that carries several at once, found by the number of their stream.
 * Part of a talk, protected by its connection's lock.
 */
#ifndef AT_FLOW_STREAM_H
#define AT_FLOW_STREAM_H

#include "flow/exchange.h"

struct at_streams {
	struct at_exchange **slot; /* by stream, open addressing; pool memory or NULL */
	uint32_t room;             /* slots, a power of two, or 0 */
	uint32_t count;            /* of these, in use: at most half */
};

/* The exchange on that stream, or NULL. */
struct at_exchange *at_streams_find(const struct at_streams *s, uint32_t stream);

/* Adds x, whose stream is known and not there yet. False: no memory. */
bool at_streams_add(struct at_streams *s, struct at_exchange *x);

/* Takes x out, if it is there. */
void at_streams_remove(struct at_streams *s, const struct at_exchange *x);

void at_streams_free(struct at_streams *s);

#endif
