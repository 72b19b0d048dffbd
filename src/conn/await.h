/*
 * Connections on which a ClientHello went by, by its random, until the session that speaks on them
 * is found. Bounded: where many wait, the one that waited longest in its row is forgotten. Any
 * thread; takes its own locks, and must be called without a connection's.
 */
#ifndef AT_CONN_AWAIT_H
#define AT_CONN_AWAIT_H

#include "conn/conn.h"

/* A connection that may be gone when it is asked for: at_conn_lock_ref. */
struct at_conn_ref {
	struct at_conn *conn; /* NULL: none */
	uint32_t life;        /* which of the object's lives */
};

/* c, which has this role and life, waits for the session with this random (32 bytes). */
void at_await_put(const uint8_t random[32], enum at_conn_role role, struct at_conn_ref c);

/* The connection that waits for it in this role (undecided: in either); no longer waiting then. */
struct at_conn_ref at_await_take(const uint8_t random[32], enum at_conn_role role);

/* The connection, locked, if it still is that one; NULL otherwise. */
struct at_conn *at_conn_lock_ref(struct at_conn_ref r);

#endif
