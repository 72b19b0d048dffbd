/*
 * The OTLP/HTTP receiver. Everything happens within at_receiver_run, on the caller's thread.
 */
#ifndef AT_VIEW_RECEIVER_H
#define AT_VIEW_RECEIVER_H

#include "view/span.h"
#include "view/tally.h"
#include "view/trouble.h"

struct at_receiver;

/* Set once; copied. */
struct at_receiver_config {
	int fd;                       /* listening socket; the receiver closes it */
	size_t max_body;              /* bytes of a body, before and after decompression */
	size_t max_bodies;            /* bytes of all bodies being received */
	size_t max_decoded;           /* bytes that decoding one body may take */
	unsigned int max_connections; /* further ones wait in the kernel */
	struct at_trouble trouble;    /* what to pretend */
	struct at_tally *tally;       /* requests, bytes, refused and malformed are counted here */
	/* Gets the accepted spans of each request; they are gone when it returns. */
	void (*sink)(const struct at_view_batch *batch, void *data);
	void *sink_data;
};

/* NULL: no memory or descriptors, errno is set. */
struct at_receiver *at_receiver_start(const struct at_receiver_config *config);

/* Becomes readable when at_receiver_run has something to do. */
int at_receiver_fd(const struct at_receiver *receiver);

/* Does what there is to do without waiting. `now`: milliseconds, monotonic. Returns after how many
 * milliseconds it wants to be called again though the descriptor stays silent, -1: never. */
int64_t at_receiver_run(struct at_receiver *receiver, uint64_t now);

/* Answers what waits for its delay at once. */
void at_receiver_hurry(struct at_receiver *receiver);

/* Closes all connections. */
void at_receiver_stop(struct at_receiver *receiver);

#endif
