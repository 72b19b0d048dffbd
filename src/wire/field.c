/*
 * Which of the known header fields a name is. Fed by the engines' line scanners, once per header
 * line, so it is made to say "none" quickly: by length, then by length and first letter, then by
 * the whole name. No state.
 */
#include "wire/field.h"
#include "wire/message.h"

#define LENGTH(name)  (sizeof(name) - 1)
#define KEY(n, first) ((uint32_t)(n) << 8 | (unsigned char)(first))

/* One bit per length that a known name has. */
static const uint64_t lengths = 0
#define AT_FIELD(id, name) | (uint64_t)1 << LENGTH(name)
#include "wire/field.def"
#undef AT_FIELD
	;

#define AT_FIELD(id, name) _Static_assert(LENGTH(name) < 64, "a bit in lengths");
#include "wire/field.def"
#undef AT_FIELD

/* Eight bytes with the lower-case bit set: letters lose their case, '-' and digits stay. Two
 * different bytes above 0x20 that become equal are never both letters, digits or '-'. */
static inline uint64_t fold8(const char *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v | UINT64_C(0x2020202020202020);
}

/* Whether the n bytes at p are `name` (lower case) in any case; n is a constant at each call. */
static inline bool same(const char *p, const char *name, size_t n)
{
	if (n < 8) {
		for (size_t i = 0; i < n; i++)
			if ((p[i] | 0x20) != name[i])
				return false;
		return true;
	}
	for (size_t i = 0; i + 8 <= n; i += 8)
		if (fold8(p + i) != fold8(name + i))
			return false;
	return fold8(p + n - 8) == fold8(name + n - 8);
}

int at_field_find(struct at_str name)
{
	if (name.n - 1 >= 63 || !(lengths >> name.n & 1))
		return -1;
	uint32_t key = KEY(name.n, name.p[0] | 0x20);
#define AT_FIELD(id, text)                                                         \
	if (key == KEY(LENGTH(text), text[0]) && same(name.p, text, LENGTH(text))) \
		return AT_FIELD_##id;
#include "wire/field.def"
#undef AT_FIELD
	return -1;
}
