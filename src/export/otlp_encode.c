/*
 * Fed by the exporters that speak OTLP protobuf, span by span; writes into their batches. Owns the
 * table of keys, ready to copy with tag and length, and the sets of attributes met before. It knows
 * every length before it writes. proto/ has the messages and their numbers.
 */
#include "export/otlp_encode.h"

#include "base/checksum.h"
#include "export/otlp_known.h"
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

/* Places are found by hash; counts are powers of two. What was never used is no memory. */
static struct at_known fixed_sets[256]; /* by connection */
static struct at_known shapes[64];      /* by kind of request, with the span's name */

#define PLACE(table, hash) (&(table)[(hash) % (sizeof(table) / sizeof((table)[0]))])

/* A packed group, attribute by attribute. */
static char *put_packed(char *p, const struct at_packed *group)
{
	static struct at_span all;
	struct at_packed mine = *group;
	if (!at_span_unpack(&all, &mine))
		return p;
	for (unsigned i = 0; i < all.attr_count; i++)
		p = put_attr(p, AT_PB_LEN(9), &all.attr[i]);
	return p;
}

static char *put_fixed(char *p, const struct at_span *s)
{
	struct at_known *k = PLACE(fixed_sets, s->fixed_hash);
	if (at_known_is(k, 0, s->fixed.text, AT_STR_NONE))
		return at_pb_raw(p, k->made, k->made_n);
	char *end = put_packed(p, &s->fixed);
	if (at_known_begin(k, 0, s->fixed.text, AT_STR_NONE))
		at_known_made(k, AT_STR_NONE, at_str(p, (size_t)(end - p)), 0);
	return end;
}

bool at_otlp_recall(struct at_span *s)
{
	uint32_t tag = (uint32_t)s->kind << 16 | s->dropped_attrs;
	struct at_known *k = PLACE(shapes, at_str_hash(s->shape.text) ^ s->name.n);
	bool known = at_known_is(k, tag, s->shape.text, s->name);
	if (known || at_known_begin(k, tag, s->shape.text, s->name))
		s->known = k;
	return known;
}

/* ---- spans ---- */

static bool is_zero(const uint8_t *id, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (id[i])
			return false;
	return true;
}

static size_t packed_bound(const struct at_packed *group)
{
	return 3 * group->text.n + (size_t)group->count * (64 + sizeof(keys[0].p));
}

/* More than put_span can write. */
static size_t span_bound(const struct at_span *s)
{
	size_t n = 192 + 3 * (s->name.n + s->state.n + s->status_message.n) +
		   (size_t)s->link_count * 48 + AT_KNOWN_MADE;
	n += packed_bound(&s->fixed) + packed_bound(&s->own);
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

/* Kind, times, and what stands in front of the shape's attributes. */
static char *put_middle(char *p, const struct at_span *s)
{
	p = at_pb_varint(at_pb_tag(p, AT_PB_VARINT(6)), s->kind);
	p = at_pb_fixed64(p, AT_PB_FIXED64(7), s->start_ns);
	p = at_pb_fixed64(p, AT_PB_FIXED64(8), s->end_ns);
	return s->fixed.count ? put_fixed(p, s) : p;
}

/* From the name to the last attribute; what the shape makes of it from memory, or remembered now.
 */
static char *put_shape(char *p, const struct at_span *s)
{
	struct at_known *k = s->known;
	uint16_t dropped = s->dropped_attrs;
	if (k && k->made_n) {
		p = put_middle(at_pb_raw(p, k->made, k->head), s);
		p = at_pb_raw(p, k->made + k->head, (size_t)k->made_n - k->head);
		dropped = k->dropped;
	} else {
		struct at_str name = {p, 0}, attrs;
		p = at_pb_string(p, AT_PB_LEN(5), s->name);
		name.n = (size_t)(p - name.p);
		p = put_middle(p, s);
		attrs = at_str(p, 0);
		for (unsigned i = 0; i < s->attr_count; i++)
			p = put_attr(p, AT_PB_LEN(9), &s->attr[i]);
		attrs.n = (size_t)(p - attrs.p);
		if (k)
			at_known_made(k, name, attrs, dropped);
	}
	if (s->own.count)
		p = put_packed(p, &s->own);
	return dropped ? at_pb_varint(at_pb_tag(p, AT_PB_VARINT(10)), dropped) : p;
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
	p = put_shape(p, s);
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
