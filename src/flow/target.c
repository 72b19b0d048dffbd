/*
 * See target.h. Fed by describe.c.
 */
#include "flow/target.h"

/* Offset behind "scheme://", 0 when the target does not begin so. */
static size_t after_scheme(struct at_str t)
{
	size_t i = 0;
	if (t.n == 0 || t.p[0] == '/')
		return 0;
	while (i < t.n && i < 16 && t.p[i] != ':' && t.p[i] != '/' && t.p[i] != '?')
		i++;
	return i > 0 && t.n - i >= 3 && memcmp(t.p + i, "://", 3) == 0 ? i + 3 : 0;
}

bool at_target_is_absolute(struct at_str target)
{
	return after_scheme(target) != 0;
}

static void split_path(struct at_str t, struct at_target *ret)
{
	ptrdiff_t fragment = at_str_find(t, '#');
	if (fragment >= 0)
		t.n = (size_t)fragment;
	ptrdiff_t mark = at_str_find(t, '?');
	ret->path = mark < 0 ? t : at_str_head(t, (size_t)mark);
	ret->query = mark < 0 ? AT_STR_NONE : at_str_from(t, (size_t)mark + 1);
}

struct at_target at_target_parse(struct at_str target)
{
	struct at_target r = {0};
	size_t from = after_scheme(target);
	if (from == 0) {
		if (target.n && (target.p[0] == '/' || target.p[0] == '*'))
			split_path(target, &r);
		return r;
	}
	struct at_str rest = at_str_from(target, from);
	size_t end = 0;
	while (end < rest.n && rest.p[end] != '/' && rest.p[end] != '?' && rest.p[end] != '#')
		end++;
	r.authority = at_str_head(rest, end);
	ptrdiff_t user = at_str_find(r.authority, '@');
	if (user >= 0)
		r.authority = at_str_from(r.authority, (size_t)user + 1);
	split_path(at_str_from(rest, end), &r);
	if (r.path.n == 0)
		r.path = AT_STR("/");
	return r;
}

static unsigned port_of(struct at_str text)
{
	uint64_t v;
	return at_str_u64(text, &v) && v <= 65535 ? (unsigned)v : 0;
}

struct at_authority at_target_authority(struct at_str text)
{
	struct at_authority a = {.host = at_str_trim(text)};
	if (a.host.n && a.host.p[0] == '[') {
		struct at_str inside = at_str_from(a.host, 1);
		ptrdiff_t close = at_str_find(inside, ']');
		if (close < 0)
			return a;
		struct at_str rest = at_str_from(inside, (size_t)close + 1);
		a.host = at_str_head(inside, (size_t)close);
		if (rest.n && rest.p[0] == ':')
			a.port = port_of(at_str_from(rest, 1));
		return a;
	}
	ptrdiff_t colon = at_str_find(a.host, ':');
	if (colon < 0 || at_str_find(at_str_from(a.host, (size_t)colon + 1), ':') >= 0)
		return a; /* no port, or a bare IPv6 address */
	a.port = port_of(at_str_from(a.host, (size_t)colon + 1));
	a.host = at_str_head(a.host, (size_t)colon);
	return a;
}

static struct at_str unquoted(struct at_str s)
{
	s = at_str_trim(s);
	return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? at_str(s.p + 1, s.n - 2) : s;
}

/* The first element of Forwarded: the one that the outermost proxy wrote. */
static void read_forwarded(struct at_str value, struct at_str *ret_for, struct at_str *ret_proto,
			   struct at_str *ret_host)
{
	struct at_str element = at_str_cut(&value, ',');
	while (element.n) {
		struct at_str v = at_str_cut(&element, ';');
		struct at_str name = at_str_trim(at_str_cut(&v, '='));
		if (at_str_eq_nocase(name, AT_STR("for")))
			*ret_for = unquoted(v);
		else if (at_str_eq_nocase(name, AT_STR("proto")))
			*ret_proto = unquoted(v);
		else if (at_str_eq_nocase(name, AT_STR("host")))
			*ret_host = unquoted(v);
	}
}

static struct at_str first_of(struct at_str list)
{
	return at_str_trim(at_str_cut(&list, ','));
}

struct at_origin at_target_origin(const struct at_message *m, bool secure)
{
	const struct at_field_value *f = m->field;
	struct at_str client = AT_STR_NONE;
	struct at_str scheme = AT_STR_NONE;
	struct at_str host = AT_STR_NONE;
	struct at_origin o;
	if (f[AT_FIELD_forwarded].count)
		read_forwarded(f[AT_FIELD_forwarded].value, &client, &scheme, &host);
	if (!client.n)
		client = first_of(f[AT_FIELD_x_forwarded_for].value);
	if (!scheme.n)
		scheme = first_of(f[AT_FIELD_x_forwarded_proto].value);
	if (!host.n)
		host = first_of(f[AT_FIELD_x_forwarded_host].value);
	if (!scheme.n)
		scheme = m->scheme;
	if (!host.n)
		host = at_target_parse(m->target).authority;
	if (!host.n)
		host = f[AT_FIELD_host].value;
	if (scheme.n)
		secure = at_str_eq_nocase(scheme, AT_STR("https"));
	o.scheme = secure ? AT_STR("https") : AT_STR("http");
	o.authority = at_target_authority(host);
	o.client = at_target_authority(client).host;
	return o;
}
