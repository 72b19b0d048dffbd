/*
 * The processor `redact`: no secret of a query string and no credentials of a URL leave the
 * process. Fed by the chain; changes url.query and url.full. Owns the list of parameters:
 * sensitive.def, and what the user added or took away. A value that cannot be rewritten is taken
 * off the span.
 */
#include <stdlib.h>

#include "config/config.h"
#include "processor/chain.h"

#define NAMES       128
#define HIDDEN      "REDACTED"
#define HIDDEN_USER "REDACTED:REDACTED@"

/* A parameter on the list. */
struct name {
	struct at_str text; /* static or the configuration's */
	bool exact;         /* upper and lower case matter */
};

struct redact {
	struct name names[NAMES];
	unsigned count;
};

static const struct name built_in[] = {
#define AT_SENSITIVE(text, exact) {AT_STR(text), exact},
#include "processor/sensitive.def"
#undef AT_SENSITIVE
};

static bool matches(const struct name *n, struct at_str key)
{
	if (n->text.n != key.n)
		return false;
	return n->exact ? at_str_eq(n->text, key) : at_str_eq_nocase(n->text, key);
}

static bool in_list(struct at_str list, struct at_str key)
{
	while (list.n)
		if (at_str_eq_nocase(at_str_trim(at_str_cut(&list, ',')), key))
			return true;
	return false;
}

static void *open_redact(const struct at_config *c)
{
	struct redact *r = calloc(1, sizeof(*r));
	struct at_str add = c->redact_add;
	if (!r)
		return NULL;
	for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
		if (!in_list(c->redact_remove, built_in[i].text))
			r->names[r->count++] = built_in[i];
	while (add.n && r->count < NAMES) {
		struct at_str name = at_str_trim(at_str_cut(&add, ','));
		if (name.n)
			r->names[r->count++] = (struct name){name, false};
	}
	return r;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The key with its percent-encoding undone, so that none hides behind it. */
static struct at_str plain_key(struct at_str key, char *dst, size_t room)
{
	size_t n = 0;
	if (at_str_find(key, '%') < 0)
		return key;
	for (size_t i = 0; i < key.n && n < room; i++) {
		int high = key.n - i > 2 && key.p[i] == '%' ? hex_digit(key.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(key.p[i + 2]) : -1;
		if (low >= 0)
			i += 2;
		dst[n++] = low >= 0 ? (char)(high * 16 + low) : key.p[i];
	}
	return at_str(dst, n);
}

static bool secret(const struct redact *r, struct at_str key)
{
	char plain[64];
	key = plain_key(key, plain, sizeof(plain));
	for (unsigned i = 0; i < r->count; i++)
		if (matches(&r->names[i], key))
			return true;
	return false;
}

/* The next parameter of a query; *rest goes behind its separator. */
static struct at_str next_parameter(struct at_str *rest, char *ret_separator)
{
	for (size_t i = 0; i < rest->n; i++)
		if (rest->p[i] == '&' || rest->p[i] == ';') {
			struct at_str p = at_str_head(*rest, i);
			*ret_separator = rest->p[i];
			*rest = at_str_from(*rest, i + 1);
			return p;
		}
	struct at_str p = *rest;
	*rest = AT_STR_NONE;
	*ret_separator = 0;
	return p;
}

/* Length of the key when the parameter is a secret with a value, else 0. */
static size_t secret_key(const struct redact *r, struct at_str parameter)
{
	ptrdiff_t equals = at_str_find(parameter, '=');
	if (equals <= 0 || (size_t)equals + 1 == parameter.n)
		return 0;
	return secret(r, at_str_head(parameter, (size_t)equals)) ? (size_t)equals : 0;
}

static bool has_secret(const struct redact *r, struct at_str query)
{
	char separator;
	while (query.n)
		if (secret_key(r, next_parameter(&query, &separator)))
			return true;
	return false;
}

static char *put(char *p, struct at_str s)
{
	if (s.n)
		memcpy(p, s.p, s.n);
	return p + s.n;
}

/* The query with the values of secrets replaced, at dst; at most 4 * query.n + 8 bytes. */
static char *put_query(const struct redact *r, char *dst, struct at_str query)
{
	while (query.n) {
		char separator;
		struct at_str parameter = next_parameter(&query, &separator);
		size_t key = secret_key(r, parameter);
		dst = put(dst, key ? at_str_head(parameter, key + 1) : parameter);
		if (key)
			dst = put(dst, AT_STR(HIDDEN));
		if (separator)
			*dst++ = separator;
	}
	return dst;
}

/* The pieces of a URL around its credentials and its query. */
struct url {
	struct at_str scheme; /* with "://" */
	struct at_str user;   /* without '@', empty when there is none */
	struct at_str middle; /* host and path, with '?' when there is a query */
	struct at_str query;
	struct at_str tail; /* '#' and what follows */
};

static struct url split(struct at_str s)
{
	struct url u = {.scheme = AT_STR_NONE};
	size_t authority;
	for (size_t i = 0; i + 3 <= s.n; i++)
		if (memcmp(s.p + i, "://", 3) == 0) {
			u.scheme = at_str_head(s, i + 3);
			s = at_str_from(s, i + 3);
			break;
		}
	for (authority = 0; authority < s.n; authority++)
		if (s.p[authority] == '/' || s.p[authority] == '?' || s.p[authority] == '#')
			break;
	for (size_t i = authority; i > 0; i--)
		if (s.p[i - 1] == '@') {
			u.user = at_str_head(s, i - 1);
			s = at_str_from(s, i);
			break;
		}
	ptrdiff_t hash = at_str_find(s, '#');
	if (hash >= 0) {
		u.tail = at_str_from(s, (size_t)hash);
		s = at_str_head(s, (size_t)hash);
	}
	ptrdiff_t mark = at_str_find(s, '?');
	u.middle = mark < 0 ? s : at_str_head(s, (size_t)mark + 1);
	u.query = mark < 0 ? AT_STR_NONE : at_str_from(s, (size_t)mark + 1);
	return u;
}

static bool redact_query(const struct redact *r, struct at_attr *a, struct at_scratch *scratch)
{
	if (!has_secret(r, a->str))
		return true;
	char *p = at_scratch_take(scratch, 4 * a->str.n + 8);
	if (!p)
		return false;
	a->str = at_str(p, (size_t)(put_query(r, p, a->str) - p));
	at_scratch_trim(scratch, p, a->str.n);
	return true;
}

static bool redact_full(const struct redact *r, struct at_attr *a, struct at_scratch *scratch)
{
	struct url u = split(a->str);
	if (!u.user.n && !has_secret(r, u.query))
		return true;
	char *start = at_scratch_take(scratch, 4 * a->str.n + 32);
	if (!start)
		return false;
	char *p = put(start, u.scheme);
	if (u.user.n)
		p = put(p, AT_STR(HIDDEN_USER));
	p = put(p, u.middle);
	p = put(put_query(r, p, u.query), u.tail);
	a->str = at_str(start, (size_t)(p - start));
	at_scratch_trim(scratch, start, a->str.n);
	return true;
}

static bool run(void *self, struct at_span *s, struct at_scratch *scratch)
{
	const struct redact *r = self;
	struct at_attr *a = at_span_attr(s, AT_KEY_url_query);
	if (a && !redact_query(r, a, scratch))
		at_span_unset(s, AT_KEY_url_query);
	a = at_span_attr(s, AT_KEY_url_full);
	if (a && !redact_full(r, a, scratch))
		at_span_unset(s, AT_KEY_url_full);
	return true;
}

const struct at_processor_ops at_redact_ops = {
	.name = "redact",
	.repeats = true,
	.open = open_redact,
	.close = free,
	.run = run,
};
