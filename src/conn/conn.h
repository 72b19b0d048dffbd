/*
 * What a descriptor is when it is a connection: role, peer, last error, and the conversation that
 * the flow keeps on it. One object per connection, shared by duplicated descriptors, found through
 * base/fdmap, type-stable (base/slab).
 *
 * Life:  accept/connect/first use -> at_conn_new -> [at_conn_lock … at_conn_unlock]* -> last
 * descriptor detached -> at_conn_free. Every field but the lock is protected by the lock.
 */
#ifndef AT_CONN_CONN_H
#define AT_CONN_CONN_H

#include <sys/socket.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/fdmap.h"
#include "base/lock.h"

enum at_conn_role {
	AT_CONN_UNDECIDED, /* inherited or received: the first request decides */
	AT_CONN_SERVER,    /* accepted here */
	AT_CONN_CLIENT     /* connected here */
};

/* One end of a connection. */
struct at_endpoint {
	uint8_t family;   /* AF_INET, AF_INET6, AF_UNIX; 0: unknown */
	uint8_t ip[16];   /* network order; the first 4 bytes for AF_INET */
	uint16_t port;    /* host order */
	uint8_t path_len; /* AF_UNIX: bytes of path; 0: unnamed */
	char path[108];   /* AF_UNIX: path; an abstract name starts with '@' */
};

/* Whether the bytes on the wire are the conversation, or TLS. */
enum at_conn_way {
	AT_WAY_NEW,      /* no byte has gone by: a ClientHello may come */
	AT_WAY_PLAIN,    /* they are the conversation */
	AT_WAY_TUNNEL,   /* behind an answered CONNECT: a ClientHello, or nothing of interest */
	AT_WAY_HELLO,    /* a ClientHello, as far as they have come */
	AT_WAY_AWAITING, /* TLS, whose session is not known yet */
	AT_WAY_SECURE    /* TLS: the conversation comes from its session */
};

struct at_conn {
	uint64_t slab;       /* the slab's own while the object is free */
	struct at_lock lock; /* held for the few steps of one event; innermost but for slabs */
	uint32_t life;       /* counts the object's lives (atomic) */
	uint32_t refs;       /* descriptor numbers that lead here */
	uint8_t role;        /* enum at_conn_role */
	bool connecting;     /* connect() said EINPROGRESS and nothing was seen since */
	bool peer_known;     /* peer is filled */
	bool again;          /* the last read said EAGAIN (a time-out when the socket blocks) */
	bool in_vain;        /* a poll for it ended by its time-out, and no byte went since */
	bool eof;            /* the peer has ended its stream */
	bool lost;           /* bytes went by unseen (atomic): the next look ends the observation */
	bool over;           /* observation has ended: the descriptors become boring */
	bool watched;        /* a loop waits for it among others (atomic, without the lock) */
	int error;           /* errno of the failure that ended it, 0: none */
	uint64_t began;      /* monotonic ns of accept or connect */
	struct at_endpoint peer; /* the other end */
	void *talk;              /* flow's conversation, owned by flow; NULL until bytes flow */
	void *owner;             /* flow: the request under which it was opened or last written */
	uint32_t owner_generation;
	uint8_t way;          /* enum at_conn_way */
	uint8_t hello;        /* bytes of the ClientHello so far */
	uint8_t random[32];   /* of it */
	uint16_t tls_version; /* as on the wire (0x0304: TLS 1.3), 0: not known */
	uint16_t raw_calls;   /* calls that moved bytes while its session was waited for */
	int fd;               /* TLS: a descriptor of it, or -1 */
	bool told;            /* a runtime said who the owner is */
	bool blind;           /* opened in an event loop for nobody knows which open request */
	bool pooled;          /* flow: a pool has looked at it since the last answer */
	bool delegates;       /* a server's: tasks that its own one has made answer last */
};

/* A connection object for fd, put into the map in place of what was there; returned locked. NULL
 * when memory is out (fd is then boring). */
struct at_conn *at_conn_new(int fd, enum at_conn_role role);

/* The connection of fd, locked, or NULL when there is nothing to observe. A descriptor never looked
 * at is classified first (a few system calls, once). */
struct at_conn *at_conn_lock(int fd);

/* The same for a descriptor known to be a connection already; never classifies. */
struct at_conn *at_conn_lock_known(int fd);
/* Both: what was held when its holder went (at fork, by longjmp) is over, its talk is not touched.
 */

void at_conn_unlock(struct at_conn *c);

/* A call on fd passed by unobserved (a signal handler inside our own work, a lock that could not be
 * had): counted, and its connection is lost. Takes no lock; any context. */
void at_conn_lose(int fd);

/* Whether its next look ends the observation: bytes went by unseen, or an internal error has turned
 * tracing off. */
static inline bool at_conn_is_lost(const struct at_conn *c)
{
	return __atomic_load_n(&c->lost, __ATOMIC_RELAXED) || at_fault_raised();
}

/* A loop waits for fd among others: from now on what is read from it is an event, whatever it turns
 * out to be. One never looked at is classified. Takes no lock for long; any thread. */
void at_conn_watch(int fd);

static inline bool at_conn_is_watched(const struct at_conn *c)
{
	return __atomic_load_n(&c->watched, __ATOMIC_RELAXED);
}

/* Unlocks; when the observation is over, fd becomes boring and the object is freed with its last
 * descriptor. */
void at_conn_leave(struct at_conn *c, int fd);

/* A connection that no descriptor leads to, locked: a session whose transport is not seen. NULL: no
 * memory. It is given back by at_conn_free. */
struct at_conn *at_conn_new_apart(enum at_conn_role role);

/* Forgets fd: its word becomes `word`. Returns the connection, locked, when fd was its last
 * descriptor: finish it and call at_conn_free. NULL otherwise. */
struct at_conn *at_conn_detach(int fd, uintptr_t word);

/* `to` is now a duplicate of `from` (its own past must have been detached). */
void at_conn_share(int from, int to);

/* Gives a detached connection's memory back; unlocks it. */
void at_conn_free(struct at_conn *c);

/* The peer, asked from the kernel when not known yet. */
const struct at_endpoint *at_conn_peer(int fd, struct at_conn *c);

/* Reads a socket address. */
void at_endpoint_set(struct at_endpoint *e, const struct sockaddr *addr, socklen_t len);

/* Writes the address as text (IPv4-mapped IPv6 as IPv4; a path as it is); returns its length. dst
 * holds at least AT_ENDPOINT_TEXT bytes. */
#define AT_ENDPOINT_TEXT 112
size_t at_endpoint_text(const struct at_endpoint *e, char *dst);

/* True for IPv6 proper (not mapped IPv4). */
bool at_endpoint_is_v6(const struct at_endpoint *e);

#endif
