/*
 * The program's one thread: network, signals and time.
 */
#ifndef AT_VIEW_LOOP_H
#define AT_VIEW_LOOP_H

#include "view/grpc_receiver.h"
#include "view/receiver.h"
#include "view/viewer.h"

/* Blocks SIGTERM, SIGINT and SIGUSR1, ignores SIGPIPE, and returns a descriptor that tells of the
 * former three; -1: errno is set. */
int at_loop_signals(void);

/* What brings spans. */
struct at_loop_sources {
	struct at_receiver *http;
	struct at_grpc_receiver *grpc; /* NULL: none */
};

/* Serves until SIGTERM, SIGINT, the end of --duration or the loss of standard output; then reads
 * what had already been sent, and draws the rest. */
void at_loop_run(struct at_viewer *viewer, const struct at_loop_sources *sources, int signals);

#endif
