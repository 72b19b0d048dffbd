/*
 * Calls made from here: what goes out on a client's connection becomes a client span, and carries
 * its context. Called under the connection's lock, on the thread that writes or reads.
 */
#ifndef AT_FLOW_CLIENT_H
#define AT_FLOW_CLIENT_H

#include "flow/causality.h"
#include "flow/talk.h"

/* The head of x is about to be written: gives it parent, identity and attributes. `m` is what the
 * look ahead found. */
void at_client_announce(struct at_talk *t, struct at_exchange *x, const struct at_message *m);

/* The head of x, which is on its way: gives it parent, identity and attributes. */
void at_client_identify(struct at_talk *t, struct at_exchange *x, const struct at_message *m);

/* The head of x has left: counts it when it left without the header that it should have. */
void at_client_left(const struct at_exchange *x);

/* How the request carried context already. */
enum at_client_carries {
	AT_CLIENT_BARE,        /* no context of its own: ours is added */
	AT_CLIENT_PASSED_ON,   /* the very context an open request came with: rewritten in place */
	AT_CLIENT_INSTRUMENTED /* the application's own context: kept, and no span of ours */
};

/* connect() failed, or was seen to have failed, with `error` (errno value): a span when a request
 * is open that caused it. */
void at_client_connect_failed(const struct at_endpoint *peer, int error, uint64_t began,
			      struct at_claim claim);

/* The TLS handshake on c failed; `why` as error.type has it, static. The same. */
void at_client_handshake_failed(struct at_conn *c, const char *why);

/* The name of an errno value as error.type, e.g. "ECONNREFUSED"; "_OTHER" when it has none here. */
const char *at_client_error_name(int error);

#endif
