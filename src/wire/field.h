/*
 * The names of field.def, found by name. Read by every engine that meets header fields, once per
 * header line, so it is made to say "none" quickly and lies where the compiler can see it; pure.
 */
#ifndef AT_WIRE_FIELD_H
#define AT_WIRE_FIELD_H

#include "base/bytes.h"
#include "wire/message.h"

/* The halves a field is looked for in: a bit per enum at_wire_half. */
enum at_field_where {
	AT_FIELD_IN_REQUESTS = 1 << AT_WIRE_REQUEST,
	AT_FIELD_IN_BOTH = 1 << AT_WIRE_REQUEST | 1 << AT_WIRE_RESPONSE
};

/* Which names could be known. */
struct at_field_filter {
	uint64_t first;  /* bit c % 64 for each first byte c, in either case */
	uint64_t length; /* bit n % 64 for each length n */
};

/* The filter of a half; folds to a constant where the half is one. */
static inline struct at_field_filter at_field_filter(enum at_wire_half half)
{
	struct at_field_filter f = {0, 0};
#define AT_FIELD(id, name, where)                                       \
	if (AT_FIELD_IN_##where >> half & 1) {                          \
		f.first |= (uint64_t)0x100000001 << ((name)[0] & 0x1f); \
		f.length |= (uint64_t)1 << (sizeof(name) - 1);          \
	}
#include "wire/field.def"
#undef AT_FIELD
	return f;
}

/* Whether a name can be known at all: "no" is certain and takes three instructions for most. */
static inline bool at_field_maybe(struct at_field_filter f, struct at_str name)
{
	return (f.first & (uint64_t)1 << (name.p[0] & 63)) &&
	       (f.length & (uint64_t)1 << (name.n & 63));
}

/* Eight bytes with the lower-case bit set: letters lose their case, '-' and digits stay. Two
 * different bytes above 0x20 that become equal are never both letters, digits or '-'. */
static inline uint64_t at_field_fold8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v | UINT64_C(0x2020202020202020);
}

/* Whether the n bytes at p are `name` (lower case) in any case; n is a constant at each call. */
static inline bool at_field_same(const char *p, const char *name, size_t n)
{
	if (n < 8) {
		for (size_t i = 0; i < n; i++)
			if ((p[i] | 0x20) != name[i])
				return false;
		return true;
	}
	for (size_t i = 0; i + 8 <= n; i += 8)
		if (at_field_fold8(p + i) != at_field_fold8(name + i))
			return false;
	return at_field_fold8(p + n - 8) == at_field_fold8(name + n - 8);
}

/* The enum at_field of a header name in any case, or -1 when it is none of those looked for in this
 * half: by length and first letter, then by the whole name. The name is not empty and holds no byte
 * below 0x21. */
static inline __attribute__((always_inline)) int at_field_find(enum at_wire_half half,
							       struct at_str name)
{
	uint64_t key = (uint64_t)name.n << 8 | (unsigned char)(name.p[0] | 0x20);
#define AT_FIELD(id, text, where)                                          \
	if (key == ((sizeof(text) - 1) << 8 | (unsigned char)(text)[0]) && \
	    at_field_same(name.p, text, sizeof(text) - 1))                 \
		return AT_FIELD_IN_##where >> half & 1 ? AT_FIELD_##id : -1;
#include "wire/field.def"
#undef AT_FIELD
	return -1;
}

#endif
