/*
 * One direction of an HTTP/1 connection, byte after byte: what flow reads or writes comes in
 * through at_http1_feed, messages go out through the sink. On the thread of the caller, under its
 * lock; owns h->hold. Not its job: which response belongs to which request.
 *
 *   IDLE ──first byte──> HEAD ──head──┬─ no body ───────────────────────────────> end, IDLE
 *     ^                   ^   │       ├─> LENGTH ── left is 0 ──────────────────> end, IDLE
 *     │                   └1xx┘       ├─> CHUNK_SIZE <── CHUNK_END <─ CHUNK_DATA
 *   CR, LF                            │       │  └──── size > 0 ────────^
 *                                     │       └─ size 0 ─> TRAILER ── empty line ─> end, IDLE
 *                                     ├─> UNTIL_CLOSE ── at_http1_eof ──────────> end, IDLE
 *                                     └─ 101, tunnel, asked ─────────────────────> STOPPED
 *   Anything that is no HTTP/1, malformed or over the cap: STOPPED, from any state.
 */
#include "wire/http1_priv.h"

void at_http1_init(struct at_http1 *h, enum at_wire_half half)
{
	*h = (struct at_http1){.half = (uint8_t)half};
}

void at_http1_free(struct at_http1 *h)
{
	at_buf_free(&h->hold);
}

void at_http1_end_observation(struct at_http1 *h, enum at_http1_stop why)
{
	h->state = AT_HTTP1_STOPPED;
	h->stop = (uint8_t)why;
	at_buf_free(&h->hold);
}

void at_http1_tunnel(struct at_http1 *h)
{
	if (h->state != AT_HTTP1_STOPPED)
		at_http1_end_observation(h, AT_HTTP1_STOP_TUNNEL);
}

void at_http1_refuse(struct at_http1 *h, uint8_t row)
{
	bool first = h->messages == 0 && h->wire_bytes == h->hold.n && row == 0;
	at_http1_end_observation(h, first ? AT_HTTP1_STOP_NOT_HTTP : AT_HTTP1_STOP_MALFORMED);
}

size_t at_http1_blank(const char *p, size_t n)
{
	size_t i = 0;
	while (i < n && (p[i] == '\r' || p[i] == '\n'))
		i++;
	return i;
}

static inline __attribute__((always_inline)) size_t idle_step(struct at_http1_run *run,
							      const char *p, size_t n)
{
	struct at_http1 *h = run->h;
	size_t blank = 0;
	if (*p == '\r' || *p == '\n')
		blank = at_http1_blank(p, n);
	if (blank == n)
		return n;
	h->body_bytes = 0;
	h->wire_bytes = 0;
	if (!at_http1_may_begin(h->half, p[blank])) {
		at_http1_end_observation(h, h->messages ? AT_HTTP1_STOP_MALFORMED
							: AT_HTTP1_STOP_NOT_HTTP);
		return n;
	}
	h->state = AT_HTTP1_HEAD;
	h->sub = 0;
	h->line = 0;
	run->sink->begin(run->ctx);
	return blank;
}

void at_http1_deliver(struct at_http1_run *run, const struct at_message *m)
{
	struct at_http1 *h = run->h;
	enum at_http1_then then = run->sink->head(run->ctx, m);
	enum at_http1_state next = at_http1_behind_head(m, then);
	at_http1_enter(h, m, next);
	if (h->hold.p)
		at_buf_free(&h->hold);
	if (then == AT_HTTP1_THEN_STOP) {
		at_http1_end_observation(h, AT_HTTP1_STOP_ASKED);
		return;
	}
	if (next == AT_HTTP1_IDLE || next == AT_HTTP1_STOPPED)
		at_http1_message_done(run);
	if (next == AT_HTTP1_STOPPED)
		at_http1_end_observation(h, AT_HTTP1_STOP_TUNNEL);
}

/* A head's first bytes: with luck it is all there, and parsed where it lies. */
static inline __attribute__((always_inline)) size_t head_step(struct at_http1_run *run,
							      const char *p, size_t n)
{
	struct at_http1 *h = run->h;
	struct at_http1_cursor at;
	struct at_message m;
	if (h->hold.n)
		return at_http1_go_on(run, p, n);
	if (*p == '\r' || *p == '\n')
		return at_http1_blank(p, n);
	struct at_str head = at_str_head(at_str(p, n), AT_HTTP1_HEAD_MAX);
	switch (at_http1_parse(h->half, head, false, &at, &m)) {
	case AT_HTTP1_SCAN_DONE:
		h->wire_bytes += m.head_bytes;
		at_http1_deliver(run, &m);
		return m.head_bytes;
	case AT_HTTP1_SCAN_BAD:
		at_http1_refuse(h, at.row);
		break;
	case AT_HTTP1_SCAN_MORE:
		at_http1_hold(h, head, at);
		break;
	}
	return n;
}

/* n bytes of payload go by: LENGTH, CHUNK_DATA and UNTIL_CLOSE need not see them. Returns how many
 * belong to this state. */
static uint64_t pass_body(struct at_http1_run *run, uint64_t n)
{
	struct at_http1 *h = run->h;
	if (h->state != AT_HTTP1_UNTIL_CLOSE) {
		n = n < h->left ? n : h->left;
		h->left -= n;
	}
	h->body_bytes += n;
	h->wire_bytes += n;
	if (h->state == AT_HTTP1_CHUNK_DATA && h->left == 0)
		h->state = AT_HTTP1_CHUNK_END;
	else if (h->state == AT_HTTP1_LENGTH && h->left == 0)
		at_http1_message_done(run);
	return n;
}

static size_t body_step(struct at_http1_run *run, const char *p, size_t n)
{
	(void)p;
	return (size_t)pass_body(run, n);
}

at_http1_step *at_http1_step_of(enum at_http1_state state)
{
	static at_http1_step *const step[] = {
		[AT_HTTP1_IDLE] = idle_step,
		[AT_HTTP1_HEAD] = head_step,
		[AT_HTTP1_LENGTH] = body_step,
		[AT_HTTP1_CHUNK_SIZE] = at_http1_chunk_size_step,
		[AT_HTTP1_CHUNK_DATA] = body_step,
		[AT_HTTP1_CHUNK_END] = at_http1_chunk_end_step,
		[AT_HTTP1_TRAILER] = at_http1_trailer_step,
		[AT_HTTP1_UNTIL_CLOSE] = body_step,
		[AT_HTTP1_STOPPED] = NULL,
	};
	return step[state];
}

bool at_http1_feed(struct at_http1 *h, const char *data, size_t n, const struct at_http1_sink *sink,
		   void *ctx)
{
	struct at_http1_run run = {h, sink, ctx};
	size_t at = 0;
	while (at < n && h->state != AT_HTTP1_STOPPED) {
		if (h->state > AT_HTTP1_HEAD)
			at += at_http1_step_of(h->state)(&run, data + at, n - at);
		else if (h->state == AT_HTTP1_IDLE)
			at += idle_step(&run, data + at, n - at);
		else
			at += head_step(&run, data + at, n - at);
	}
	if (h->state != AT_HTTP1_STOPPED)
		return true;
	h->left = n - at;
	return false;
}

bool at_http1_skip(struct at_http1 *h, uint64_t n, const struct at_http1_sink *sink, void *ctx)
{
	struct at_http1_run run = {h, sink, ctx};
	while (n && h->state != AT_HTTP1_STOPPED) {
		if (at_http1_step_of(h->state) == body_step)
			n -= pass_body(&run, n);
		else
			at_http1_end_observation(h, AT_HTTP1_STOP_MALFORMED);
	}
	return h->state != AT_HTTP1_STOPPED;
}

bool at_http1_eof(struct at_http1 *h, const struct at_http1_sink *sink, void *ctx)
{
	struct at_http1_run run = {h, sink, ctx};
	if (h->state == AT_HTTP1_UNTIL_CLOSE)
		at_http1_message_done(&run);
	return h->state == AT_HTTP1_IDLE || h->stop == AT_HTTP1_STOP_TUNNEL;
}
