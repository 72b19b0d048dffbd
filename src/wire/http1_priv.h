/*
 * What the files of the HTTP/1 engine tell each other; nobody else includes this.
 *   http1.c        the stream: boundaries, heads in one piece, bodies, skip, end
 *   http1_hold.c   a head that comes in pieces
 *   http1_first.c  the first line of a head
 *   http1_line.h   the usual header line, found in one go
 *   http1_head.c   the grammar of a head: any header line, what they say about the body
 *   http1_chunk.c  chunked bodies
 *   http1_look.c   the look ahead for header injection, first-byte recognition
 */
#ifndef AT_WIRE_HTTP1_PRIV_H
#define AT_WIRE_HTTP1_PRIV_H

#include "wire/http1.h"
#include "wire/scan.h"

/* One call of feed, skip or eof on its way through the states. */
struct at_http1_run {
	struct at_http1 *h;               /* the stream, borrowed */
	const struct at_http1_sink *sink; /* whom to tell */
	void *ctx;                        /* with what */
};

/* Where a scan stands: always at the beginning of a line. */
struct at_http1_cursor {
	size_t line; /* offset of the line; of the empty line when DONE */
	uint8_t row; /* 0 first line, 1 first header line, 2 any later line */
};

/* A state's work on n > 0 bytes at p: returns how many it took. It may take none when it has
 * changed the state. */
typedef size_t at_http1_step(struct at_http1_run *run, const char *p, size_t n);

at_http1_step at_http1_go_on; /* HEAD with bytes in hold */
at_http1_step at_http1_chunk_size_step, at_http1_chunk_end_step, at_http1_trailer_step;

/* The state's step; STOPPED has none. */
at_http1_step *at_http1_step_of(enum at_http1_state state);

/* Ends observation; hold is given back. */
void at_http1_end_observation(struct at_http1 *h, enum at_http1_stop why);

/* Ends it for a head that is malformed in line `row` (struct at_http1_cursor). */
void at_http1_refuse(struct at_http1 *h, uint8_t row);

/* The head is parsed: asks the sink what follows and goes there. */
void at_http1_deliver(struct at_http1_run *run, const struct at_message *m);

/* Keeps the first bytes of a head that does not end in them; `at` is where the scan stopped. */
void at_http1_hold(struct at_http1 *h, struct at_str head, struct at_http1_cursor at);

/* The message is complete: tells the sink, back to IDLE. */
static inline void at_http1_message_done(struct at_http1_run *run)
{
	struct at_http1 *h = run->h;
	if (h->messages < UINT32_MAX)
		h->messages++;
	h->state = AT_HTTP1_IDLE;
	run->sink->end(run->ctx, h->body_bytes, h->wire_bytes);
}

/* Goes to `next`, the state behind head m (as at_http1_behind_head gives it), with its counters
 * set. */
static inline void at_http1_enter(struct at_http1 *h, const struct at_message *m,
				  enum at_http1_state next)
{
	h->state = (uint8_t)next;
	h->sub = 0;
	h->line = 0;
	h->left = next == AT_HTTP1_LENGTH ? m->declared_body : 0;
}

/* Bytes of CR and LF at the beginning: what may stand between messages. */
size_t at_http1_blank(const char *p, size_t n);

/* ---- the grammar of a head ---- */

/* How a scan of lines ended. */
enum at_http1_scan {
	AT_HTTP1_SCAN_MORE, /* the bytes end before the head does */
	AT_HTTP1_SCAN_DONE, /* the empty line is there */
	AT_HTTP1_SCAN_BAD   /* malformed; in the first line when row is 0 */
};

/* Checks lines from the cursor on and moves it to the first line that is not complete. A verdict
 * depends on the bytes up to there only, never on how they were cut: a bad line is BAD when its LF
 * is there (a bad method at once). */
enum at_http1_scan at_http1_check(enum at_wire_half half, struct at_str head,
				  struct at_http1_cursor *at);

/* The same from the first byte, filling m on the way. DONE also when `lf_to_come` and the head ends
 * with the CR of its empty line. What contradicts itself (framing) is BAD with row 2. */
enum at_http1_scan at_http1_parse(enum at_wire_half half, struct at_str head, bool lf_to_come,
				  struct at_http1_cursor *ret_at, struct at_message *m);

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

static inline bool at_http1_is_letter(char c)
{
	return (unsigned char)((c | 0x20) - 'a') < 26;
}

/* Whether a message can begin with this byte. */
static inline bool at_http1_may_begin(enum at_wire_half half, char c)
{
	return half == AT_WIRE_REQUEST ? at_http1_is_letter(c) : c == 'H';
}

/* Whether a first line can begin like this: looks at a bounded number of bytes. */
bool at_http1_can_begin(enum at_wire_half half, struct at_str first);

/* The first line at `at`: DONE with the line behind it in *ret_next, and in m unless that is NULL;
 * BAD and MORE as at_http1_check. */
enum at_http1_scan at_http1_request_line(const char *at, const char *end, struct at_message *m,
					 const char **ret_next);
enum at_http1_scan at_http1_status_line(const char *at, const char *end, struct at_message *m,
					const char **ret_next);

/* Of bytes that cannot be: bad once their line is complete. */
static inline enum at_http1_scan at_http1_verdict(const char *at, const char *end)
{
	return memchr(at, '\n', (size_t)(end - at)) ? AT_HTTP1_SCAN_BAD : AT_HTTP1_SCAN_MORE;
}

/* Behind the line end at p; NULL when there is none (or not all of it). */
static inline const char *at_http1_behind_eol(const char *p, const char *end)
{
	if (p < end && *p == '\n')
		return p + 1;
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

/* The end of the text that begins at p: its CR or LF. NULL when it does not end here or holds NUL
 * or a CR without LF. */
static inline const char *at_http1_text_end(const char *p, const char *end, const char **ret_next)
{
	for (;; p++) {
		p = at_scan(p, end, '\r', '\r');
		if (p == end || *p == '\0')
			return NULL;
		if (*p != '\n' && *p != '\r')
			continue;
		*ret_next = at_http1_behind_eol(p, end);
		return *ret_next ? p : NULL;
	}
}

/* What comes behind head m: IDLE when the message ends with it, HEAD when another head of the same
 * message follows (1xx), STOPPED when no HTTP follows, else the body's state (RFC 9112, 6.3). */
static inline enum at_http1_state at_http1_behind_head(const struct at_message *m,
						       enum at_http1_then then)
{
	bool response = m->half == AT_WIRE_RESPONSE;
	if (then == AT_HTTP1_THEN_STOP || then == AT_HTTP1_THEN_TUNNEL || m->status == 101)
		return AT_HTTP1_STOPPED;
	if (response && m->status < 200)
		return AT_HTTP1_HEAD;
	if (then == AT_HTTP1_THEN_NO_BODY || m->status == 204 || m->status == 304)
		return AT_HTTP1_IDLE;
	if (m->chunked)
		return AT_HTTP1_CHUNK_SIZE;
	if (m->declared_body != UINT64_MAX)
		return m->declared_body ? AT_HTTP1_LENGTH : AT_HTTP1_IDLE;
	return response ? AT_HTTP1_UNTIL_CLOSE : AT_HTTP1_IDLE;
}

#endif
