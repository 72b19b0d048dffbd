/*
 * HTTP/2 (RFC 9113), one direction of one connection, incremental at every byte. Pure: no
 * descriptor, no clock, no malloc, no log. Feed it each byte of the stream once and in order; it
 * calls back for header blocks, data, and the ends of streams. What the streams are in the middle
 * of is the caller's to know. The caller's lock protects it.
 *
 * Headers are decompressed (RFC 7541) by nghttp2, its memory from base/pool. Its table may grow to
 * AT_HTTP2_TABLE_MAX whatever SETTINGS allow: how large it is an encoder says inside of the blocks,
 * so SETTINGS_HEADER_TABLE_SIZE, of which nobody can see when it comes into force, is not looked
 * at. What is malformed or over a cap ends the observation (AT_HTTP2_STOP_…), never anything else.
 */
#ifndef AT_WIRE_HTTP2_H
#define AT_WIRE_HTTP2_H

#include "base/buf.h"
#include "wire/message.h"

/* One header block as it comes, and what is kept of it when decompressed: bytes. Fields beyond the
 * latter are left out. */
#define AT_HTTP2_BLOCK_MAX 65536u
#define AT_HTTP2_TEXT_MAX  65536u

/* The encoder's table, bytes as RFC 7541 counts them. */
#define AT_HTTP2_TABLE_MAX 65536u

/* What a client sends first, before its first frame. */
#define AT_HTTP2_PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define AT_HTTP2_PREFACE_LEN 24u

/* Of a frame, bytes before its payload. */
#define AT_HTTP2_FRAME_HEAD 9u

struct nghttp2_hd_inflater;

/* A whole header block. */
struct at_http2_block {
	uint32_t stream; /* whose it is */
	bool ends;       /* the stream ends with it (END_STREAM) */
	uint64_t wire;   /* bytes of its frames */
	/* What it says: version is 20, method and target or status stand for the pseudo-fields
	 * (both are missing in trailers; the target of CONNECT may be the authority), Host for
	 * :authority, block has the fields as lines. NULL: at_http2_look has had it before. */
	const struct at_message *m;
};

/* Called in stream order from within at_http2_feed. */
struct at_http2_sink {
	void (*block)(void *ctx, const struct at_http2_block *b);
	/* n bytes of DATA, `bytes` NULL when nobody has seen them; they took `wire` bytes. */
	void (*data)(void *ctx, uint32_t stream, const char *bytes, size_t n, uint64_t wire);
	/* The stream ends, behind DATA. */
	void (*end)(void *ctx, uint32_t stream);
	/* RST_STREAM. */
	void (*reset)(void *ctx, uint32_t stream, uint32_t code);
	/* GOAWAY: streams above `last` that the receiver began are not worked on. */
	void (*goaway)(void *ctx, uint32_t last, uint32_t code);
};

enum at_http2_state {
	AT_HTTP2_PREFACE_STATE, /* inside the client's preface */
	AT_HTTP2_FRAME,         /* at or in a frame's head */
	AT_HTTP2_PREFIX,        /* in the part of a payload that has a fixed size */
	AT_HTTP2_FRAGMENT,      /* in the bytes of a header block */
	AT_HTTP2_DATA,          /* in DATA */
	AT_HTTP2_SKIP,          /* in payload that nobody needs: padding, unknown frames */
	AT_HTTP2_STOPPED        /* observation has ended: see stop */
};

/* Why observation ended. */
enum at_http2_stop {
	AT_HTTP2_STOP_NONE,
	AT_HTTP2_STOP_NOT_HTTP2, /* no preface, or another frame than SETTINGS first */
	AT_HTTP2_STOP_MALFORMED, /* HTTP/2 it was, until here */
	AT_HTTP2_STOP_OVER_CAP   /* a header block or a table over its cap, or no memory */
};

struct at_http2_ahead;

struct at_http2 {
	uint8_t half;          /* enum at_wire_half */
	uint8_t state;         /* enum at_http2_state */
	uint8_t stop;          /* enum at_http2_stop */
	bool begun;            /* the first frame has begun */
	uint8_t have;          /* bytes of `part`, or of the preface */
	uint8_t want;          /* PREFIX: how many it needs */
	uint8_t part[9];       /* a frame's head or a payload's prefix that comes in pieces */
	uint8_t type;          /* of the frame */
	uint8_t flags;         /* of the frame */
	bool in_block;         /* a header block has begun and not ended */
	bool promise;          /* and is a promise's: nobody wants it */
	bool ends;             /* and ends its stream */
	uint32_t stream;       /* of the frame */
	uint32_t left;         /* bytes of its payload to go */
	uint32_t pad;          /* of these, padding */
	uint32_t framing;      /* DATA: bytes on the wire that are not counted yet */
	uint32_t block_stream; /* whose header block it is */
	uint32_t block_bytes;  /* its bytes so far, compressed */
	uint64_t block_wire;   /* bytes of its frames so far */
	uint32_t max_frame;    /* what SETTINGS of this direction allow the other's frames to be */
	uint32_t max_list;     /* and its header lists, in the bytes of RFC 9113, 6.5.2 */
	struct at_buf hold;    /* a header block in pieces; owned, capped */
	struct at_buf text;    /* the fields of the block at hand; owned, capped */
	struct nghttp2_hd_inflater *inflater; /* owned; NULL before the first block */
	struct at_http2_ahead *ahead; /* blocks that at_http2_look has had; owned, or NULL */
};

/* A stream at its first byte. */
void at_http2_init(struct at_http2 *h, enum at_wire_half half);

/* Feeds n bytes that went over the wire. Returns false when observation has ended (now or before):
 * h->stop says why, the rest is ignored. */
bool at_http2_feed(struct at_http2 *h, const char *data, size_t n, const struct at_http2_sink *sink,
		   void *ctx);

/* n bytes of DATA went by whose content nobody has (sendfile, splice). False as above; anywhere
 * else this ends the observation (malformed: the bytes cannot be followed). */
bool at_http2_skip(struct at_http2 *h, uint64_t n, const struct at_http2_sink *sink, void *ctx);

/* Gives its memory back. */
void at_http2_free(struct at_http2 *h);

/* How many of the next bytes are payload that at_http2_look passes over. */
uint64_t at_http2_unread(const struct at_http2 *h);

/* The name of an error code (RFC 9113, 7), "_OTHER" for one that has none. */
const char *at_http2_error_name(uint32_t code);

/* How many of the first n bytes fit the client's preface, of which `from` bytes went before. */
size_t at_http2_preface(size_t from, const char *data, size_t n);

/* Whether n > 0 bytes can be the beginning of what a server sends first: SETTINGS. */
bool at_http2_looks_like_settings(const char *data, size_t n);

/* ---- for header injection: looks ahead at bytes that are about to be written ---- */

/* Where the next header block in [data, data+n) can be changed. */
struct at_http2_plan {
	/* A header block ends inside these bytes. */
	bool complete;
	/* It was found by an earlier look, before a write that did not come to it: m is empty. */
	bool again;
	/* The frame that ends it lies in these bytes, with its head. */
	bool insertable;
	/* Its stream, and whether that ends with it. */
	uint32_t stream;
	bool ends;
	/* Its message; slices die with the next look or feed. */
	struct at_message m;
	/* The size of its list of fields, by RFC 9113, 6.5.2. */
	uint64_t list_size;
	/* Offset in data behind the block's last byte: new fields go here. */
	size_t insert_at;
	/* Offset in data of the head of the frame that ends it, and the length it says. */
	size_t frame_at;
	uint32_t frame_len;
	/* Offset in data of the first byte that was not looked at. */
	size_t next_at;
	/* All of it as it stands in data, when it is one frame's; else empty. */
	struct at_str block;
	/* The state there, and how many of the blocks known before went by: the engine's own. */
	struct at_http2 after;
	uint32_t known;
};

/* Looks at the bytes a client is about to write, h being the state before them, and finds the first
 * header block that ends inside data, from offset `from` on: 0, or next_at of the block before,
 * then with the same plan. A block is decompressed once: h remembers that, and at_http2_feed tells
 * of it without m. Bytes that were looked at and not written must come again in the same order;
 * other frames may come between. False when there is no such block. */
bool at_http2_look(struct at_http2 *h, const char *data, size_t n, size_t from,
		   struct at_http2_plan *plan);

/* How many header blocks of requests begin in data, the state before it being h: up to 2. */
unsigned at_http2_count(const struct at_http2 *h, const char *data, size_t n);

/* Writes a field as it changes nobody's table (literal, never indexed, not compressed); its name
 * in lower case. Returns its bytes, 0: more than `room`. */
size_t at_http2_write_field(char *dst, size_t room, struct at_str name, struct at_str value);

/* Where in a block the value of a field, n bytes long, stands as it is, in a literal that no table
 * keeps: its offset; -1: nowhere, or in another way. */
ptrdiff_t at_http2_find_literal(struct at_str block, struct at_str name, size_t n);

#endif
