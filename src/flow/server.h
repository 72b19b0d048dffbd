/*
 * Requests served here: what the engines report of a server's connection becomes a server span.
 * Called under the connection's lock, on the thread that reads or writes.
 */
#ifndef AT_FLOW_SERVER_H
#define AT_FLOW_SERVER_H

#include "flow/talk.h"

/* Callbacks for the requests' direction; ctx is the talk. */
extern const struct at_http1_sink at_server_requests;

#endif
