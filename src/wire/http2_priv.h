/*
 * What the files of the HTTP/2 engine tell each other; nobody else includes this.
 *   http2.c        frames: heads, payloads, what they mean for the connection
 *   http2_block.c  header blocks: decompression, the message
 *   http2_look.c   the look ahead for header injection, first-byte recognition
 *   http2_field.c  single fields in their compressed form
 */
#ifndef AT_WIRE_HTTP2_PRIV_H
#define AT_WIRE_HTTP2_PRIV_H

#include "wire/http2.h"

enum at_http2_type {
	AT_HTTP2_TYPE_DATA,
	AT_HTTP2_TYPE_HEADERS,
	AT_HTTP2_TYPE_PRIORITY,
	AT_HTTP2_TYPE_RST_STREAM,
	AT_HTTP2_TYPE_SETTINGS,
	AT_HTTP2_TYPE_PUSH_PROMISE,
	AT_HTTP2_TYPE_PING,
	AT_HTTP2_TYPE_GOAWAY,
	AT_HTTP2_TYPE_WINDOW_UPDATE,
	AT_HTTP2_TYPE_CONTINUATION,
	AT_HTTP2_TYPES
};

enum at_http2_flag {
	AT_HTTP2_FLAG_END_STREAM = 0x1, /* DATA, HEADERS */
	AT_HTTP2_FLAG_ACK = 0x1,        /* SETTINGS */
	AT_HTTP2_FLAG_END_HEADERS = 0x4,
	AT_HTTP2_FLAG_PADDED = 0x8,
	AT_HTTP2_FLAG_PRIORITY = 0x20
};

/* Blocks that can be known before they are fed. */
#define AT_HTTP2_AHEAD_MAX 256u

/* The blocks that at_http2_look has decompressed and at_http2_feed has not met yet, oldest first.
 * In pool memory. */
struct at_http2_ahead {
	uint32_t count; /* how many */
	uint32_t first; /* the oldest one's place */
	struct {
		uint32_t stream; /* whose it is */
		uint32_t bytes;  /* its length, compressed */
		uint32_t list;   /* the size of its list of fields */
	} block[AT_HTTP2_AHEAD_MAX];
};

/* One call of feed, skip or look on its way through the frames. */
struct at_http2_run {
	struct at_http2 *h;               /* the state, borrowed; of a look: a copy */
	struct at_http2 *owner;           /* whose inflater, text and ahead they are */
	const struct at_http2_sink *sink; /* whom to tell */
	void *ctx;                        /* with what */
	struct at_http2_plan *plan;       /* of a look, else NULL */
	const char *data;                 /* of a look: its first byte */
	size_t frame_at; /* of a look: offset of the frame's head, SIZE_MAX: before data */
	const char
		*fragment; /* the first byte of the frame's fragment, when it lies in one piece */
};

/* A state's work on n > 0 bytes at p: returns how many it took. It may take none when it has
 * changed the state. p NULL: nobody has seen them (DATA and SKIP only). */
typedef size_t at_http2_step(struct at_http2_run *run, const char *p, size_t n);

/* The state's step; STOPPED has none. */
at_http2_step *at_http2_step_of(enum at_http2_state state);

/* Ends the observation of both, the copy and its owner. */
void at_http2_refuse(struct at_http2_run *run, enum at_http2_stop why);

/* Decompresses a block into owner->text and m. False: the observation is over. *ret_size: the size
 * of the list of fields. */
bool at_http2_decode(struct at_http2_run *run, struct at_str block, struct at_message *m,
		     uint64_t *ret_size);

/* Gives the inflater back. */
void at_http2_inflater_free(struct at_http2 *h);

/* A header block is complete in a look: fills the plan. `block` is all of it, unless it was known
 * before. */
void at_http2_look_block(struct at_http2_run *run, struct at_str block);

static inline uint32_t at_http2_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
