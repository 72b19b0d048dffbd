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

static void set_instance(struct at_resource *r, const uint8_t *given)
{
	uint64_t random[2] = {at_entropy_u64(), at_entropy_u64()};
	uint8_t id[16];
	char hex[32], text[36];
	memcpy(id, given ? given : (const uint8_t *)random, sizeof(id));
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

static struct block *new_block(size_t room)
{
	struct block *b = malloc(sizeof(*b) + room);
	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->room = room;
	return b;
}

/* What is the same for every resource: who reports. */
static struct block *begin(const struct at_resource_user *user)
{
	/* Each text of the user is kept once and decoded once; a replaced one stays behind. */
	struct block *b = new_block(DETECTED + user->service_name.n + user->command.n +
				    2 * (user->attributes.n + user->injected.n));
	if (!b)
		return NULL;
	b->room -= user->attributes.n + user->injected.n; /* where finish() decodes */
	at_resource_set(&b->r, "telemetry.sdk.name", AT_STR("libautotrace"));
	at_resource_set(&b->r, "telemetry.sdk.language", AT_STR("cpp"));
	at_resource_set(&b->r, "telemetry.sdk.version", AT_STR(AUTOTRACE_VERSION));
	at_resource_set(&b->r, "telemetry.distro.name", AT_STR("libautotrace"));
	at_resource_set(&b->r, "telemetry.distro.version", AT_STR(AUTOTRACE_VERSION));
	set_instance(&b->r, user->instance);
	return b;
}

/* What the user said, above all else. False: a list does not decode. */
static bool finish(struct block *b, const struct at_resource_user *user)
{
	char *scratch = b->text + b->room;
	bool ok = set_list(&b->r, user->injected, scratch);
	ok &= set_list(&b->r, user->attributes, scratch);
	at_resource_set(&b->r, "service.name", user->service_name);
	return ok;
}

struct at_resource *at_resource_build(const struct at_resource_user *user, bool *ret_bad)
{
	struct block *b = begin(user);
	if (!b)
		return NULL;
	struct at_detect d = {.root = "", .command = user->command, .into = &b->r};
	at_detect_all(&d);
	*ret_bad = !finish(b, user);
	return &b->r;
}

struct at_resource *at_resource_outline(const struct at_resource_user *user, int64_t pid,
					struct at_str executable)
{
	struct block *b = begin(user);
	if (!b)
		return NULL;
	struct at_detect d = {.root = "", .into = &b->r};
	at_resource_set_int(&b->r, "process.pid", pid);
	at_detect_names(&d, executable);
	at_resource_set(&b->r, "process.command", user->command);
	finish(b, user);
	return &b->r;
}

/* ---- packed: for each attribute this, the key, the text ---- */

struct packed {
	uint16_t key_n;  /* bytes of the key */
	uint16_t is_int; /* 0 or 1 */
	uint32_t text_n; /* bytes of the text */
	int64_t i;       /* the value when is_int */
};

size_t at_resource_pack(const struct at_resource *r, char *dst, size_t room)
{
	size_t n = 0;
	for (unsigned k = 0; k < r->count; k++) {
		const struct at_resource_attr *a = &r->attr[k];
		struct packed p = {.is_int = a->is_int, .i = a->is_int ? a->i : 0};
		size_t text_n = a->is_int ? 0 : a->str.n;
		if (a->key.n > UINT16_MAX || a->key.n > room || text_n > room ||
		    sizeof(p) + a->key.n + text_n > room - n)
			continue;
		p.key_n = (uint16_t)a->key.n;
		p.text_n = (uint32_t)text_n;
		memcpy(dst + n, &p, sizeof(p));
		memcpy(dst + n + sizeof(p), a->key.p, a->key.n);
		if (text_n)
			memcpy(dst + n + sizeof(p) + a->key.n, a->str.p, text_n);
		n += sizeof(p) + a->key.n + text_n;
	}
	return n;
}

struct at_resource *at_resource_unpack(struct at_str packed)
{
	struct block *b = new_block(packed.n);
	bool good = true;
	if (!b)
		return NULL;
	while (good && packed.n >= sizeof(struct packed) && b->r.count < AT_RESOURCE_MAX) {
		struct at_resource_attr *a = &b->r.attr[b->r.count];
		struct packed p;
		memcpy(&p, packed.p, sizeof(p));
		packed = at_str_from(packed, sizeof(p));
		struct at_str key = at_str_head(packed, p.key_n);
		struct at_str text = at_str_head(at_str_from(packed, p.key_n), p.text_n);
		good = key.n && key.n == p.key_n && text.n == p.text_n && p.is_int <= 1;
		packed = at_str_from(packed, key.n + text.n);
		*a = (struct at_resource_attr){.is_int = p.is_int, .i = p.i};
		keep(b, key, &a->key);
		keep(b, text, &a->str);
		b->r.count++;
	}
	if (good && packed.n == 0 && b->r.count)
		return &b->r;
	free(b);
	return NULL;
}

void at_resource_free(struct at_resource *r)
{
	free(r);
}
