/*
 * B3 of Zipkin: the single header and the X-B3-… ones. Fed by propagate.c with foreign header
 * values; pure, no allocation.
 *
 *   b3: {trace id, 32 or 16 hex}-{span id, 16 hex}[-{0|1|d}[-{parent, 16 hex}]]
 */
#include "trace/b3.h"

static bool read_ids(struct at_str trace_id, struct at_str span_id, struct at_context *c)
{
	if ((trace_id.n != 32 && trace_id.n != 16) || span_id.n != 16)
		return false;
	size_t n = trace_id.n / 2;
	return at_hex_decode(c->trace_id + 16 - n, trace_id.p, n) &&
	       at_hex_decode(c->span_id, span_id.p, 8) && at_context_valid(c);
}

/* The sampling state: 1, 0, d, true, false; empty defers the decision. */
static bool read_state(struct at_str s, struct at_context *c)
{
	if (s.n == 0)
		c->deferred = true;
	else if (at_str_eq(s, AT_STR("1")) || at_str_eq_nocase(s, AT_STR("true")))
		c->flags = AT_FLAG_SAMPLED;
	else if (at_str_eq(s, AT_STR("d")))
		c->flags = AT_FLAG_SAMPLED | AT_FLAG_DEBUG;
	else
		return at_str_eq(s, AT_STR("0")) || at_str_eq_nocase(s, AT_STR("false"));
	return true;
}

/* Parts between dashes, empty ones too; the count is one too high when there are more than room. */
static unsigned split(struct at_str s, struct at_str *part, unsigned room)
{
	for (unsigned count = 0;; count++) {
		ptrdiff_t dash = at_str_find(s, '-');
		if (count == room)
			return room + 1;
		part[count] = at_str_head(s, dash < 0 ? s.n : (size_t)dash);
		if (dash < 0)
			return count + 1;
		s = at_str_from(s, (size_t)dash + 1);
	}
}

bool at_propagate_parse_b3(struct at_str value, struct at_context *ret)
{
	struct at_str part[4];
	struct at_context c;
	uint8_t parent[8];
	unsigned count = split(at_str_trim(value), part, 4);
	memset(&c, 0, sizeof(c));
	if (count < 2 || count > 4 || !read_ids(part[0], part[1], &c))
		return false;
	if (count > 2 && part[2].n != 1)
		return false;
	if (!read_state(count > 2 ? part[2] : AT_STR_NONE, &c))
		return false;
	if (count > 3 && (part[3].n != 16 || !at_hex_decode(parent, part[3].p, 8)))
		return false;
	*ret = c;
	return true;
}

bool at_b3_parse_multi(const struct at_carrier *in, struct at_context *ret)
{
	struct at_context c;
	memset(&c, 0, sizeof(c));
	if (!read_ids(at_str_trim(in->x_b3_traceid), at_str_trim(in->x_b3_spanid), &c) ||
	    !read_state(at_str_trim(in->x_b3_sampled), &c))
		return false;
	if (at_str_eq(at_str_trim(in->x_b3_flags), AT_STR("1"))) {
		c.flags = AT_FLAG_SAMPLED | AT_FLAG_DEBUG;
		c.deferred = false;
	}
	*ret = c;
	return true;
}

static char *put(char *p, struct at_str s)
{
	memcpy(p, s.p, s.n);
	return p + s.n;
}

static char *put_hex(char *p, const uint8_t *id, size_t n)
{
	at_hex_encode(p, id, n);
	return p + 2 * n;
}

size_t at_b3_write_single(char *dst, const struct at_context *c)
{
	char *p = put(dst, AT_STR("b3: "));
	p = put_hex(p, c->trace_id, 16);
	*p++ = '-';
	p = put_hex(p, c->span_id, 8);
	if (!c->deferred) {
		*p++ = '-';
		*p++ = c->flags & AT_FLAG_DEBUG ? 'd' : c->flags & AT_FLAG_SAMPLED ? '1' : '0';
	}
	p = put(p, AT_STR("\r\n"));
	return (size_t)(p - dst);
}

size_t at_b3_write_multi(char *dst, const struct at_context *c)
{
	char *p = put(dst, AT_STR("X-B3-TraceId: "));
	p = put_hex(p, c->trace_id, 16);
	p = put(p, AT_STR("\r\nX-B3-SpanId: "));
	p = put_hex(p, c->span_id, 8);
	if (c->flags & AT_FLAG_DEBUG) {
		p = put(p, AT_STR("\r\nX-B3-Flags: 1"));
	} else if (!c->deferred) {
		p = put(p, AT_STR("\r\nX-B3-Sampled: "));
		*p++ = c->flags & AT_FLAG_SAMPLED ? '1' : '0';
	}
	p = put(p, AT_STR("\r\n"));
	return (size_t)(p - dst);
}
