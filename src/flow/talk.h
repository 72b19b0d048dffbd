/*
 * The conversation on one connection: the protocol that is spoken and the row of exchanges that
 * await their answer, oldest first. Born with the first bytes, gone with the connection or when the
 * protocol turns out not to be ours. Protected by the connection's lock.
 *
 *   unknown ──preface or SETTINGS──> HTTP/2 ──malformed, over a cap──> over (freed, descriptor
 *      │                               ^                                  ^          boring)
 *      └──anything else──> HTTP/1 ──h2c┘──not HTTP, malformed, tunnel─────┘
 */
#ifndef AT_FLOW_TALK_H
#define AT_FLOW_TALK_H

#include <sys/uio.h>

#include "conn/conn.h"
#include "flow/exchange.h"
#include "flow/repeat.h"
#include "wire/http1.h"

/* Exchanges outstanding on one connection at most (pipelining, streams). */
#define AT_TALK_EXCHANGES 256

struct at_edits;
struct at_talk_http2;

/* What a protocol does for a talk. Lock held. A talk may be gone when one of them returns
 * (at_talk_over): look at the connection then. */
struct at_protocol {
	/* The talk is new: makes its part ready. */
	void (*init)(struct at_talk *t);
	/* n bytes came in or went out; NULL: they went by unseen. The connection's role is known.
	 */
	void (*in)(struct at_talk *t, const char *bytes, size_t n);
	void (*out)(struct at_talk *t, const char *bytes, size_t n);
	/* Whether the first bytes of a stream are an answer. Bytes NULL: nobody knows them. The
	 * function may be NULL: they never are. */
	bool (*answers)(const char *bytes, size_t n);
	/* The stream of answers has ended. */
	void (*response_over)(struct at_talk *t);
	/* How many of the bytes a client writes next are body, at whose content nobody looks. */
	uint64_t (*unread)(const struct at_talk *t);
	/* A client is about to write these bytes: announces the heads among them, and says in
	 * *edits, which may become others, how they are to be changed. */
	void (*look)(struct at_talk *t, struct at_edits **edits, const char *data, size_t n);
	/* x leaves the row; NULL: nothing to do. */
	void (*removed)(struct at_talk *t, struct at_exchange *x);
	/* Gives its part's memory back. */
	void (*free)(struct at_talk *t);
	/* Several exchanges are under way at once, and any of them may go on next. */
	bool multiplexes;
};

/* A row for each protocol, and one for a connection whose first bytes have not told it yet. */
extern const struct at_protocol at_protocol_unknown, at_protocol_http1, at_protocol_http2;

/* HTTP/1's part of a talk. */
struct at_talk_http1 {
	struct at_http1 request;  /* engine of the requests' direction */
	struct at_http1 response; /* engine of the responses' direction */
	bool strange;             /* an answer goes out to a request that others have read */
};

struct at_talk {
	uint64_t slab;        /* the slab's own while free */
	struct at_conn *conn; /* the connection it is on */
	int fd;               /* descriptor of the present event (diagnosis, peer look-up) */
	bool counted;         /* counted as a connection of its protocol */
	uint16_t count;       /* exchanges in the row */
	uint16_t announced;   /* of these, created before their bytes were written */
	uint16_t early;       /* answered before the writer had come back from its call */
	const struct at_protocol *protocol; /* what is spoken */
	struct at_talk_http1 http1;         /* when that is HTTP/1 */
	struct at_talk_http2 *http2;        /* when that is HTTP/2; in pool memory, owned */
	uint8_t preface; /* unknown: bytes so far that began like HTTP/2's preface */
	bool over;       /* HTTP/2: observation has ended, bytes of ours are still to leave */
	bool turns;      /* HTTP/1: the upgrade to HTTP/2 was granted just now */
	bool crowd;      /* who makes the request that is leaving cannot be told: others leave with
			    it, or share the connection */
	struct at_exchange *first;  /* oldest unanswered exchange */
	struct at_exchange *last;   /* youngest */
	struct at_exchange *asking; /* whose request is going by now */
	struct at_repeat repeat;    /* attributes that its requests have alike */
	struct at_buf tail;         /* bytes of ours that the kernel has not taken yet */
	uint64_t tail_at;           /* bytes of the application that go before them */
	bool swallow;               /* they go in place of its next byte, which has left already */
	struct at_buf overlay;      /* bytes that replace the application's next ones */
	struct at_edits *spare;     /* to write those two without asking for memory; or NULL */
};

/* The talk of c, created when there is none. NULL: no memory. */
struct at_talk *at_talk_of(struct at_conn *c, int fd);

/* `n` bytes came in from or went out to fd. Bytes NULL: they went by unseen (sendfile, splice). */
void at_talk_in(struct at_conn *c, int fd, const char *bytes, size_t n);
void at_talk_out(struct at_conn *c, int fd, const char *bytes, size_t n);

/* The peer ended its stream, or a fatal error (errno value) ended the connection. */
void at_talk_eof(struct at_conn *c, int fd);
void at_talk_failed(struct at_conn *c, int fd, int error);

/* The TLS session on it is broken; `why` as error.type has it, static. */
void at_talk_broken(struct at_conn *c, int fd, const char *why);

/* A read for a single byte found nothing: on a connection without a call under way this is a pool
 * that looks whether it is still good before it lends it. It is lent for the request that the
 * thread works on, whoever then writes. */
void at_talk_probed(struct at_conn *c);

/* We ended our stream: shutdown(SHUT_WR or SHUT_RDWR). */
void at_talk_half_closed(struct at_conn *c, int fd);

/* The connection is about to be closed (fd is still open): unfinished exchanges are reported with
 * what is known, the talk is gone. */
void at_talk_gone(struct at_conn *c, int fd);

/* A copy of the descriptor goes to somebody else (SCM_RIGHTS), who may answer what is open. */
void at_talk_passed(struct at_conn *c);

/* Ends the observation: memory is given back, c->over is set (at_conn_leave does the rest). */
void at_talk_over(struct at_conn *c);

/* Counts the connection, once, as one in which this protocol is spoken. */
void at_talk_counted(struct at_talk *t, unsigned counter, const char *protocol);

/* What speaks on a stream that begins like this and is no HTTP/1: as what it is counted. */
unsigned at_talk_guess(struct at_str first);

/* The exchange that an event on the connection concerns whatever it is: the oldest, but none where
 * several are under way and any may go on. `t` may be NULL. */
struct at_exchange *at_talk_only(const struct at_talk *t);

/* The thread learns that something came for what is under way: it goes on with who made it. */
void at_talk_resume(const struct at_talk *t);

/* Adds to and takes from the row. */
void at_talk_push(struct at_talk *t, struct at_exchange *x);
void at_talk_remove(struct at_talk *t, struct at_exchange *x);

#endif
