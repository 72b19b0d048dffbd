/*
 * Header blocks: decompressed by nghttp2 with memory of base/pool, and put together as a message.
 * Fed by http2.c on the caller's thread; owns the inflater. Fields that no HTTP/2 field can be
 * (control characters) are left out, so that the lines of a message are what they seem.
 */
#include <nghttp2/nghttp2.h>

#include "base/pool.h"
#include "base/slab.h"
#include "wire/field.h"
#include "wire/http2_priv.h"

/* ---- memory ---- */

/* Entries of the table are small and many: two sizes below the pool's. */
static struct at_slab small = AT_SLAB_INIT(64), medium = AT_SLAB_INIT(128);

static void *get(size_t n, void *unused)
{
	(void)unused;
	return n <= 64    ? at_slab_get(&small)
	       : n <= 128 ? at_slab_get(&medium)
			  : at_pool_get(n, NULL);
}

static void put(void *p, void *unused)
{
	(void)unused;
	if (p)
		at_slab_put(p);
}

static void *get_zeroed(size_t count, size_t size, void *unused)
{
	size_t n;
	void *p = __builtin_mul_overflow(count, size, &n) ? NULL : get(n, unused);
	return p ? memset(p, 0, n) : NULL;
}

static void *get_again(void *p, size_t n, void *unused)
{
	size_t had = p ? at_slab_size_of(p) : 0;
	if (n <= had)
		return p;
	void *to = get(n, unused);
	if (!to)
		return NULL;
	if (p)
		memcpy(to, p, had);
	put(p, unused);
	return to;
}

static nghttp2_mem memory = {NULL, get, put, get_zeroed, get_again};

void at_http2_inflater_free(struct at_http2 *h)
{
	if (h->inflater)
		nghttp2_hd_inflate_del(h->inflater);
	h->inflater = NULL;
}

static bool make_inflater(struct at_http2 *h)
{
	if (h->inflater)
		return true;
	if (nghttp2_hd_inflate_new2(&h->inflater, &memory) != 0) {
		h->inflater = NULL;
		return false;
	}
	return nghttp2_hd_inflate_change_table_size(h->inflater, AT_HTTP2_TABLE_MAX) == 0;
}

/* ---- fields ---- */

/* A message in the making. Its slices hold offsets in `text` until all of it is there. */
struct making {
	struct at_message *m;    /* the message */
	struct at_buf *text;     /* values of pseudo-fields, then lines */
	struct at_str authority; /* :authority */
	uint64_t size;           /* of the list of fields */
	bool lines;              /* the pseudo-fields are over */
	uint32_t lines_at;       /* where the lines begin */
};

static bool is_name(struct at_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f || (s.p[i] == ':' && i))
			return false;
	return s.n > 0;
}

static bool is_value(struct at_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\r' || s.p[i] == '\n' || s.p[i] == '\0')
			return false;
	return true;
}

/* The value's place in text, to be made a pointer later. */
static struct at_str place(size_t at, size_t n)
{
	return (struct at_str){(const char *)at, n}; // NOLINT(performance-no-int-to-ptr)
}

static void pseudo(struct making *to, struct at_str name, struct at_str value)
{
	struct at_message *m = to->m;
	struct {
		struct at_str name;
		struct at_str *to;
	} rows[] = {
		{AT_STR(":method"), &m->method},
		{AT_STR(":path"), &m->target},
		{AT_STR(":scheme"), &m->scheme},
		{AT_STR(":authority"), &to->authority},
	};
	uint64_t status;
	if (to->lines || !value.n)
		return;
	if (at_str_eq(name, AT_STR(":status")) && value.n == 3 && at_str_u64(value, &status)) {
		m->status = (uint16_t)status;
		return;
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t at = to->text->n;
		if (!at_str_eq(name, rows[i].name) || rows[i].to->n)
			continue;
		if (at_buf_add(to->text, value.p, value.n, AT_HTTP2_TEXT_MAX))
			*rows[i].to = place(at, value.n);
	}
}

/* One line of the block, all of it or nothing. */
static bool add_line(struct at_buf *text, struct at_str name, struct at_str value)
{
	uint32_t before = text->n;
	if (at_buf_add(text, name.p, name.n, AT_HTTP2_TEXT_MAX) &&
	    at_buf_add(text, ": ", 2, AT_HTTP2_TEXT_MAX) &&
	    at_buf_add(text, value.p, value.n, AT_HTTP2_TEXT_MAX) &&
	    at_buf_add(text, "\r\n", 2, AT_HTTP2_TEXT_MAX))
		return true;
	text->n = before;
	return false;
}

static void add_field(struct making *to, struct at_str name, struct at_str value)
{
	value = at_str_trim(value);
	if (!is_name(name) || !is_value(value))
		return;
	if (name.p[0] == ':') {
		pseudo(to, name, value);
		return;
	}
	if (!to->lines)
		to->lines_at = to->text->n;
	to->lines = true;
	size_t at = to->text->n + name.n + 2;
	if (!add_line(to->text, name, value))
		return;
	int field = at_field_find(to->m->half, name);
	if (field < 0)
		return;
	struct at_field_value *f = &to->m->field[field];
	if (f->count++ == 0)
		f->value = place(at, value.n);
}

static void point(struct at_str *s, const struct at_buf *text)
{
	s->p = s->n ? text->p + (size_t)s->p : NULL;
}

/* Offsets become pointers; what HTTP/1 says otherwise is put where it says it. */
static void finish(struct making *to)
{
	struct at_message *m = to->m;
	struct at_field_value *host = &m->field[AT_FIELD_host];
	point(&m->method, to->text);
	point(&m->target, to->text);
	point(&m->scheme, to->text);
	point(&to->authority, to->text);
	for (int i = 0; i < AT_FIELDS; i++)
		point(&m->field[i].value, to->text);
	if (to->lines)
		m->block = at_str(to->text->p + to->lines_at, to->text->n - to->lines_at);
	if (to->authority.n && m->half == AT_WIRE_REQUEST) {
		host->value = to->authority;
		host->count = 1;
		if (!m->target.n)
			m->target = to->authority;
	}
}

/* ---- blocks ---- */

static bool inflate(struct at_http2 *h, struct at_str block, struct making *to,
		    enum at_http2_stop *ret_why)
{
	const uint8_t *in = (const uint8_t *)(block.n ? block.p : "");
	size_t left = block.n;
	int flags = 0;
	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv nv;
		flags = 0;
		ssize_t n = nghttp2_hd_inflate_hd2(h->inflater, &nv, &flags, in, left, 1);
		if (n < 0) {
			*ret_why = n == NGHTTP2_ERR_NOMEM ? AT_HTTP2_STOP_OVER_CAP
							  : AT_HTTP2_STOP_MALFORMED;
			return false;
		}
		in += n;
		left -= (size_t)n;
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		to->size += nv.namelen + nv.valuelen + 32;
		add_field(to, at_str((const char *)nv.name, nv.namelen),
			  at_str((const char *)nv.value, nv.valuelen));
	}
	nghttp2_hd_inflate_end_headers(h->inflater);
	return true;
}

bool at_http2_decode(struct at_http2_run *run, struct at_str block, struct at_message *m,
		     uint64_t *ret_size)
{
	struct at_http2 *h = run->owner;
	struct making to = {.m = m, .text = &h->text};
	enum at_http2_stop why = AT_HTTP2_STOP_OVER_CAP;
	memset(m, 0, sizeof(*m));
	m->half = (enum at_wire_half)h->half;
	m->version = 20;
	m->declared_body = UINT64_MAX;
	h->text.n = 0;
	if (!make_inflater(h) || !inflate(h, block, &to, &why)) {
		at_http2_refuse(run, why);
		return false;
	}
	finish(&to);
	*ret_size = to.size;
	return true;
}
