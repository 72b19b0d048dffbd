/*
 * Looking ahead at the bytes a client is about to write: which header blocks end in them, what they
 * say, where fields can be added. Asked by the injection of flow on the writing thread, under the
 * connection's lock. A copy of the stream's state walks ahead; a block changes the decompressor for
 * good, so what was decompressed is remembered (at_http2_ahead) until its bytes are fed. Also here:
 * what a stream's first bytes look like.
 */
#include "base/pool.h"
#include "wire/http2_priv.h"

size_t at_http2_preface(size_t from, const char *data, size_t n)
{
	static const char preface[] = AT_HTTP2_PREFACE;
	size_t i = 0;
	while (i < n && from + i < AT_HTTP2_PREFACE_LEN && data[i] == preface[from + i])
		i++;
	return i;
}

bool at_http2_looks_like_settings(const char *data, size_t n)
{
	static const char head[AT_HTTP2_FRAME_HEAD] = {[3] = AT_HTTP2_TYPE_SETTINGS};
	static const bool fixed[AT_HTTP2_FRAME_HEAD] = {
		[0] = true, [3] = true, [4] = true, [5] = true, [6] = true, [7] = true, [8] = true};
	for (size_t i = 0; i < n && i < AT_HTTP2_FRAME_HEAD; i++)
		if (fixed[i] && data[i] != head[i])
			return false;
	return n < 3 || ((unsigned char)data[1] * 256 + (unsigned char)data[2]) % 6 == 0;
}

/* A place to remember that the block at hand was decompressed, or NULL. */
static struct at_http2_ahead *place_for(struct at_http2 *h)
{
	if (!h->ahead) {
		h->ahead = at_pool_get(sizeof(*h->ahead), NULL);
		if (h->ahead)
			h->ahead->count = h->ahead->first = 0;
	}
	return h->ahead && h->ahead->count < AT_HTTP2_AHEAD_MAX ? h->ahead : NULL;
}

static void remember(struct at_http2_ahead *a, const struct at_http2 *h, uint64_t list)
{
	uint32_t place = (a->first + a->count++) % AT_HTTP2_AHEAD_MAX;
	a->block[place].stream = h->block_stream;
	a->block[place].bytes = h->block_bytes;
	a->block[place].list = list < UINT32_MAX ? (uint32_t)list : UINT32_MAX;
}

void at_http2_look_block(struct at_http2_run *run, struct at_str block)
{
	struct at_http2 *h = run->h;
	struct at_http2_plan *plan = run->plan;
	struct at_http2_ahead *a = run->owner->ahead;
	plan->again = a && a->count > plan->known;
	if (plan->again) {
		plan->list_size = a->block[(a->first + plan->known) % AT_HTTP2_AHEAD_MAX].list;
	} else {
		/* Without a place the block waits for its feed, and all behind it. */
		a = place_for(run->owner);
		if (!a || !at_http2_decode(run, block, &plan->m, &plan->list_size)) {
			h->state = AT_HTTP2_STOPPED;
			return;
		}
		remember(a, h, plan->list_size);
	}
	plan->known++;
	plan->complete = true;
	plan->stream = h->block_stream;
	plan->ends = h->ends;
	plan->m.head_bytes = h->block_wire;
	plan->insertable = run->frame_at != SIZE_MAX && !h->promise;
}

/* Ends a look at a block: where it can be changed. `at` is the offset behind its last byte. */
static void found(struct at_http2_run *run, size_t at)
{
	struct at_http2_plan *plan = run->plan;
	const struct at_http2 *h = run->h;
	uint32_t padding = h->state == AT_HTTP2_SKIP ? h->left : 0;
	plan->next_at = at;
	plan->insert_at = at;
	if (!plan->insertable)
		return;
	plan->frame_at = run->frame_at;
	const uint8_t *head = (const uint8_t *)run->data + run->frame_at;
	plan->frame_len = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
	size_t before = plan->frame_len + AT_HTTP2_FRAME_HEAD - padding;
	size_t from = run->fragment ? (size_t)(run->fragment - run->data) : at;
	plan->insertable = run->frame_at + before == at;
	plan->block = h->type == AT_HTTP2_TYPE_HEADERS ? at_str(run->data + from, at - from)
						       : AT_STR_NONE;
}

bool at_http2_look(struct at_http2 *h, const char *data, size_t n, size_t from,
		   struct at_http2_plan *plan)
{
	struct at_http2 ahead = from ? plan->after : *h;
	size_t at = from;
	if (!from)
		plan->known = 0;
	struct at_http2_run run = {
		.h = &ahead, .owner = h, .plan = plan, .data = data, .frame_at = SIZE_MAX};
	plan->complete = plan->insertable = false;
	plan->block = AT_STR_NONE;
	if (h->half != AT_WIRE_REQUEST || h->state == AT_HTTP2_STOPPED)
		return false;
	ahead.hold = (struct at_buf){0};
	if (!from && !at_buf_add(&ahead.hold, h->hold.p, h->hold.n, AT_HTTP2_BLOCK_MAX))
		return false;
	while (at < n && ahead.state != AT_HTTP2_STOPPED && !plan->complete)
		at += at_http2_step_of(ahead.state)(&run, data + at, n - at);
	at_buf_free(&ahead.hold);
	if (plan->complete)
		found(&run, at);
	plan->after = ahead;
	return plan->complete;
}

unsigned at_http2_count(const struct at_http2 *h, const char *data, size_t n)
{
	const uint8_t *p = (const uint8_t *)data;
	size_t at = h->state == AT_HTTP2_PREFACE_STATE ? AT_HTTP2_PREFACE_LEN - h->have
		    : h->state == AT_HTTP2_FRAME       ? 0
						       : h->left;
	unsigned count = 0;
	if (h->state == AT_HTTP2_FRAME && h->have)
		return 2;
	while (at < n && n - at >= AT_HTTP2_FRAME_HEAD && count < 2) {
		count += p[at + 3] == AT_HTTP2_TYPE_HEADERS;
		at += AT_HTTP2_FRAME_HEAD +
		      ((size_t)p[at] << 16 | (size_t)p[at + 1] << 8 | p[at + 2]);
	}
	return count;
}
