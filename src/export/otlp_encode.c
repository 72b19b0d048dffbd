/*
 * Fed by the exporters that speak OTLP protobuf. The parts that occur once per body are packed by
 * protobuf-c; spans, which are many, by the writer below: it knows every length before it writes
 * and copies the keys with their tags from a table. proto/ has the messages and their numbers.
 *
 *   | room for: resource_spans { resource, scope_spans { scope | spans … } schema_url } schema_url
 * |
 */
#include "export/otlp_encode.h"

#include <opentelemetry/proto/common/v1/common.pb-c.h>
#include <opentelemetry/proto/resource/v1/resource.pb-c.h>

#include "export/utf8.h"
#include "trace/resource.h"

typedef Opentelemetry__Proto__Common__V1__KeyValue key_value;
typedef Opentelemetry__Proto__Common__V1__AnyValue any_value;

/* Tags: field number and wire type in one byte (two for the span's flags). */
#define TAG_VARINT(field)  ((field) << 3)
#define TAG_FIXED64(field) ((field) << 3 | 1)
#define TAG_LEN(field)     ((field) << 3 | 2)
#define TAG_FIXED32(field) ((field) << 3 | 5)

#define VARINT_MAX 10
/* Two tags with lengths, for resource_spans and scope_spans. */
#define ENVELOPE_MAX 12
#define FRAME_CAP    (1u << 20)

#define FLAG_REMOTE_KNOWN 0x100u
#define FLAG_REMOTE       0x200u
#define W3C_FLAGS         0x03u

/* KeyValue.key of each name of the conventions: tag, length, name. */
static struct key_bytes {
	uint8_t n;
	char p[63];
} keys[AT_KEYS];

/* ---- the wire ---- */

static inline unsigned varint_len(uint64_t v)
{
	return (unsigned)(63 - __builtin_clzll(v | 1)) / 7 + 1;
}

static inline char *put_varint(char *p, uint64_t v)
{
	while (v >= 0x80) {
		*p++ = (char)(v | 0x80);
		v >>= 7;
	}
	*p++ = (char)v;
	return p;
}

static inline char *put_tag(char *p, unsigned tag)
{
	*p = (char)tag;
	return p + 1;
}

static inline char *put_raw(char *p, const void *src, size_t n)
{
	memcpy(p, src, n);
	return p + n;
}

/* put_raw for lengths that the compiler does not know and that are small: a call of memcpy costs as
 * much as all else about an attribute. */
static inline char *put_short(char *p, const char *src, size_t n)
{
	uint64_t first, last;
	if (n - 8 > 8) {
		if (n < 4) {
			for (size_t i = 0; i < n; i++)
				p[i] = src[i];
			return p + n;
		}
		if (n < 8) {
			uint32_t head, tail;
			memcpy(&head, src, 4);
			memcpy(&tail, src + n - 4, 4);
			memcpy(p, &head, 4);
			memcpy(p + n - 4, &tail, 4);
			return p + n;
		}
		return put_raw(p, src, n);
	}
	memcpy(&first, src, 8);
	memcpy(&last, src + n - 8, 8);
	memcpy(p, &first, 8);
	memcpy(p + n - 8, &last, 8);
	return p + n;
}

/* Bytes that put_text makes of s. */
static inline size_t text_len(struct at_str s, bool *ret_valid)
{
	*ret_valid = at_utf8_ascii(s) || at_utf8_valid(s) == s.n;
	return *ret_valid ? s.n : at_utf8_fixed_len(s);
}

static inline char *put_text(char *p, struct at_str s, bool valid)
{
	return valid ? put_short(p, s.p, s.n) : p + at_utf8_fix(p, s);
}

/* A string field; nothing when it is empty. */
static char *put_string(char *p, unsigned tag, struct at_str s)
{
	bool valid;
	if (!s.n)
		return p;
	size_t n = text_len(s, &valid);
	return put_text(put_varint(put_tag(p, tag), n), s, valid);
}

static char *put_bytes(char *p, unsigned tag, const void *src, unsigned n)
{
	return put_raw(put_varint(put_tag(p, tag), n), src, n);
}

static char *put_fixed64(char *p, unsigned tag, uint64_t v)
{
	return put_raw(put_tag(p, tag), &v, sizeof(v));
}

/* ---- attributes ---- */

/* KeyValue's tag and length, its key, and the tag and length of its AnyValue of `value` bytes. */
static char *put_key(char *p, unsigned tag, const struct at_attr *a, size_t value)
{
	size_t value_part = 1 + varint_len(value) + value;
	if (a->key_id < AT_KEYS) {
		const struct key_bytes *k = &keys[a->key_id];
		p = put_varint(put_tag(p, tag), k->n + value_part);
		memcpy(p, k->p, sizeof(k->p)); /* there is room, and one size is quickest */
		p += k->n;
	} else {
		bool valid;
		size_t n = text_len(a->key, &valid);
		p = put_varint(put_tag(p, tag), 1 + varint_len(n) + n + value_part);
		p = put_text(put_varint(put_tag(p, TAG_LEN(1)), n), a->key, valid);
	}
	return put_varint(put_tag(p, TAG_LEN(2)), value);
}

static char *put_attr_text(char *p, unsigned tag, const struct at_attr *a)
{
	bool valid;
	size_t n = text_len(a->str, &valid);
	size_t any = 1 + varint_len(n) + n;
	if (a->type == AT_ATTR_STRING_LIST) {
		size_t array = 1 + varint_len(any) + any;
		p = put_key(p, tag, a, 1 + varint_len(array) + array);
		p = put_varint(put_tag(p, TAG_LEN(5)), array);
		p = put_varint(put_tag(p, TAG_LEN(1)), any);
	} else {
		p = put_key(p, tag, a, any);
	}
	return put_text(put_varint(put_tag(p, TAG_LEN(1)), n), a->str, valid);
}

static char *put_attr(char *p, unsigned tag, const struct at_attr *a)
{
	switch (a->type) {
	case AT_ATTR_INT:
		p = put_key(p, tag, a, 1 + varint_len((uint64_t)a->i));
		return put_varint(put_tag(p, TAG_VARINT(3)), (uint64_t)a->i);
	case AT_ATTR_DOUBLE:
		p = put_key(p, tag, a, 9);
		return put_raw(put_tag(p, TAG_FIXED64(4)), &a->d, 8);
	case AT_ATTR_BOOL:
		p = put_key(p, tag, a, 2);
		return put_varint(put_tag(p, TAG_VARINT(2)), a->i != 0);
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
		p = put_attr(p, TAG_LEN(9), &all.attr[i]);
	return p;
}

/* The packed attributes of s: copied when they were met before, which on a keep-alive connection
 * they were. */
static char *put_fixed(char *p, const struct at_span *s)
{
	struct known *k = &known[hash_of(s->fixed) % KNOWN];
	if (k->raw_n == s->fixed.n && memcmp(k->raw, s->fixed.p, k->raw_n) == 0)
		return put_raw(p, k->p, k->n);
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
	size_t n = text_len(m, &valid);
	size_t len = 2 + (n ? 1 + varint_len(n) + n : 0);
	p = put_varint(put_tag(p, TAG_LEN(15)), len);
	p = put_string(p, TAG_LEN(2), m);
	return put_varint(put_tag(p, TAG_VARINT(3)), s->status);
}

static char *put_link(char *p, const struct at_record_link *l)
{
	uint32_t flags = l->flags & W3C_FLAGS;
	p = put_varint(put_tag(p, TAG_LEN(13)), 18 + 10 + 5);
	p = put_bytes(p, TAG_LEN(1), l->trace_id, 16);
	p = put_bytes(p, TAG_LEN(2), l->span_id, 8);
	return put_raw(put_tag(p, TAG_FIXED32(6)), &flags, sizeof(flags));
}

static char *put_span(char *p, const struct at_span *s)
{
	uint32_t flags =
		(s->flags & W3C_FLAGS) | FLAG_REMOTE_KNOWN | (s->parent_remote ? FLAG_REMOTE : 0);
	p = put_bytes(p, TAG_LEN(1), s->trace_id, 16);
	p = put_bytes(p, TAG_LEN(2), s->span_id, 8);
	p = put_string(p, TAG_LEN(3), s->state);
	if (!is_zero(s->parent_id, 8))
		p = put_bytes(p, TAG_LEN(4), s->parent_id, 8);
	p = put_string(p, TAG_LEN(5), s->name);
	p = put_varint(put_tag(p, TAG_VARINT(6)), s->kind);
	p = put_fixed64(p, TAG_FIXED64(7), s->start_ns);
	p = put_fixed64(p, TAG_FIXED64(8), s->end_ns);
	if (s->fixed_count)
		p = put_fixed(p, s);
	for (unsigned i = 0; i < s->attr_count; i++)
		p = put_attr(p, TAG_LEN(9), &s->attr[i]);
	if (s->dropped_attrs)
		p = put_varint(put_tag(p, TAG_VARINT(10)), s->dropped_attrs);
	for (unsigned i = 0; i < s->link_count; i++)
		p = put_link(p, &s->link[i]);
	p = put_status(p, s);
	p = put_varint(p, TAG_FIXED32(16));
	return put_raw(p, &flags, sizeof(flags));
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
	unsigned len = varint_len(n);
	start[0] = (char)TAG_LEN(2);
	if (len != 2)
		memmove(start + 1 + len, body, n);
	put_varint(start + 1, n);
	o->n += 1 + len + n;
}

/* ---- the frame ---- */

static void make_keys(void)
{
	for (unsigned i = 0; i < AT_KEYS; i++) {
		struct at_str name = at_key_name((enum at_key)i);
		char *p = put_varint(put_tag(keys[i].p, TAG_LEN(1)), name.n);
		keys[i].n = (uint8_t)(put_raw(p, name.p, name.n) - keys[i].p);
	}
}

/* Appends tag, length and the packed message. */
static void add_message(struct at_out *o, unsigned tag, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	char *p = at_out_place(o, 1 + VARINT_MAX + n);
	if (!p)
		return;
	char *body = put_varint(put_tag(p, tag), n);
	protobuf_c_message_pack(m, (uint8_t *)body);
	o->n += (size_t)(body - p) + n;
}

/* protobuf-c wants C strings. The texts are made valid and end with NUL in `pool`. */
static char *c_text(struct at_out *pool, struct at_str s)
{
	char *p = at_out_place(pool, 3 * s.n + 1);
	if (!p)
		return NULL;
	size_t n = at_utf8_fix(p, s);
	p[n] = 0;
	pool->n += n + 1;
	return p;
}

static void pack_resource(struct at_out *o, struct at_out *pool, const struct at_resource *r)
{
	Opentelemetry__Proto__Resource__V1__Resource m =
		OPENTELEMETRY__PROTO__RESOURCE__V1__RESOURCE__INIT;
	key_value pair[AT_RESOURCE_MAX];
	key_value *pairs[AT_RESOURCE_MAX];
	any_value value[AT_RESOURCE_MAX];
	for (unsigned i = 0; i < r->count; i++) {
		const struct at_resource_attr *a = &r->attr[i];
		pair[i] = (key_value)OPENTELEMETRY__PROTO__COMMON__V1__KEY_VALUE__INIT;
		value[i] = (any_value)OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__INIT;
		pairs[i] = &pair[i];
		pair[i].key = c_text(pool, a->key);
		pair[i].value = &value[i];
		if (a->is_int) {
			value[i].value_case =
				OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
			value[i].int_value = a->i;
		} else {
			value[i].value_case =
				OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
			value[i].string_value = c_text(pool, a->str);
		}
	}
	m.n_attributes = r->count;
	m.attributes = pairs;
	if (!pool->failed)
		add_message(o, TAG_LEN(1), &m.base);
}

static size_t pool_size(const struct at_resource *r)
{
	size_t n = 1;
	for (unsigned i = 0; i < r->count; i++)
		n += 3 * (r->attr[i].key.n + r->attr[i].str.n) + 2;
	return n;
}

bool at_otlp_frame_open(struct at_otlp_frame *f, const struct at_resource *r)
{
	char name[] = AT_OTLP_SCOPE_NAME;
	char version[] = AT_VERSION;
	Opentelemetry__Proto__Common__V1__InstrumentationScope scope =
		OPENTELEMETRY__PROTO__COMMON__V1__INSTRUMENTATION_SCOPE__INIT;
	struct at_out pool = {.cap = FRAME_CAP};
	*f = (struct at_otlp_frame){.resource.cap = FRAME_CAP, .scope.cap = FRAME_CAP};
	make_keys();
	scope.name = name;
	scope.version = version;
	add_message(&f->scope, TAG_LEN(1), &scope.base);
	/* All at once: a growing pool would move the texts. */
	if (at_out_place(&pool, pool_size(r)))
		pack_resource(&f->resource, &pool, r);
	bool ok = !pool.failed && !f->resource.failed && !f->scope.failed;
	at_out_free(&pool);
	return ok;
}

void at_otlp_frame_free(struct at_otlp_frame *f)
{
	at_out_free(&f->resource);
	at_out_free(&f->scope);
}

static size_t head_room(const struct at_otlp_frame *f)
{
	return ENVELOPE_MAX + f->resource.n + f->scope.n;
}

void at_otlp_begin(const struct at_otlp_frame *f, struct at_out *o)
{
	if (at_out_place(o, head_room(f)))
		o->n = head_room(f);
}

size_t at_otlp_close(const struct at_otlp_frame *f, struct at_out *o)
{
	struct at_str url = AT_STR(AT_OTLP_SCHEMA_URL);
	size_t spans = o->n - head_room(f);
	char head[ENVELOPE_MAX];
	char *p = at_out_place(o, 2 * (url.n + 2));
	if (!p)
		return 0;
	o->n = (size_t)(put_string(put_string(p, TAG_LEN(3), url), TAG_LEN(3), url) - o->p);
	size_t scope = f->scope.n + spans + url.n + 2;
	size_t resource = f->resource.n + 1 + varint_len(scope) + scope + url.n + 2;
	size_t outer = (size_t)(put_varint(put_tag(head, TAG_LEN(1)), resource) - head);
	size_t start = head_room(f) - f->scope.n - 1 - varint_len(scope) - f->resource.n - outer;
	p = put_raw(o->p + start, head, outer);
	p = put_raw(p, f->resource.p, f->resource.n);
	p = put_varint(put_tag(p, TAG_LEN(2)), scope);
	put_raw(p, f->scope.p, f->scope.n);
	return start;
}
