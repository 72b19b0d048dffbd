/*
 * Puts the resource together: detected attributes, above them the injected ones, above them the
 * user's. Called on the exporter's thread, once per process; everything lies in one block of memory
 * and dies with it.
 */
#include "trace/resource.h"

#include <stdlib.h>

#include "autotrace.h"
#include "base/entropy.h"
#include "trace/detect.h"

/* Room for detected texts, bytes. */
#define DETECTED 16384

/* The resource and the memory of its texts. */
struct block {
	struct at_resource r; /* first: at_resource_free gets its address */
	size_t used;          /* bytes of text */
	size_t room;          /* bytes there are */
	char text[];          /* keys and values */
};

static bool keep(struct block *b, struct at_str s, struct at_str *ret)
{
	if (b->room - b->used < s.n)
		return false;
	*ret = at_str(b->text + b->used, s.n);
	if (s.n)
		memcpy(b->text + b->used, s.p, s.n);
	b->used += s.n;
	return true;
}

/* The attribute with this key, a new one, or NULL when there is no place. */
static struct at_resource_attr *place(struct at_resource *r, struct at_str key)
{
	for (unsigned i = 0; i < r->count; i++)
		if (at_str_eq(r->attr[i].key, key))
			return &r->attr[i];
	if (r->count == AT_RESOURCE_MAX || !keep((struct block *)r, key, &r->attr[r->count].key))
		return NULL;
	return &r->attr[r->count++];
}

static void set(struct at_resource *r, struct at_str key, struct at_str value)
{
	struct at_resource_attr *a = value.n ? place(r, key) : NULL;
	if (!a)
		return;
	a->is_int = false;
	if (!keep((struct block *)r, value, &a->str))
		a->str = AT_STR_NONE;
}

void at_resource_set(struct at_resource *r, const char *key, struct at_str value)
{
	set(r, at_str_c(key), value);
}

void at_resource_set_int(struct at_resource *r, const char *key, int64_t value)
{
	struct at_resource_attr *a = place(r, at_str_c(key));
	if (!a)
		return;
	a->is_int = true;
	a->i = value;
}

struct at_str at_resource_get(const struct at_resource *r, struct at_str key)
{
	for (unsigned i = 0; i < r->count; i++)
		if (!r->attr[i].is_int && at_str_eq(r->attr[i].key, key))
			return r->attr[i].str;
	return AT_STR_NONE;
}

/* Length of the UTF-8 sequence at s, 0 when it is none. */
static size_t utf8(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char lead, mask, low, high; /* low..high: the second byte's range */
		uint8_t n;
	} forms[] = {{0x00, 0x80, 0, 0, 1},       {0xe0, 0xff, 0xa0, 0xbf, 3},
		     {0xed, 0xff, 0x80, 0x9f, 3}, {0xe0, 0xf0, 0x80, 0xbf, 3},
		     {0xf0, 0xff, 0x90, 0xbf, 4}, {0xf4, 0xff, 0x80, 0x8f, 4},
		     {0xf0, 0xfc, 0x80, 0xbf, 4}, {0xc0, 0xe0, 0x80, 0xbf, 2}};
	if (s[0] == 0xc0 || s[0] == 0xc1)
		return 0;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if ((s[0] & forms[i].mask) != forms[i].lead)
			continue;
		if (forms[i].n > n)
			return 0;
		for (size_t k = 1; k < forms[i].n; k++)
			if (s[k] < (k == 1 ? forms[i].low : 0x80) ||
			    s[k] > (k == 1 ? forms[i].high : 0xbf))
				return 0;
		return forms[i].n;
	}
	return 0;
}

static bool is_utf8(struct at_str s)
{
	for (size_t i = 0, n; i < s.n; i += n) {
		n = utf8((const unsigned char *)s.p + i, s.n - i);
		if (n == 0)
			return false;
	}
	return true;
}

/* Percent-decodes s to dst (s.n bytes of room). False: a broken escape, or not UTF-8. */
static bool decode(struct at_str s, char *dst, struct at_str *ret)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		dst[n] = s.p[i];
		if (s.p[i] == '%') {
			if (s.n - i < 3 || !at_hex_decode(dst + n, s.p + i + 1, 1))
				return false;
			i += 2;
		}
		n++;
	}
	*ret = at_str(dst, n);
	return is_utf8(*ret);
}

/* "key=value,…" percent-encoded. Nothing is set when any of it does not decode. */
static bool set_list(struct at_resource *r, struct at_str list, char *scratch)
{
	for (int pass = 0; pass < 2; pass++) {
		struct at_str rest = list;
		while (rest.n) {
			struct at_str key, value, entry = at_str_trim(at_str_cut(&rest, ','));
			ptrdiff_t equals = at_str_find(entry, '=');
			if (entry.n == 0)
				continue;
			if (equals < 1 ||
			    !decode(at_str_trim(at_str_head(entry, (size_t)equals)), scratch,
				    &key) ||
			    !decode(at_str_trim(at_str_from(entry, (size_t)equals + 1)),
				    scratch + key.n, &value))
				return false;
			if (pass)
				set(r, key, value);
		}
	}
	return true;
}

static void set_instance(struct at_resource *r)
{
	uint64_t random[2] = {at_entropy_u64(), at_entropy_u64()};
	uint8_t id[16];
	char hex[32], text[36];
	memcpy(id, random, sizeof(id));
	id[6] = (id[6] & 0x0f) | 0x40;
	id[8] = (id[8] & 0x3f) | 0x80;
	at_hex_encode(hex, id, sizeof(id));
	for (unsigned i = 0, n = 0; i < sizeof(hex); i++) {
		if (i == 8 || i == 12 || i == 16 || i == 20)
			text[n++] = '-';
		text[n++] = hex[i];
	}
	at_resource_set(r, "service.instance.id", at_str(text, sizeof(text)));
}

static struct block *new_block(const struct at_resource_user *user)
{
	/* Each text of the user is kept once and decoded once; a replaced one stays behind. */
	size_t room = DETECTED + user->service_name.n + user->command.n +
		      2 * (user->attributes.n + user->injected.n);
	struct block *b = malloc(sizeof(*b) + room);
	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->room = room;
	return b;
}

struct at_resource *at_resource_build(const struct at_resource_user *user, bool *ret_bad)
{
	struct block *b = new_block(user);
	if (!b)
		return NULL;
	size_t scratch_n = user->attributes.n + user->injected.n;
	char *scratch = b->text + b->room - scratch_n;
	struct at_detect d = {.root = "", .command = user->command, .into = &b->r};
	b->room -= scratch_n;
	at_resource_set(&b->r, "telemetry.sdk.name", AT_STR("libautotrace"));
	at_resource_set(&b->r, "telemetry.sdk.language", AT_STR("cpp"));
	at_resource_set(&b->r, "telemetry.sdk.version", AT_STR(AUTOTRACE_VERSION));
	at_resource_set(&b->r, "telemetry.distro.name", AT_STR("libautotrace"));
	at_resource_set(&b->r, "telemetry.distro.version", AT_STR(AUTOTRACE_VERSION));
	set_instance(&b->r);
	at_detect_all(&d);
	bool ok = set_list(&b->r, user->injected, scratch);
	ok &= set_list(&b->r, user->attributes, scratch);
	at_resource_set(&b->r, "service.name", user->service_name);
	*ret_bad = !ok;
	return &b->r;
}

void at_resource_free(struct at_resource *r)
{
	free(r);
}
