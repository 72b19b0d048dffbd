/*
 * The second door between the interposed calls and the flow: what goes through TLS sessions. The
 * hooks of the TLS libraries include this; the shore asks it about the bytes on the wire. Every
 * function keeps errno and the library's errors, and may be called from any thread.
 *
 *   hook:  if (!at_secure_enter(...)) return the true call;  the true call;  at_secure_<what>(...)
 *
 * A connection on which TLS is spoken stays one at_conn: reads, writes, errors and its end are told
 * by the shore as ever, but what is said on it comes from here.
 */
#ifndef AT_FLOW_SECURE_H
#define AT_FLOW_SECURE_H

#include <sys/types.h>
#include <sys/uio.h>

#include "conn/session.h"
#include "flow/dialect.h"

/* ---- for the hooks ---- */

/* One call on a session, on the hook's stack. */
struct at_secure {
	const struct at_dialect *dialect; /* how its library is asked */
	const struct at_tls *tls;         /* its library */
	void *session;                    /* the library's object */
	const struct at_tls *outer_tls;   /* of the call that this one is inside */
	const void *outer;                /* the session whose call this one is inside, or NULL */
	uintptr_t outer_frame;            /* where that call's hook is on the stack */
};

/* Before the true call. False: it is all there is to do (tracing is off, we are inside our own
 * work, or the library is calling itself). True: exactly one of the functions below must follow. */
bool at_secure_enter(struct at_secure *s, const struct at_dialect *dialect,
		     const struct at_tls *tls, void *session);

/* The library whose call on this very session the thread is in: it calls itself by its own names,
 * and as if we had called. NULL: it is in none. */
const struct at_tls *at_secure_inside(const void *session);

/* A read gave n bytes; with 0 the library returned rc. */
void at_secure_read(struct at_secure *s, const void *bytes, size_t n, long rc);

/* A write's true call with these bytes: how many it took, 0 with *ret_rc, what the library said. */
typedef size_t at_secure_send(const struct at_secure *s, void *call, const void *bytes, size_t n,
			      long *ret_rc);

/* Makes the write, changed if need be: returns what the application is told of its n bytes; 0 with
 * *ret_rc, what the library said. `send` may be called several times, or never with the
 * application's own bytes; what it is given stays the same until it is taken. `call` is passed on
 * to it. n 0 with `bytes` NULL goes on with a write that waits. */
size_t at_secure_write(struct at_secure *s, const void *bytes, size_t n, at_secure_send *send,
		       void *call, long *ret_rc);

/* n bytes went out whose content nobody has (SSL_sendfile); 0: the library returned rc. */
void at_secure_wrote_unseen(struct at_secure *s, size_t n, long rc);

/* A handshake's call returned rc; `done` says that it is complete. */
void at_secure_handshake(struct at_secure *s, bool done, long rc);

/* Our stream was ended. */
void at_secure_shut(struct at_secure *s);

/* What is said on this session from here on cannot be followed. */
void at_secure_unseen(struct at_secure *s);

/* Nothing to tell. */
void at_secure_leave(struct at_secure *s);

/* The session is about to be freed, or used anew. */
void at_secure_gone(const void *session);

/* ---- for the shore: bytes on the wire, the connection's lock held ---- */

/* Whether the bytes (NULL: they went by unseen) are TLS, and so nothing for the talk. */
bool at_secure_in(struct at_conn *c, int fd, const char *bytes, size_t n);
bool at_secure_out(struct at_conn *c, int fd, const char *bytes, size_t n);

/* The peer has ended the transport: whether the talk learns of it from the session. */
bool at_secure_eof(struct at_conn *c);

/* The talk on c has become a tunnel, in which a ClientHello may come. */
void at_secure_tunnel(struct at_conn *c);

/* A connection that has just shown its ClientHello: to be taken with the lock held, and told
 * without it. */
struct at_secure_news {
	struct at_conn_ref c; /* conn NULL: there is nothing to tell */
	uint8_t role;
	uint8_t random[32];
};

static inline struct at_secure_news at_secure_news(struct at_conn *c)
{
	struct at_secure_news news = {.c = {NULL, 0}};
	if (c->way != AT_WAY_AWAITING || c->raw_calls)
		return news;
	c->raw_calls = 1;
	news.c = (struct at_conn_ref){c, c->life};
	news.role = c->role;
	__builtin_memcpy(news.random, c->random, sizeof(news.random));
	return news;
}

static inline void at_secure_tell(const struct at_secure_news *news)
{
	if (__builtin_expect(news->c.conn != NULL, 0))
		at_await_put(news->random, (enum at_conn_role)news->role, news->c);
}

#endif
