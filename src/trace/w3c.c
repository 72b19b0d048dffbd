/*
 * traceparent and tracestate (W3C Trace Context, level 2). Fed by propagate.c and flow with foreign
 * header values; pure, no allocation.
 */
#include "trace/propagate.h"

#define TRACEPARENT_LEN 55
#define STATE_MEMBERS   32

bool at_propagate_parse_traceparent(struct at_str value, struct at_context *ret)
{
	struct at_str v = at_str_trim(value);
	struct at_context c;
	uint8_t version;
	memset(&c, 0, sizeof(c));
	if (v.n < TRACEPARENT_LEN || v.p[2] != '-' || v.p[35] != '-' || v.p[52] != '-')
		return false;
	if (!at_hex_decode_lower(&version, v.p, 1) || version == 0xff)
		return false;
	if (v.n > TRACEPARENT_LEN && (version == 0 || v.p[TRACEPARENT_LEN] != '-'))
		return false;
	if (!at_hex_decode_lower(c.trace_id, v.p + 3, 16) ||
	    !at_hex_decode_lower(c.span_id, v.p + 36, 8) ||
	    !at_hex_decode_lower(&c.flags, v.p + 53, 1) || !at_context_valid(&c))
		return false;
	c.flags &= AT_FLAG_SAMPLED | AT_FLAG_RANDOM;
	*ret = c;
	return true;
}

void at_propagate_write_traceparent(char dst[55], const struct at_context *c)
{
	uint8_t flags = c->flags & (AT_FLAG_SAMPLED | AT_FLAG_RANDOM);
	memcpy(dst, "00-", 3);
	at_hex_encode(dst + 3, c->trace_id, 16);
	dst[35] = '-';
	at_hex_encode(dst + 36, c->span_id, 8);
	dst[52] = '-';
	at_hex_encode(dst + 53, &flags, 1);
}

static bool key_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
	       c == '*' || c == '/' || c == '@';
}

/* key=value of the level 2 grammar. */
static bool member_ok(struct at_str m)
{
	size_t i = 0, value;
	while (i < m.n && key_char((unsigned char)m.p[i]))
		i++;
	if (i == 0 || i > 256 || i == m.n || m.p[i] != '=')
		return false;
	if (m.p[0] == '_' || m.p[0] == '-' || m.p[0] == '*' || m.p[0] == '/' || m.p[0] == '@')
		return false;
	value = ++i;
	for (; i < m.n; i++) {
		unsigned char c = (unsigned char)m.p[i];
		if (c < 0x20 || c > 0x7e || c == '=')
			return false;
	}
	return m.n > value && m.n - value <= 256;
}

/* Leaves out one member: the last of those over `over` bytes. False when there is none. */
static bool leave_out(struct at_str *member, unsigned *count, size_t *total, size_t over)
{
	for (unsigned i = *count; i-- > 0;) {
		if (member[i].n <= over)
			continue;
		*total -= member[i].n + (*count > 1);
		memmove(member + i, member + i + 1, (*count - i - 1) * sizeof(member[0]));
		--*count;
		return true;
	}
	return false;
}

size_t at_propagate_state(struct at_str tracestate, char *dst, size_t cap)
{
	struct at_str member[STATE_MEMBERS], rest = tracestate;
	unsigned count = 0;
	size_t total = 0, n = 0;
	while (rest.n) {
		struct at_str m = at_str_trim(at_str_cut(&rest, ','));
		if (m.n == 0)
			continue;
		if (count == STATE_MEMBERS || !member_ok(m))
			return 0;
		total += m.n + (count > 0);
		member[count++] = m;
	}
	if (count == 0)
		return 0;
	while (total > cap)
		if (!leave_out(member, &count, &total, 128))
			leave_out(member, &count, &total, 0);
	for (unsigned i = 0; i < count; i++) {
		if (i)
			dst[n++] = ',';
		memcpy(dst + n, member[i].p, member[i].n);
		n += member[i].n;
	}
	return n;
}
