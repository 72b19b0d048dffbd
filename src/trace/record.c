/*
 * Writes finished spans. Fed by flow on the traced program's threads, so: no allocation, no lock,
 * one pass. Fields are copied with memcpy because attributes lie at any address. The other side is
 * span.c.
 */
#include "trace/record.h"

#include "base/checksum.h"

/* To be raised when bytes of a record change their meaning and no size or name does. */
#define LAYOUT 1

static const struct at_str names[AT_KEYS] = {
#define AT_KEY(id, name) {name, sizeof(name) - 1},
#include "trace/semconv.def"
#undef AT_KEY
};

struct at_str at_key_name(enum at_key key)
{
	return (unsigned)key < AT_KEYS ? names[key] : AT_STR_NONE;
}

uint64_t at_record_layout(void)
{
	uint64_t h = at_checksum_mix(LAYOUT, sizeof(struct at_record_head));
	h = at_checksum_mix(h, sizeof(struct at_record_attr));
	h = at_checksum_mix(h, sizeof(struct at_record_link));
	for (int i = 0; i < AT_KEYS; i++)
		h = at_checksum(h, names[i].p, names[i].n);
	return h;
}

/* Room for one more attribute with a literal key of key_len bytes and a payload of len bytes:
 * writes its head and returns where key and payload go; NULL (counted) when there is none. */
static char *add(struct at_attrs *a, uint16_t key, enum at_attr_type type, size_t key_len,
		 size_t len)
{
	struct at_record_attr head = {key, (uint8_t)type, (uint8_t)key_len, (uint32_t)len};
	size_t room = a->room - a->n;
	if (a->count >= a->limit || room < sizeof(head) + key_len ||
	    room - sizeof(head) - key_len < len) {
		a->dropped += a->dropped < UINT16_MAX;
		return NULL;
	}
	char *p = a->p + a->n;
	memcpy(p, &head, sizeof(head));
	a->n += (uint32_t)(sizeof(head) + key_len + len);
	a->count++;
	return p + sizeof(head);
}

void at_attrs_str(struct at_attrs *a, enum at_key key, struct at_str v)
{
	char *p = add(a, (uint16_t)key, AT_ATTR_STRING, 0, v.n);
	if (p && v.n)
		memcpy(p, v.p, v.n);
}

void at_attrs_join(struct at_attrs *a, enum at_key key, const struct at_str *parts, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += parts[i].n;
	char *p = add(a, (uint16_t)key, AT_ATTR_STRING, 0, n);
	for (size_t i = 0; p && i < count; i++) {
		if (parts[i].n)
			memcpy(p, parts[i].p, parts[i].n);
		p += parts[i].n;
	}
}

void at_attrs_int(struct at_attrs *a, enum at_key key, int64_t v)
{
	char *p = add(a, (uint16_t)key, AT_ATTR_INT, 0, sizeof(v));
	if (p)
		memcpy(p, &v, sizeof(v));
}

void at_attrs_bool(struct at_attrs *a, enum at_key key, bool v)
{
	char *p = add(a, (uint16_t)key, AT_ATTR_BOOL, 0, 1);
	if (p)
		*p = v;
}

void at_attrs_double(struct at_attrs *a, enum at_key key, double v)
{
	char *p = add(a, (uint16_t)key, AT_ATTR_DOUBLE, 0, sizeof(v));
	if (p)
		memcpy(p, &v, sizeof(v));
}

void at_attrs_list(struct at_attrs *a, struct at_str prefix, struct at_str name, struct at_str v)
{
	char *p = NULL;
	if (prefix.n + name.n > 0 && prefix.n + name.n <= UINT8_MAX)
		p = add(a, AT_KEY_LITERAL, AT_ATTR_STRING_LIST, prefix.n + name.n, v.n);
	else
		a->dropped += a->dropped < UINT16_MAX;
	if (!p)
		return;
	if (prefix.n)
		memcpy(p, prefix.p, prefix.n);
	p += prefix.n;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		*p++ = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	if (v.n)
		memcpy(p, v.p, v.n);
}

size_t at_record_size(const struct at_record_head *head)
{
	return sizeof(*head) + head->name_len + head->state_len + head->attr_bytes +
	       head->links * sizeof(struct at_record_link);
}

static char *put(char *p, const void *src, size_t n)
{
	if (n)
		memcpy(p, src, n);
	return p + n;
}

void at_record_write(void *dst, const struct at_record_head *head, const char *name,
		     const char *state, const char *attrs, const struct at_record_link *links)
{
	char *p = put(dst, head, sizeof(*head));
	p = put(p, name, head->name_len);
	p = put(p, state, head->state_len);
	p = put(p, attrs, head->attr_bytes);
	put(p, links, head->links * sizeof(*links));
}
