/*
 * The OTLP/HTTP receiver. Everything happens within at_receiver_run, on the caller's thread.
 */
#ifndef AT_VIEW_RECEIVER_H
#define AT_VIEW_RECEIVER_H

#include "view/intake.h"
#include "view/trouble.h"

struct at_receiver;

/* Set once; copied. */
struct at_receiver_config {
	int fd;                       /* listening socket; the receiver closes it */
	unsigned int max_connections; /* further ones wait in the kernel */
	struct at_trouble *trouble;   /* what to pretend; borrowed */
	struct at_intake *intake;     /* where bodies go; its tally counts requests; borrowed */
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
