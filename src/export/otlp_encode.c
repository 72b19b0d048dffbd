/*
 * Fed by the exporters that speak OTLP protobuf, span by span; writes into their batches. Owns the
 * table of keys, ready to copy with tag and length, and the sets of attributes met before. It knows
 * every length before it writes. proto/ has the messages and their numbers.
 */
#include "export/otlp_encode.h"

#include "export/pb.h"

#define FLAG_REMOTE_KNOWN 0x100u
#define FLAG_REMOTE       0x200u
#define W3C_FLAGS         0x03u

/* KeyValue.key of each name of the conventions: tag, length, name. */
static struct key_bytes {
	uint8_t n;
	char p[63];
} keys[AT_KEYS];

void at_otlp_encode_open(void)
{
	for (unsigned i = 0; i < AT_KEYS; i++) {
		struct at_str name = at_key_name((enum at_key)i);
		char *p = at_pb_varint(at_pb_tag(keys[i].p, AT_PB_LEN(1)), name.n);
		keys[i].n = (uint8_t)(at_pb_raw(p, name.p, name.n) - keys[i].p);
	}
}

/* ---- attributes ---- */

/* KeyValue's tag and length, its key, and the tag and length of its AnyValue of `value` bytes. */
static char *put_key(char *p, unsigned tag, const struct at_attr *a, size_t value)
{
	size_t value_part = 1 + at_pb_varint_len(value) + value;
	if (a->key_id < AT_KEYS) {
		const struct key_bytes *k = &keys[a->key_id];
		p = at_pb_varint(at_pb_tag(p, tag), k->n + value_part);
		memcpy(p, k->p, sizeof(k->p)); /* there is room, and one size is quickest */
		p += k->n;
	} else {
		bool valid;
		size_t n = at_pb_text_len(a->key, &valid);
		p = at_pb_varint(at_pb_tag(p, tag), 1 + at_pb_varint_len(n) + n + value_part);
		p = at_pb_text(at_pb_varint(at_pb_tag(p, AT_PB_LEN(1)), n), a->key, valid);
	}
	return at_pb_varint(at_pb_tag(p, AT_PB_LEN(2)), value);
}

static char *put_attr_text(char *p, unsigned tag, const struct at_attr *a)
{
	bool valid;
	size_t n = at_pb_text_len(a->str, &valid);
	size_t any = 1 + at_pb_varint_len(n) + n;
	if (a->type == AT_ATTR_STRING_LIST) {
		size_t array = 1 + at_pb_varint_len(any) + any;
		p = put_key(p, tag, a, 1 + at_pb_varint_len(array) + array);
		p = at_pb_varint(at_pb_tag(p, AT_PB_LEN(5)), array);
		p = at_pb_varint(at_pb_tag(p, AT_PB_LEN(1)), any);
	} else {
		p = put_key(p, tag, a, any);
	}
	return at_pb_text(at_pb_varint(at_pb_tag(p, AT_PB_LEN(1)), n), a->str, valid);
}

static char *put_attr(char *p, unsigned tag, const struct at_attr *a)
{
	switch (a->type) {
	case AT_ATTR_INT:
		p = put_key(p, tag, a, 1 + at_pb_varint_len((uint64_t)a->i));
		return at_pb_varint(at_pb_tag(p, AT_PB_VARINT(3)), (uint64_t)a->i);
	case AT_ATTR_DOUBLE:
		p = put_key(p, tag, a, 9);
		return at_pb_raw(at_pb_tag(p, AT_PB_FIXED64(4)), &a->d, 8);
	case AT_ATTR_BOOL:
		p = put_key(p, tag, a, 2);
		return at_pb_varint(at_pb_tag(p, AT_PB_VARINT(2)), a->i != 0);
	default:
		return put_attr_text(p, tag, a);
	}
}

/* ---- attributes that repeat from span to span ---- */

#define KNOWN       64   /* sets remembered; the place is found by hash */
#define KNOWN_RAW   512  /* bytes of a set in a record at most; longer ones are encoded each time */
#define KNOWN_BYTES 1536 /* bytes of it when encoded */

/* A set of attributes met before: what a record says, and what the wire says. One thread. */
static struct known {
	uint32_t raw_n;
	uint32_t n;
	char raw[KNOWN_RAW];
	char p[KNOWN_BYTES];
} known[KNOWN];

static uint64_t hash_of(struct at_str s)
{
	uint64_t h = s.n, w;
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		memcpy(&w, s.p + i, 8);
		h = (h ^ w) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	for (; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static char *put_fixed_anew(char *p, const struct at_span *s)
{
	static struct at_span all;
	all.attr_count = 0;
	all.fixed = s->fixed;
	all.fixed_count = s->fixed_count;
	if (!at_span_expand(&all))
		return p;
	for (unsigned i = 0; i < all.attr_count; i++)
		p = put_attr(p, AT_PB_LEN(9), &all.attr[i]);
	return p;
}

/* The packed attributes of s: copied when they were met before, which on a keep-alive connection
 * they were. */
static char *put_fixed(char *p, const struct at_span *s)
{
	struct known *k = &known[hash_of(s->fixed) % KNOWN];
	if (k->raw_n == s->fixed.n && memcmp(k->raw, s->fixed.p, k->raw_n) == 0)
		return at_pb_raw(p, k->p, k->n);
	char *end = put_fixed_anew(p, s);
	size_t n = (size_t)(end - p);
	if (s->fixed.n <= KNOWN_RAW && n <= KNOWN_BYTES) {
		k->raw_n = (uint32_t)s->fixed.n;
		k->n = (uint32_t)n;
		memcpy(k->raw, s->fixed.p, s->fixed.n);
		memcpy(k->p, p, n);
	}
	return end;
}

/* ---- spans ---- */

static bool is_zero(const uint8_t *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (id[i])
			return false;
	return true;
}

/* More than put_span can write. */
static size_t span_bound(const struct at_span *s)
{
	size_t n = 192 + 3 * (s->name.n + s->state.n + s->status_message.n) +
		   (size_t)s->link_count * 48 + 3 * s->fixed.n +
		   (size_t)s->fixed_count * (64 + sizeof(keys[0].p));
	for (unsigned i = 0; i < s->attr_count; i++)
		n += 64 + sizeof(keys[0].p) + 3 * (s->attr[i].key.n + s->attr[i].str.n);
	return n;
}

static char *put_status(char *p, const struct at_span *s)
{
	if (s->status == AT_STATUS_UNSET)
		return p;
	struct at_str m = s->status == AT_STATUS_ERROR ? s->status_message : AT_STR_NONE;
	bool valid;
	size_t n = at_pb_text_len(m, &valid);
	size_t len = 2 + (n ? 1 + at_pb_varint_len(n) + n : 0);
	p = at_pb_varint(at_pb_tag(p, AT_PB_LEN(15)), len);
	p = at_pb_string(p, AT_PB_LEN(2), m);
	return at_pb_varint(at_pb_tag(p, AT_PB_VARINT(3)), s->status);
}

static char *put_link(char *p, const struct at_record_link *l)
{
	uint32_t flags = l->flags & W3C_FLAGS;
	p = at_pb_varint(at_pb_tag(p, AT_PB_LEN(13)), 18 + 10 + 5);
	p = at_pb_bytes(p, AT_PB_LEN(1), l->trace_id, 16);
	p = at_pb_bytes(p, AT_PB_LEN(2), l->span_id, 8);
	return at_pb_raw(at_pb_tag(p, AT_PB_FIXED32(6)), &flags, sizeof(flags));
}

static char *put_span(char *p, const struct at_span *s)
{
	uint32_t flags =
		(s->flags & W3C_FLAGS) | FLAG_REMOTE_KNOWN | (s->parent_remote ? FLAG_REMOTE : 0);
	p = at_pb_bytes(p, AT_PB_LEN(1), s->trace_id, 16);
	p = at_pb_bytes(p, AT_PB_LEN(2), s->span_id, 8);
	p = at_pb_string(p, AT_PB_LEN(3), s->state);
	if (!is_zero(s->parent_id, 8))
		p = at_pb_bytes(p, AT_PB_LEN(4), s->parent_id, 8);
	p = at_pb_string(p, AT_PB_LEN(5), s->name);
	p = at_pb_varint(at_pb_tag(p, AT_PB_VARINT(6)), s->kind);
	p = at_pb_fixed64(p, AT_PB_FIXED64(7), s->start_ns);
	p = at_pb_fixed64(p, AT_PB_FIXED64(8), s->end_ns);
	if (s->fixed_count)
		p = put_fixed(p, s);
	for (unsigned i = 0; i < s->attr_count; i++)
		p = put_attr(p, AT_PB_LEN(9), &s->attr[i]);
	if (s->dropped_attrs)
		p = at_pb_varint(at_pb_tag(p, AT_PB_VARINT(10)), s->dropped_attrs);
	for (unsigned i = 0; i < s->link_count; i++)
		p = put_link(p, &s->link[i]);
	p = put_status(p, s);
	p = at_pb_varint(p, AT_PB_FIXED32(16));
	return at_pb_raw(p, &flags, sizeof(flags));
}

void at_otlp_add(struct at_out *o, const struct at_span *s)
{
	char *start = at_out_place(o, span_bound(s));
	if (!start)
		return;
	/* Most spans have a length of two bytes; the others move. */
	char *body = start + 3;
	char *end = put_span(body, s);
	size_t n = (size_t)(end - body);
	unsigned len = at_pb_varint_len(n);
	start[0] = (char)AT_PB_LEN(2);
	if (len != 2)
		memmove(start + 1 + len, body, n);
	at_pb_varint(start + 1, n);
	o->n += 1 + len + n;
}
