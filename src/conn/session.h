/*
 * TLS sessions by the address of the library's object, and the connection each speaks on. An entry
 * is made when the connection is found and ends with the object (SSL_free, SSL_clear,
 * gnutls_deinit). Any thread; takes its own locks, and must be called without a connection's.
 */
#ifndef AT_CONN_SESSION_H
#define AT_CONN_SESSION_H

#include "conn/await.h"

struct at_session {
	struct at_conn_ref c; /* conn NULL: nothing to observe on it, or it is `unknown` */
	uint32_t waits;       /* bytes of a write that must be made again as it was, 0: none */
	bool unknown;         /* its connection was not found yet */
	bool own;             /* the connection has no descriptor: it ends with the session */
	bool keeps;           /* a changed write is under way: at_session_keep gives it */
};

/* Sessions at once; more are not observed. */
#define AT_SESSIONS 65536u

/* What is known of this session; false: it was never put. */
bool at_session_get(const void *key, struct at_session *ret);

/* Puts it, in place of what was known. False: no memory, or too many. */
bool at_session_put(const void *key, struct at_session s);

/* Forgets it. True: it was there, and *ret and *ret_kept are the caller's. */
bool at_session_drop(const void *key, struct at_session *ret, void **ret_kept);

/* Keeps `kept`, pool memory of flow's, with the session; returns what was kept. NULL takes it out.
 * A session that is not known gives it back at once. */
void *at_session_keep(const void *key, void *kept);

#endif
