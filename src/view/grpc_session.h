/*
 * A connection of OTLP/gRPC without its socket: bytes in, bytes out. nghttp2 speaks HTTP/2. One
 * thread.
 */
#ifndef AT_VIEW_GRPC_SESSION_H
#define AT_VIEW_GRPC_SESSION_H

#include "view/intake.h"
#include "view/trouble.h"

struct at_grpc_session;

/* NULL: no memory. Both are borrowed. */
struct at_grpc_session *at_grpc_session_open(struct at_intake *intake, struct at_trouble *trouble);
void at_grpc_session_free(struct at_grpc_session *s);

/* Takes what came. `now`: milliseconds, monotonic. False: that was no HTTP/2, or it was a flood;
 * nothing more is to be read, what there is to say may still be said. */
bool at_grpc_session_feed(struct at_grpc_session *s, struct at_str bytes, uint64_t now);

/* The next bytes to send, valid until the next call of any of these; none: p NULL. */
struct at_str at_grpc_session_output(struct at_grpc_session *s);

/* Gives answers whose delay is over. Returns after how many milliseconds the next one is due, -1:
 * none waits. */
int64_t at_grpc_session_run(struct at_grpc_session *s, uint64_t now);

/* Nothing more will be read or written. */
bool at_grpc_session_over(const struct at_grpc_session *s);

/* Whether calls are on their way. */
bool at_grpc_session_busy(const struct at_grpc_session *s);

#endif
