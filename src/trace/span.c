/*
 * Reads records back into spans that processors may change. Fed by the exporter's thread with
 * blocks of the ring; trusts nothing in them. Texts stay where they are: borrowed.
 */
#include "trace/record.h"

/* What is left of the block. */
struct rest {
	const char *p; /* next byte */
	size_t n;      /* bytes left */
};

static bool take(struct rest *r, void *dst, size_t n)
{
	if (r->n < n)
		return false;
	memcpy(dst, r->p, n);
	r->p += n;
	r->n -= n;
	return true;
}

static bool take_str(struct rest *r, struct at_str *ret, size_t n)
{
	if (r->n < n)
		return false;
	*ret = at_str(r->p, n);
	r->p += n;
	r->n -= n;
	return true;
}

static bool read_value(struct at_attr *a, struct at_str payload)
{
	switch (a->type) {
	case AT_ATTR_STRING:
	case AT_ATTR_STRING_LIST:
		a->str = payload;
		return true;
	case AT_ATTR_INT:
	case AT_ATTR_DOUBLE:
		if (payload.n != 8)
			return false;
		memcpy(&a->i, payload.p, 8);
		return true;
	case AT_ATTR_BOOL:
		if (payload.n != 1)
			return false;
		a->i = payload.p[0] != 0;
		return true;
	}
	return false;
}

static bool read_attr(struct rest *r, struct at_attr *a)
{
	struct at_record_attr head;
	struct at_str payload;
	bool literal;
	if (!take(r, &head, sizeof(head)))
		return false;
	literal = head.key == AT_KEY_LITERAL;
	if ((!literal && head.key >= AT_KEYS) || literal != (head.key_len > 0))
		return false;
	a->key_id = head.key;
	a->type = head.type;
	a->str = AT_STR_NONE;
	a->i = 0;
	a->key = at_key_name(head.key);
	if (literal && !take_str(r, &a->key, head.key_len))
		return false;
	return take_str(r, &payload, head.len) && read_value(a, payload);
}

static void read_head(struct at_span *s, const struct at_record_head *h)
{
	memcpy(s->trace_id, h->trace_id, sizeof(s->trace_id));
	memcpy(s->span_id, h->span_id, sizeof(s->span_id));
	memcpy(s->parent_id, h->parent_id, sizeof(s->parent_id));
	s->start_ns = h->start_ns;
	s->end_ns = h->end_ns < h->start_ns ? h->start_ns : h->end_ns;
	s->kind = h->kind;
	s->status = h->status;
	s->flags = h->flags;
	s->parent_remote = h->parent_remote;
	s->dropped_attrs = h->dropped_attrs;
	s->attr_count = 0;
	s->link_count = h->links < AT_SPAN_LINKS_MAX ? h->links : AT_SPAN_LINKS_MAX;
	s->status_message = AT_STR_NONE;
	s->fixed_hash = h->fixed_hash;
	s->known = NULL;
}

static bool zero(const uint8_t *id, size_t n)
{
	uint8_t any = 0;
	for (size_t i = 0; i < n; i++)
		any |= id[i];
	return any == 0;
}

/* Finds the groups of the attributes: each has bytes when it has attributes, and only then. */
static bool split(struct at_span *s, const struct at_record_head *h, struct at_str attrs)
{
	unsigned outer = (unsigned)h->fixed_attrs + h->own_attrs;
	uint64_t outer_bytes = (uint64_t)h->fixed_bytes + h->own_bytes;
	if (outer > h->attrs || outer_bytes > h->attr_bytes)
		return false;
	size_t shape = h->attr_bytes - (size_t)outer_bytes;
	const char *p = attrs.p;
	s->fixed = (struct at_packed){at_str(p, h->fixed_bytes), h->fixed_attrs};
	s->shape =
		(struct at_packed){at_str(p + h->fixed_bytes, shape), (uint16_t)(h->attrs - outer)};
	s->own = (struct at_packed){at_str(p + h->fixed_bytes + shape, h->own_bytes), h->own_attrs};
	return !s->fixed.count == !s->fixed.text.n && !s->shape.count == !s->shape.text.n &&
	       !s->own.count == !s->own.text.n;
}

bool at_span_read(struct at_span *s, const void *record, size_t n)
{
	struct rest r = {record, n};
	struct at_record_head h;
	struct at_str attrs;
	if (!take(&r, &h, sizeof(h)) || at_record_size(&h) != n)
		return false;
	if (zero(h.trace_id, sizeof(h.trace_id)) || zero(h.span_id, sizeof(h.span_id)))
		return false;
	if (h.kind < AT_SPAN_INTERNAL || h.kind > AT_SPAN_CLIENT || h.status > AT_STATUS_ERROR)
		return false;
	read_head(s, &h);
	if (!take_str(&r, &s->name, h.name_len) || !take_str(&r, &s->state, h.state_len) ||
	    !take_str(&r, &attrs, h.attr_bytes) ||
	    !take(&r, s->link, s->link_count * sizeof(s->link[0])))
		return false;
	return split(s, &h, attrs);
}

/* Unpacks a group behind what stands in attr. */
static bool append(struct at_span *s, struct at_packed *group)
{
	struct rest r = {group->text.p, group->text.n};
	unsigned n = group->count;
	group->count = 0;
	for (unsigned i = 0; i < n; i++) {
		struct at_attr surplus;
		bool fits = s->attr_count < AT_SPAN_ATTRS_MAX;
		if (!read_attr(&r, fits ? &s->attr[s->attr_count] : &surplus))
			return false;
		s->attr_count += fits;
		s->dropped_attrs += !fits && s->dropped_attrs < UINT16_MAX;
	}
	return n == 0 || r.n == 0;
}

bool at_span_unpack(struct at_span *s, struct at_packed *group)
{
	s->attr_count = 0;
	return append(s, group);
}

bool at_span_expand(struct at_span *s)
{
	s->attr_count = 0;
	return append(s, &s->fixed) && append(s, &s->shape) && append(s, &s->own);
}

struct at_attr *at_span_attr(struct at_span *s, enum at_key key)
{
	for (unsigned i = 0; i < s->attr_count; i++)
		if (s->attr[i].key_id == key)
			return &s->attr[i];
	return NULL;
}

bool at_span_set_str(struct at_span *s, enum at_key key, struct at_str v)
{
	struct at_attr *a = at_span_attr(s, key);
	if (!a) {
		if (s->attr_count >= AT_SPAN_ATTRS_MAX) {
			s->dropped_attrs += s->dropped_attrs < UINT16_MAX;
			return false;
		}
		a = &s->attr[s->attr_count++];
	}
	a->key = at_key_name(key);
	a->key_id = (uint16_t)key;
	a->type = AT_ATTR_STRING;
	a->str = v;
	a->i = 0;
	return true;
}

void at_span_unset(struct at_span *s, enum at_key key)
{
	struct at_attr *a = at_span_attr(s, key);
	if (!a)
		return;
	size_t behind = (size_t)(s->attr + s->attr_count - (a + 1));
	memmove(a, a + 1, behind * sizeof(*a));
	s->attr_count--;
}
