/*
 * Requests served here: what a protocol reports of a server's connection becomes a server span.
 * Called under the connection's lock, on the thread that reads or writes.
 */
#ifndef AT_FLOW_SERVER_H
#define AT_FLOW_SERVER_H

#include "flow/talk.h"

/* The head of x has come in: gives it identity (the remote parent's trace, or a new one) and
 * attributes. */
void at_server_identify(struct at_talk *t, struct at_exchange *x, const struct at_message *m);

#endif
