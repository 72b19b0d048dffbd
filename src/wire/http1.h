/*
 * HTTP/1.0 and 1.1 (RFC 9112), one direction of one connection, incremental at every byte. Pure:
 * no descriptor, no clock, no malloc, no log. Feed it each byte of the stream once and in order;
 * it calls back at message boundaries. A head that arrives whole in one call is parsed where it
 * lies; one that comes in pieces is collected in `hold` (base/pool memory, cap AT_HTTP1_HEAD_MAX).
 * The caller's lock protects it. What is malformed or over a cap ends the observation
 * (AT_HTTP1_STOP_…), never anything else.
 */
#ifndef AT_WIRE_HTTP1_H
#define AT_WIRE_HTTP1_H

#include "base/buf.h"
#include "wire/message.h"

/* First line plus header lines plus empty line, bytes. */
#define AT_HTTP1_HEAD_MAX 65536u

/* What the receiver of a head knows and the engine cannot: answers to the head callback. */
enum at_http1_then {
	AT_HTTP1_THEN_BODY,    /* framing as the head says */
	AT_HTTP1_THEN_NO_BODY, /* response to HEAD: no body whatever the head says */
	AT_HTTP1_THEN_TUNNEL,  /* 101, or 2xx to CONNECT: end the message, then opaque for ever */
	AT_HTTP1_THEN_STOP     /* stop observing (e.g. a response nobody asked for) */
};

/* Called in stream order from within at_http1_feed. */
struct at_http1_sink {
	/* First byte of a message (empty lines before it are not it, and count nowhere). It fires
	 * on a first byte that can begin one: AT_HTTP1_STOP_NOT_HTTP may still follow. */
	void (*begin)(void *ctx);
	/* The head is complete. 1xx responses but 101 are followed by another head of the same
	 * message: no end() comes between. */
	enum at_http1_then (*head)(void *ctx, const struct at_message *m);
	/* The message is complete: body_bytes is the payload without framing, wire_bytes all of the
	 * message with all its heads. From within at_http1_eof when the end of the stream delimited
	 * it, from within at_http1_feed or at_http1_skip otherwise. */
	void (*end)(void *ctx, uint64_t body_bytes, uint64_t wire_bytes);
};

enum at_http1_state {
	AT_HTTP1_IDLE,       /* at a message boundary */
	AT_HTTP1_HEAD,       /* inside a head, collected in hold; hold is empty behind a 1xx head */
	AT_HTTP1_LENGTH,     /* body, `left` bytes to go */
	AT_HTTP1_CHUNK_SIZE, /* chunk-size line */
	AT_HTTP1_CHUNK_DATA, /* chunk data, `left` bytes to go */
	AT_HTTP1_CHUNK_END,  /* CRLF behind chunk data */
	AT_HTTP1_TRAILER,    /* trailer lines */
	AT_HTTP1_UNTIL_CLOSE, /* body ends with the stream */
	AT_HTTP1_STOPPED      /* observation has ended: see stop */
};

/* Why observation ended. */
enum at_http1_stop {
	AT_HTTP1_STOP_NONE,
	AT_HTTP1_STOP_NOT_HTTP,  /* the first bytes at a first message's place are no HTTP/1 */
	AT_HTTP1_STOP_MALFORMED, /* HTTP/1 it was, until here */
	AT_HTTP1_STOP_OVER_CAP,  /* head over AT_HTTP1_HEAD_MAX, or no memory */
	AT_HTTP1_STOP_TUNNEL,    /* Upgrade or CONNECT: opaque from here on, correctly ended */
	AT_HTTP1_STOP_ASKED      /* THEN_STOP */
};

struct at_http1 {
	uint8_t half;      /* enum at_wire_half */
	uint8_t state;     /* enum at_http1_state */
	uint8_t stop;      /* enum at_http1_stop */
	uint8_t sub;       /* position inside a head, a line end, a chunk line: the engine's own */
	uint32_t messages; /* complete messages so far, saturating */
	uint32_t line;     /* HEAD: offset in hold of the line that is not complete yet */
	uint64_t left;     /* bytes of the body or chunk to go; STOPPED: bytes not looked at */
	uint64_t body_bytes; /* payload of this message so far */
	uint64_t wire_bytes; /* all bytes of this message so far */
	struct at_buf hold;  /* head in pieces; owned, capped */
};

/* A stream at its first byte. */
void at_http1_init(struct at_http1 *h, enum at_wire_half half);

/* Feeds n bytes that went over the wire. Returns false when observation has ended (now or before):
 * h->stop says why, the rest is ignored. */
bool at_http1_feed(struct at_http1 *h, const char *data, size_t n, const struct at_http1_sink *sink,
		   void *ctx);

/* n bytes of body went by whose content nobody has (sendfile, splice). False as above; inside a
 * head or chunk framing this ends the observation (malformed: the bytes cannot be followed). */
bool at_http1_skip(struct at_http1 *h, uint64_t n, const struct at_http1_sink *sink, void *ctx);

/* The stream has ended (EOF, shutdown, close): a close-delimited message ends here (end() is
 * called); anything else unfinished stays unfinished. Returns true when the stream ended at a
 * message boundary, by the end of a close-delimited message, or as a tunnel. */
bool at_http1_eof(struct at_http1 *h, const struct at_http1_sink *sink, void *ctx);

/* The other direction has turned this connection into a tunnel (101, or 2xx to CONNECT): opaque
 * from here on, stop is AT_HTTP1_STOP_TUNNEL unless observation had ended before. No callback. */
void at_http1_tunnel(struct at_http1 *h);

/* Gives hold's memory back. */
void at_http1_free(struct at_http1 *h);

/* A quick look at the first bytes of an unknown stream: 1 this is an HTTP/1 request, 0 not yet
 * clear, -1 certainly not. Requests: a method of 1 to 24 letters, one space, and a version
 * HTTP/1.x at the first line's end (0 until that line is complete). Agrees with at_http1_feed: -1
 * is where it says NOT_HTTP. */
int at_http1_looks_like_request(struct at_str first);

/* The same for a response: 1 as soon as "HTTP/1." stands there. */
int at_http1_looks_like_response(struct at_str first);

/* ---- for header injection: looks ahead at bytes that are about to be written ---- */

/* Where the next request head in [data, data+n) can be changed. */
struct at_http1_plan {
	/* A request head ends inside these bytes (or ends_at_cr); m is filled. */
	bool complete;
	/* Its message; slices point into data when starts_here, else into joined. */
	struct at_message m;
	/* Offset in data of the empty line's first byte: new header lines go here, so that bytes of
	 * the application remain behind them. */
	size_t insert_at;
	/* False when the empty line began before data: nothing can be added. */
	bool insertable;
	/* The request's first byte lies in data (not in earlier bytes). */
	bool starts_here;
	/* Offset in data of its first byte when starts_here. */
	size_t begin_at;
	/* Offset in data of the first byte behind the head. */
	size_t next_at;
	/* Data ends with the CR of the empty line, its LF is still to come: the last moment to
	 * insert. m is filled as if the LF stood there. The same head is found once more, not
	 * insertable, when that LF is looked at. */
	bool ends_at_cr;
	/* The whole head when it began before data (!starts_here); owned. */
	struct at_buf joined;
	/* Offset in joined of data's first byte: a slice of m at p >= joined.p + joined_from lies
	 * at data + (p - joined.p - joined_from). */
	size_t joined_from;
	/* The state behind this head, without hold: the engine's own. */
	struct at_http1 after;
};

/* Looks at the bytes a client is about to write, h being the state before them, and finds the first
 * request head that ends inside data, starting to look at offset `from`: 0, or next_at of the head
 * before, then with the same plan that call filled (pipelined requests; bodies between are skipped
 * by their framing, each byte is looked at once). h and its hold stay as they are. False when no
 * head ends inside (plan->complete is false), when the bytes are no HTTP/1, when h is a response
 * half, or when there is no memory for `joined`. Every plan goes to at_http1_plan_free in the end,
 * whatever was returned. */
bool at_http1_look(const struct at_http1 *h, const char *data, size_t n, size_t from,
		   struct at_http1_plan *plan);

/* Gives plan->joined back: slices of plan->m are dead after this. */
void at_http1_plan_free(struct at_http1_plan *plan);

#endif
