/*
 * One direction of an HTTP/2 connection, frame after frame: what flow reads or writes comes in
 * through at_http2_feed, what it means goes out through the sink. On the thread of the caller,
 * under its lock; owns what at_http2_free gives back. Not its job: which streams there are.
 *
 *   PREFACE (client's) ─> FRAME ──head──┬─ PREFIX ─┬─ DATA ────> end of payload ─> FRAME
 *                           ^           │          ├─ FRAGMENT ─┬─ END_HEADERS: block ─> FRAME
 *                           └───────────┴─ SKIP <──┘            └─ CONTINUATION must follow
 *   Anything that is no HTTP/2, malformed or over a cap: STOPPED, from any state.
 *
 * A receiver must be stricter than this; here a mistake matters only when it makes it impossible to
 * go on. Work is linear in the bytes, so floods of small frames need no cap of their own.
 */
#include "base/pool.h"
#include "wire/http2_priv.h"

/* SETTINGS that matter here (RFC 9113, 6.5.2). */
enum { SETTING_MAX_FRAME_SIZE = 5, SETTING_MAX_HEADER_LIST_SIZE = 6, SETTING_BYTES = 6 };

void at_http2_init(struct at_http2 *h, enum at_wire_half half)
{
	*h = (struct at_http2){.half = (uint8_t)half,
			       .state = half == AT_WIRE_REQUEST ? AT_HTTP2_PREFACE_STATE
								: AT_HTTP2_FRAME,
			       .max_frame = 16384,
			       .max_list = UINT32_MAX};
}

void at_http2_free(struct at_http2 *h)
{
	at_buf_free(&h->hold);
	at_buf_free(&h->text);
	at_http2_inflater_free(h);
	at_pool_put(h->ahead);
	h->ahead = NULL;
}

static void end_observation(struct at_http2 *h, enum at_http2_stop why)
{
	h->state = AT_HTTP2_STOPPED;
	h->stop = (uint8_t)why;
}

void at_http2_refuse(struct at_http2_run *run, enum at_http2_stop why)
{
	end_observation(run->h, why);
	if (run->owner != run->h)
		end_observation(run->owner, why);
}

static void malformed(struct at_http2_run *run)
{
	/* What is only about to be written is judged when it was. */
	if (run->plan)
		end_observation(run->h, AT_HTTP2_STOP_MALFORMED);
	else
		at_http2_refuse(run, AT_HTTP2_STOP_MALFORMED);
}

static inline bool has(const struct at_http2 *h, enum at_http2_flag flag)
{
	return h->flags & flag;
}

/* The payload, or what of it anybody wanted, is over: passes over the rest. */
static void frame_done(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	if (h->left) {
		h->state = AT_HTTP2_SKIP;
		return;
	}
	h->state = AT_HTTP2_FRAME;
	if (h->type == AT_HTTP2_TYPE_DATA && has(h, AT_HTTP2_FLAG_END_STREAM) && !run->plan)
		run->sink->end(run->ctx, h->stream);
}

/* ---- header blocks ---- */

/* The oldest block that was looked at before is this one: it is not decompressed again. False: it
 * is not, and nobody can tell what is. */
static bool known_block(struct at_http2 *h)
{
	struct at_http2_ahead *a = h->ahead;
	uint32_t place = a->first;
	a->first = (a->first + 1) % AT_HTTP2_AHEAD_MAX;
	a->count--;
	return a->block[place].stream == h->block_stream && a->block[place].bytes == h->block_bytes;
}

static bool is_known(const struct at_http2_run *run)
{
	const struct at_http2_ahead *a = run->owner->ahead;
	return a && a->count > (run->plan ? run->plan->known : 0);
}

static void block_done(struct at_http2_run *run, struct at_str block)
{
	struct at_http2 *h = run->h;
	struct at_message m;
	uint64_t size;
	struct at_http2_block b = {
		.stream = h->block_stream, .ends = h->ends, .wire = h->block_wire};
	h->in_block = false;
	if (run->plan) {
		at_http2_look_block(run, block);
		return;
	}
	if (is_known(run)) {
		at_buf_free(&h->hold);
		if (known_block(h))
			run->sink->block(run->ctx, &b);
		else
			at_http2_refuse(run, AT_HTTP2_STOP_MALFORMED);
		return;
	}
	if (!at_http2_decode(run, block, &m, &size))
		return;
	at_buf_free(&h->hold);
	m.head_bytes = h->block_wire;
	b.m = &m;
	if (!h->promise)
		run->sink->block(run->ctx, &b);
}

/* The frame's fragment is complete; n bytes of it lie at p. */
static void fragment_done(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	bool ends = has(h, AT_HTTP2_FLAG_END_HEADERS);
	if (ends && h->hold.n == 0)
		block_done(run, at_str(p, n));
	else if (ends)
		block_done(run, at_buf_str(&h->hold));
	if (h->state != AT_HTTP2_STOPPED)
		frame_done(run);
}

static size_t fragment_step(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	uint32_t rest = h->left - h->pad;
	uint32_t k = n < rest ? (uint32_t)n : rest;
	bool in_one = h->block_bytes == 0 && k == rest && has(h, AT_HTTP2_FLAG_END_HEADERS);
	run->fragment = k == rest ? p : NULL;
	if (h->block_bytes > AT_HTTP2_BLOCK_MAX - k && !is_known(run)) {
		at_http2_refuse(run, AT_HTTP2_STOP_OVER_CAP);
		return n;
	}
	if (!in_one && !is_known(run) && !at_buf_add(&h->hold, p, k, AT_HTTP2_BLOCK_MAX)) {
		at_http2_refuse(run, AT_HTTP2_STOP_OVER_CAP);
		return n;
	}
	h->block_bytes += k;
	h->left -= k;
	if (k == rest)
		fragment_done(run, p, k);
	return k;
}

/* ---- what a frame is ---- */

static void enter_fragment(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	h->state = AT_HTTP2_FRAGMENT;
	if (h->left == h->pad)
		fragment_done(run, NULL, 0);
}

static void begin_block(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	h->in_block = true;
	h->promise = h->type == AT_HTTP2_TYPE_PUSH_PROMISE;
	h->ends = !h->promise && has(h, AT_HTTP2_FLAG_END_STREAM);
	h->block_stream = h->stream;
	h->block_bytes = 0;
	h->block_wire = AT_HTTP2_FRAME_HEAD + h->want + h->left;
	enter_fragment(run);
}

static void data_head(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	h->framing = AT_HTTP2_FRAME_HEAD + h->want + h->pad;
	h->state = AT_HTTP2_DATA;
	if (h->left > h->pad)
		return;
	if (!run->plan)
		run->sink->data(run->ctx, h->stream, NULL, 0, h->framing);
	frame_done(run);
}

static void setting(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	unsigned id = (unsigned)h->part[0] << 8 | h->part[1];
	uint32_t value = at_http2_u32(h->part + 2);
	if (id == SETTING_MAX_FRAME_SIZE && value >= 16384 && value < 1 << 24)
		h->max_frame = value;
	else if (id == SETTING_MAX_HEADER_LIST_SIZE)
		h->max_list = value;
	if (h->left == 0) {
		frame_done(run);
		return;
	}
	h->state = AT_HTTP2_PREFIX;
}

/* The prefix of the payload is in h->part. */
static void prefix_done(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	bool padded = h->type <= AT_HTTP2_TYPE_PUSH_PROMISE && has(h, AT_HTTP2_FLAG_PADDED) &&
		      h->want && h->type != AT_HTTP2_TYPE_SETTINGS &&
		      h->type != AT_HTTP2_TYPE_RST_STREAM;
	h->have = 0;
	h->pad = padded ? h->part[0] : 0;
	if (h->pad > h->left) {
		malformed(run);
		return;
	}
	switch (h->type) {
	case AT_HTTP2_TYPE_DATA:
		data_head(run);
		return;
	case AT_HTTP2_TYPE_HEADERS:
	case AT_HTTP2_TYPE_PUSH_PROMISE:
		begin_block(run);
		return;
	case AT_HTTP2_TYPE_CONTINUATION:
		h->block_wire += AT_HTTP2_FRAME_HEAD + h->left;
		enter_fragment(run);
		return;
	case AT_HTTP2_TYPE_SETTINGS:
		if (h->want)
			setting(run);
		else
			frame_done(run);
		return;
	case AT_HTTP2_TYPE_RST_STREAM:
		if (!run->plan)
			run->sink->reset(run->ctx, h->stream, at_http2_u32(h->part));
		break;
	case AT_HTTP2_TYPE_GOAWAY:
		if (!run->plan)
			run->sink->goaway(run->ctx, at_http2_u32(h->part) & 0x7fffffff,
					  at_http2_u32(h->part + 4));
		break;
	default:
		break;
	}
	if (h->state != AT_HTTP2_STOPPED)
		frame_done(run);
}

/* Bytes at the beginning of the frame's payload that are wanted whole; -1: it cannot be. */
static int prefix_of(const struct at_http2 *h)
{
	bool padded = has(h, AT_HTTP2_FLAG_PADDED);
	switch (h->type) {
	case AT_HTTP2_TYPE_DATA:
		return h->stream ? padded : -1;
	case AT_HTTP2_TYPE_HEADERS:
		return h->stream ? padded + (has(h, AT_HTTP2_FLAG_PRIORITY) ? 5 : 0) : -1;
	case AT_HTTP2_TYPE_PUSH_PROMISE:
		return h->stream && h->half == AT_WIRE_RESPONSE ? padded + 4 : -1;
	case AT_HTTP2_TYPE_CONTINUATION:
		return h->in_block ? 0 : -1;
	case AT_HTTP2_TYPE_RST_STREAM:
		return h->stream && h->left == 4 ? 4 : -1;
	case AT_HTTP2_TYPE_SETTINGS:
		if (h->stream || h->left % SETTING_BYTES || (has(h, AT_HTTP2_FLAG_ACK) && h->left))
			return -1;
		return h->left ? SETTING_BYTES : 0;
	case AT_HTTP2_TYPE_GOAWAY:
		return h->stream == 0 && h->left >= 8 ? 8 : -1;
	default:
		return 0;
	}
}

/* The frame's head is read. */
static void begin_frame(struct at_http2_run *run)
{
	struct at_http2 *h = run->h;
	bool settings = h->type == AT_HTTP2_TYPE_SETTINGS && !has(h, AT_HTTP2_FLAG_ACK);
	int want = prefix_of(h);
	bool follows = h->type == AT_HTTP2_TYPE_CONTINUATION && h->stream == h->block_stream;
	if (!h->begun && (!settings || want < 0)) {
		at_http2_refuse(run, AT_HTTP2_STOP_NOT_HTTP2);
		return;
	}
	h->begun = true;
	if (want < 0 || (uint32_t)want > h->left || (h->in_block && !follows)) {
		malformed(run);
		return;
	}
	h->want = (uint8_t)want;
	h->have = 0;
	if (want)
		h->state = AT_HTTP2_PREFIX;
	else
		prefix_done(run);
}

/* ---- the states ---- */

/* Collects bytes in h->part; true when `want` are there. */
static bool collect(struct at_http2 *h, uint8_t want, const char *p, size_t n, size_t *ret_taken)
{
	size_t k = want - h->have;
	if (k > n)
		k = n;
	memcpy(h->part + h->have, p, k);
	h->have = (uint8_t)(h->have + k);
	*ret_taken = k;
	return h->have == want;
}

static size_t preface_step(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	size_t k = AT_HTTP2_PREFACE_LEN - h->have;
	if (k > n)
		k = n;
	if (at_http2_preface(h->have, p, k) < k) {
		at_http2_refuse(run, AT_HTTP2_STOP_NOT_HTTP2);
		return n;
	}
	h->have = (uint8_t)(h->have + k);
	if (h->have == AT_HTTP2_PREFACE_LEN) {
		h->state = AT_HTTP2_FRAME;
		h->have = 0;
	}
	return k;
}

static size_t frame_step(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	size_t taken;
	if (h->have == 0)
		run->frame_at = (size_t)(p - run->data);
	if (!collect(h, AT_HTTP2_FRAME_HEAD, p, n, &taken))
		return taken;
	h->left = (uint32_t)h->part[0] << 16 | (uint32_t)h->part[1] << 8 | h->part[2];
	h->type = h->part[3];
	h->flags = h->part[4];
	h->stream = at_http2_u32(h->part + 5) & 0x7fffffff;
	h->pad = 0;
	begin_frame(run);
	return taken;
}

static size_t prefix_step(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	size_t taken;
	bool there = collect(h, h->want, p, n, &taken);
	h->left -= (uint32_t)taken;
	if (there)
		prefix_done(run);
	return taken;
}

static size_t data_step(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	uint32_t rest = h->left - h->pad;
	uint32_t k = n < rest ? (uint32_t)n : rest;
	h->left -= k;
	if (!run->plan)
		run->sink->data(run->ctx, h->stream, p, k, (uint64_t)k + h->framing);
	h->framing = 0;
	if (k == rest)
		frame_done(run);
	return k;
}

static size_t skip_step(struct at_http2_run *run, const char *p, size_t n)
{
	struct at_http2 *h = run->h;
	uint32_t k = n < h->left ? (uint32_t)n : h->left;
	(void)p;
	h->left -= k;
	if (h->left == 0)
		frame_done(run);
	return k;
}

at_http2_step *at_http2_step_of(enum at_http2_state state)
{
	static at_http2_step *const step[] = {
		[AT_HTTP2_PREFACE_STATE] = preface_step,
		[AT_HTTP2_FRAME] = frame_step,
		[AT_HTTP2_PREFIX] = prefix_step,
		[AT_HTTP2_FRAGMENT] = fragment_step,
		[AT_HTTP2_DATA] = data_step,
		[AT_HTTP2_SKIP] = skip_step,
		[AT_HTTP2_STOPPED] = NULL,
	};
	return step[state];
}

bool at_http2_feed(struct at_http2 *h, const char *data, size_t n, const struct at_http2_sink *sink,
		   void *ctx)
{
	struct at_http2_run run = {.h = h, .owner = h, .sink = sink, .ctx = ctx, .data = data};
	size_t at = 0;
	while (at < n && h->state != AT_HTTP2_STOPPED)
		at += at_http2_step_of(h->state)(&run, data + at, n - at);
	return h->state != AT_HTTP2_STOPPED;
}

bool at_http2_skip(struct at_http2 *h, uint64_t n, const struct at_http2_sink *sink, void *ctx)
{
	struct at_http2_run run = {.h = h, .owner = h, .sink = sink, .ctx = ctx};
	while (n && h->state != AT_HTTP2_STOPPED) {
		if (h->state == AT_HTTP2_DATA || h->state == AT_HTTP2_SKIP)
			n -= at_http2_step_of(h->state)(&run, NULL, n);
		else
			end_observation(h, AT_HTTP2_STOP_MALFORMED);
	}
	return h->state != AT_HTTP2_STOPPED;
}

uint64_t at_http2_unread(const struct at_http2 *h)
{
	if (h->state == AT_HTTP2_STOPPED)
		return UINT64_MAX;
	return h->state == AT_HTTP2_DATA || h->state == AT_HTTP2_SKIP ? h->left : 0;
}

const char *at_http2_error_name(uint32_t code)
{
	static const char *const names[] = {
		"NO_ERROR",
		"PROTOCOL_ERROR",
		"INTERNAL_ERROR",
		"FLOW_CONTROL_ERROR",
		"SETTINGS_TIMEOUT",
		"STREAM_CLOSED",
		"FRAME_SIZE_ERROR",
		"REFUSED_STREAM",
		"CANCEL",
		"COMPRESSION_ERROR",
		"CONNECT_ERROR",
		"ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED",
	};
	return code < sizeof(names) / sizeof(names[0]) ? names[code] : "_OTHER";
}
