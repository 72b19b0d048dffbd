/*
 * A head that comes in pieces. Its bytes are collected in h->hold, each line checked once when its
 * LF arrives (so that a head fed byte by byte costs no more than its length), and the whole is
 * parsed when the empty line is there. Fed by http1.c on the caller's thread.
 */
#include "wire/http1_priv.h"

/* The scan position is kept in h between calls. */
static struct at_http1_cursor cursor_of(const struct at_http1 *h)
{
	return (struct at_http1_cursor){h->line, h->sub};
}

static void keep_cursor(struct at_http1 *h, struct at_http1_cursor at)
{
	h->line = (uint32_t)at.line;
	h->sub = at.row;
}

void at_http1_hold(struct at_http1 *h, struct at_str head, struct at_http1_cursor at)
{
	keep_cursor(h, at);
	if (head.n == AT_HTTP1_HEAD_MAX || !at_buf_add(&h->hold, head.p, head.n, AT_HTTP1_HEAD_MAX))
		at_http1_end_observation(h, AT_HTTP1_STOP_OVER_CAP);
	else
		h->wire_bytes += head.n;
}

/* The line that is incomplete in hold, if data completes it; returns the bytes taken. */
static size_t complete_line(struct at_http1 *h, struct at_str data, enum at_http1_scan *ret_scan)
{
	struct at_http1_cursor at = cursor_of(h);
	ptrdiff_t lf = at_str_find(data, '\n');
	size_t n = lf < 0 ? data.n : (size_t)lf + 1;
	*ret_scan = AT_HTTP1_SCAN_MORE;
	if (!at_buf_add(&h->hold, data.p, n, AT_HTTP1_HEAD_MAX)) {
		at_http1_end_observation(h, AT_HTTP1_STOP_OVER_CAP);
		return n;
	}
	h->wire_bytes += n;
	if (lf >= 0)
		*ret_scan = at_http1_check(h->half, at_buf_str(&h->hold), &at);
	else if (at.row == 0 && !at_http1_can_begin(h->half, at_buf_str(&h->hold)))
		*ret_scan = AT_HTTP1_SCAN_BAD;
	keep_cursor(h, at);
	return n;
}

/* More of a head that began in an earlier call; returns the bytes taken. */
static size_t collect(struct at_http1 *h, struct at_str data, enum at_http1_scan *ret_scan)
{
	size_t n = complete_line(h, data, ret_scan);
	if (*ret_scan != AT_HTTP1_SCAN_MORE || n >= data.n || h->state == AT_HTTP1_STOPPED)
		return n;
	struct at_http1_cursor at = {0, h->sub};
	struct at_str rest = at_str_from(data, n);
	*ret_scan = at_http1_check(h->half, rest, &at);
	h->line = (uint32_t)(h->hold.n + at.line);
	h->sub = at.row;
	if (*ret_scan == AT_HTTP1_SCAN_DONE)
		rest = at_str_head(rest, at.line + at_http1_empty_line(rest, &at));
	if (!at_buf_add(&h->hold, rest.p, rest.n, AT_HTTP1_HEAD_MAX))
		at_http1_end_observation(h, AT_HTTP1_STOP_OVER_CAP);
	h->wire_bytes += rest.n;
	return n + rest.n;
}

size_t at_http1_go_on(struct at_http1_run *run, const char *p, size_t n)
{
	struct at_http1 *h = run->h;
	struct at_str data = at_str_head(at_str(p, n), AT_HTTP1_HEAD_MAX - h->hold.n);
	struct at_http1_cursor at;
	struct at_message m;
	enum at_http1_scan scan;
	size_t taken = collect(h, data, &scan);
	if (h->state == AT_HTTP1_STOPPED)
		return n;
	if (scan == AT_HTTP1_SCAN_DONE)
		scan = at_http1_parse(h->half, at_buf_str(&h->hold), false, &at, &m);
	else
		at = cursor_of(h);
	if (scan == AT_HTTP1_SCAN_DONE)
		at_http1_deliver(run, &m);
	else if (scan == AT_HTTP1_SCAN_BAD)
		at_http1_refuse(h, at.row);
	else if (h->hold.n == AT_HTTP1_HEAD_MAX)
		at_http1_end_observation(h, AT_HTTP1_STOP_OVER_CAP);
	return taken;
}
