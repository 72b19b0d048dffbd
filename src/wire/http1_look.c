/*
 * Looking ahead at the bytes a client is about to write: where does the next request head end, what
 * does it say, where can lines be added. Asked by the injection of flow on the writing thread,
 * under the connection's lock; the stream it looks from stays as it is (a copy walks ahead with a
 * sink that hears nothing). Owns plan->joined until at_http1_plan_free. Also here: what a stream's
 * first bytes look like.
 */
#include "wire/http1_priv.h"

static void nothing(void *ctx)
{
	(void)ctx;
}

static enum at_http1_then go_on(void *ctx, const struct at_message *m)
{
	(void)ctx;
	(void)m;
	return AT_HTTP1_THEN_BODY;
}

static void nothing_either(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	(void)ctx;
	(void)body_bytes;
	(void)wire_bytes;
}

static const struct at_http1_sink deaf = {nothing, go_on, nothing_either};

/* The plan's head is parsed: it ended at `next` of n bytes. */
static bool fill(struct at_http1_plan *plan, struct at_http1 *ahead, size_t next, size_t n)
{
	struct at_http1_run run = {ahead, &deaf, NULL};
	plan->complete = true;
	plan->ends_at_cr = next > n;
	plan->next_at = next > n ? n : next;
	at_http1_enter(ahead, &plan->m, at_http1_behind_head(&plan->m, AT_HTTP1_THEN_BODY));
	if (ahead->state == AT_HTTP1_IDLE)
		at_http1_message_done(&run);
	plan->after = *ahead;
	return true;
}

/* A head whose first byte lies at `from`. */
static bool look_whole(struct at_http1_plan *plan, struct at_http1 *ahead, struct at_str data,
		       size_t from)
{
	struct at_str head = at_str_head(at_str_from(data, from), AT_HTTP1_HEAD_MAX);
	struct at_http1_cursor at;
	if (at_http1_parse(AT_WIRE_REQUEST, head, head.n < AT_HTTP1_HEAD_MAX, &at, &plan->m) !=
	    AT_HTTP1_SCAN_DONE)
		return false;
	plan->starts_here = true;
	plan->begin_at = from;
	plan->insertable = true;
	plan->insert_at = from + at.line;
	return fill(plan, ahead, from + plan->m.head_bytes, data.n);
}

/* How many bytes of data belong to the head whose beginning h holds: 0 when it does not end here,
 * nor at the CR of its empty line. Looks at data only. */
static size_t rest_of_head(const struct at_http1 *h, struct at_str data)
{
	size_t i = 0, part = h->hold.n - h->line;
	if (part == 1 && h->hold.p[h->line] == '\r')
		return data.n && data.p[0] == '\n' ? 1 : 0;
	bool at_line = part == 0;
	while (i < data.n) {
		if (at_line && data.p[i] == '\n')
			return i + 1;
		if (at_line && data.p[i] == '\r' && (i + 1 == data.n || data.p[i + 1] == '\n'))
			return i + 1 == data.n ? data.n : i + 2;
		const char *lf = memchr(data.p + i, '\n', data.n - i);
		if (!lf)
			return 0;
		i = (size_t)(lf - data.p) + 1;
		at_line = true;
	}
	return 0;
}

/* A head whose beginning lies in hold: joined only when it ends here. */
static bool look_joined(struct at_http1_plan *plan, const struct at_http1 *h,
			struct at_http1 *ahead, struct at_str data)
{
	struct at_str held = at_buf_str(&h->hold),
		      part = at_str_head(data, AT_HTTP1_HEAD_MAX - held.n);
	struct at_http1_cursor at;
	part = at_str_head(part, rest_of_head(h, part));
	if (!part.n || !at_buf_add(&plan->joined, held.p, held.n, AT_HTTP1_HEAD_MAX) ||
	    !at_buf_add(&plan->joined, part.p, part.n, AT_HTTP1_HEAD_MAX))
		return false;
	struct at_str head = at_buf_str(&plan->joined);
	if (at_http1_parse(AT_WIRE_REQUEST, head, head.n < AT_HTTP1_HEAD_MAX, &at, &plan->m) !=
	    AT_HTTP1_SCAN_DONE)
		return false;
	plan->joined_from = held.n;
	plan->insertable = at.line >= held.n;
	plan->insert_at = plan->insertable ? at.line - held.n : 0;
	return fill(plan, ahead, plan->m.head_bytes - held.n, data.n);
}

/* An empty plan, and in *ret_ahead the state at offset from. */
static void begin_plan(struct at_http1_plan *plan, const struct at_http1 *h, size_t from,
		       struct at_http1 *ret_ahead)
{
	*ret_ahead = from ? plan->after : *h;
	ret_ahead->hold = (struct at_buf){0};
	if (from)
		at_buf_free(&plan->joined);
	plan->complete = plan->insertable = plan->starts_here = plan->ends_at_cr = false;
	plan->insert_at = plan->begin_at = plan->next_at = plan->joined_from = 0;
	plan->joined = (struct at_buf){0};
}

bool at_http1_look(const struct at_http1 *h, const char *data, size_t n, size_t from,
		   struct at_http1_plan *plan)
{
	struct at_http1 ahead;
	struct at_http1_run run = {&ahead, &deaf, NULL};
	size_t at = from;
	begin_plan(plan, h, from, &ahead);
	if (h->half != AT_WIRE_REQUEST || n == 0)
		return false;
	if (from == 0 && h->state == AT_HTTP1_HEAD && h->hold.n)
		return look_joined(plan, h, &ahead, at_str(data, n));
	while (at < n && ahead.state != AT_HTTP1_HEAD && ahead.state != AT_HTTP1_STOPPED)
		at += at_http1_step_of(ahead.state)(&run, data + at, n - at);
	if (at >= n || ahead.state != AT_HTTP1_HEAD)
		return false;
	return look_whole(plan, &ahead, at_str(data, n), at);
}

void at_http1_plan_free(struct at_http1_plan *plan)
{
	at_buf_free(&plan->joined);
}

int at_http1_looks_like_request(struct at_str first)
{
	struct at_str line = at_str_from(first, at_http1_blank(first.p, first.n));
	struct at_http1_cursor at = {0};
	if (!line.n)
		return 0;
	enum at_http1_scan got = at_http1_check(AT_WIRE_REQUEST, line, &at);
	if (at.row)
		return 1;
	return got == AT_HTTP1_SCAN_BAD ? -1 : 0;
}

int at_http1_looks_like_response(struct at_str first)
{
	struct at_str line = at_str_from(first, at_http1_blank(first.p, first.n));
	if (line.n && !at_http1_can_begin(AT_WIRE_RESPONSE, line))
		return -1;
	return line.n >= 7;
}
