/*
 * What the TLS libraries are asked about a session, one table for each family. The answers are
 * read from the session and change nothing in it, nor in the library's queue of errors.
 */
#ifndef AT_FLOW_DIALECT_H
#define AT_FLOW_DIALECT_H

#include "conn/conn.h"
#include "libc/tls.h"

struct at_dialect {
	/* The random of the ClientHello, 32 bytes; false: there is none yet. */
	bool (*random)(const struct at_tls *t, void *session, uint8_t random[32]);
	/* Which side it is; undecided: it does not say. */
	enum at_conn_role (*role)(const struct at_tls *t, void *session);
	/* The protocol's version as on the wire. */
	uint16_t (*version)(const struct at_tls *t, void *session);
	/* The descriptor that it reads from, or -1. */
	int (*fd)(const struct at_tls *t, void *session);
	/* After a read that gave nothing and returned rc: whether the peer has ended its stream. */
	bool (*ended)(const struct at_tls *t, void *session, long rc);
	/* After a call that returned rc: why the session is broken, as error.type says it; NULL: it
	 * is not. */
	const char *(*broken)(const struct at_tls *t, void *session, long rc);
	/* After a write that returned rc: whether it is to be made again as it was. */
	bool (*again)(const struct at_tls *t, void *session, long rc);
	/* Whether a write that waits may be gone on with without its bytes. */
	bool resumes;
	/* Whether a write may take less than it was given. */
	bool (*partial)(const struct at_tls *t, void *session);
};

extern const struct at_dialect at_dialect_openssl;
extern const struct at_dialect at_dialect_gnutls;

#endif
