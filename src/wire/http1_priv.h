/*
 * What the files of the HTTP/1 engine tell each other; nobody else includes this.
 *   http1.c        the stream: boundaries, bodies, skip, end
 *   http1_head.c   the grammar of a head: first line, header lines, what they say about the body
 *   http1_hold.c   a head on its way into the stream: in one piece or in many
 *   http1_chunk.c  chunked bodies
 *   http1_look.c   the look ahead for header injection, first-byte recognition
 */
#ifndef AT_WIRE_HTTP1_PRIV_H
#define AT_WIRE_HTTP1_PRIV_H

#include "wire/http1.h"

/* One call of feed, skip or eof on its way through the states. */
struct at_http1_run {
	struct at_http1 *h;               /* the stream, borrowed */
	const struct at_http1_sink *sink; /* whom to tell */
	void *ctx;                        /* with what */
};

/* A state's work on n > 0 bytes at p: returns how many it took. It may take none when it has
 * changed the state. */
typedef size_t at_http1_step(struct at_http1_run *run, const char *p, size_t n);

at_http1_step at_http1_head_step;
at_http1_step at_http1_chunk_size_step, at_http1_chunk_end_step, at_http1_trailer_step;

/* The state's step; STOPPED has none. */
at_http1_step *at_http1_step_of(enum at_http1_state state);

/* Ends observation; hold is given back. */
void at_http1_end_observation(struct at_http1 *h, enum at_http1_stop why);

/* The message is complete: tells the sink, back to IDLE. */
void at_http1_message_done(struct at_http1_run *run);

/* Goes to `next`, the state behind head m (as at_http1_behind_head gives it), with its counters
 * set. */
void at_http1_enter(struct at_http1 *h, const struct at_message *m, enum at_http1_state next);

/* Bytes of CR and LF at the beginning: what may stand between messages. */
size_t at_http1_blank(const char *p, size_t n);

/* ---- the grammar of a head ---- */

/* How a scan of lines ended. */
enum at_http1_scan {
	AT_HTTP1_SCAN_MORE, /* the bytes end before the head does */
	AT_HTTP1_SCAN_DONE, /* the empty line is there */
	AT_HTTP1_SCAN_BAD   /* malformed; in the first line when row is 0 */
};

/* Where a scan stands: always at the beginning of a line. */
struct at_http1_cursor {
	size_t line; /* offset of the line; of the empty line when DONE */
	uint8_t row; /* 0 first line, 1 first header line, 2 any later line */
};

/* Checks lines from the cursor on and moves it to the first line that is not complete. A verdict
 * depends on the bytes up to there only, never on how they were cut: a bad line is BAD when its LF
 * is there (a bad method at once). */
enum at_http1_scan at_http1_check(enum at_wire_half half, struct at_str head,
				  struct at_http1_cursor *at);

/* The same from the first byte, filling m on the way. DONE also when `lf_to_come` and the head ends
 * with the CR of its empty line. What contradicts itself (framing) is BAD with row 2. */
enum at_http1_scan at_http1_parse(enum at_wire_half half, struct at_str head, bool lf_to_come,
				  struct at_http1_cursor *at, struct at_message *m);

/* Bytes of the empty line at the cursor. */
static inline size_t at_http1_empty_line(struct at_str head, const struct at_http1_cursor *at)
{
	return head.p[at->line] == '\r' ? 2 : 1;
}

/* Whether the head lacks nothing but the LF of its empty line. */
static inline bool at_http1_lacks_lf(struct at_str head, const struct at_http1_cursor *at)
{
	return at->row > 0 && head.n - at->line == 1 && head.p[at->line] == '\r';
}

/* Whether a first line can begin like this: looks at a bounded number of bytes. */
bool at_http1_can_begin(enum at_wire_half half, struct at_str first);

/* What comes behind head m: IDLE when the message ends with it, HEAD when another head of the same
 * message follows (1xx), STOPPED when no HTTP follows, else the body's state (RFC 9112, 6.3). */
enum at_http1_state at_http1_behind_head(const struct at_message *m, enum at_http1_then then);

#endif
