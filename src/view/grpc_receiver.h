/*
 * The OTLP/gRPC receiver: connections in the clear, HTTP/2 by prior knowledge. Everything happens
 * within at_grpc_receiver_run, on the caller's thread.
 */
#ifndef AT_VIEW_GRPC_RECEIVER_H
#define AT_VIEW_GRPC_RECEIVER_H

#include "view/intake.h"
#include "view/trouble.h"

struct at_grpc_receiver;

/* Listens on `fd`, which it closes; more than max_connections wait in the kernel. Intake and
 * trouble are borrowed. NULL: no memory or descriptors, errno is set. */
struct at_grpc_receiver *at_grpc_receiver_start(int fd, unsigned int max_connections,
						struct at_intake *intake,
						struct at_trouble *trouble);

/* Becomes readable when at_grpc_receiver_run has something to do. */
int at_grpc_receiver_fd(const struct at_grpc_receiver *receiver);

/* Does what there is to do without waiting. `now`: milliseconds, monotonic. Returns after how many
 * milliseconds it wants to be called again though the descriptor stays silent, -1: never. */
int64_t at_grpc_receiver_run(struct at_grpc_receiver *receiver, uint64_t now);

/* Closes all connections. */
void at_grpc_receiver_stop(struct at_grpc_receiver *receiver);

#endif
