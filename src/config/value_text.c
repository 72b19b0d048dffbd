/*
 * Reads values of settings that stay text: plain ones, the OTLP URL (specification: OTLP exporter,
 * endpoint URLs for OTLP/HTTP, endpoint of OTLP/gRPC), header lists and the attributes that an
 * operator injects. Fed by config.c, in the constructor; texts go to the caller's arena, each with
 * a NUL behind it.
 */
#include "config/value.h"

#include "config/config.h"

bool at_value_keep(struct at_value_arena *a, struct at_str *ret, struct at_str one,
		   struct at_str two, struct at_str three)
{
	const struct at_str part[] = {one, two, three};
	size_t n = one.n + two.n + three.n;
	char *p = a->p;
	if (n >= a->room)
		return false;
	*ret = at_str(a->p, n);
	for (size_t i = 0; i < 3; i++) {
		if (part[i].n)
			memcpy(p, part[i].p, part[i].n);
		p += part[i].n;
	}
	*p++ = 0;
	a->p = p;
	a->room -= n + 1;
	return true;
}

static enum at_verdict keep(struct at_value *v, struct at_str one, struct at_str two,
			    struct at_str three)
{
	return at_value_keep(v->arena, v->field, one, two, three) ? AT_VALUE_OK : AT_VALUE_TOO_LONG;
}

enum at_verdict at_value_text(struct at_value *v)
{
	return keep(v, v->text, AT_STR_NONE, AT_STR_NONE);
}

enum at_verdict at_value_unsupported(struct at_value *v)
{
	v->item = v->text;
	return AT_VALUE_UNSUPPORTED;
}

/* Length of "http://" or "https://" at the start, 0 when there is neither. */
static size_t scheme(struct at_str url)
{
	if (at_str_eq_nocase(at_str_head(url, 7), AT_STR("http://")))
		return 7;
	if (at_str_eq_nocase(at_str_head(url, 8), AT_STR("https://")))
		return 8;
	return 0;
}

/* host[:port] or [v6][:port]. */
static bool host_port(struct at_str s)
{
	uint64_t port;
	ptrdiff_t end = s.n && s.p[0] == '[' ? at_str_find(s, ']') : -1;
	size_t host = end > 0 ? (size_t)end + 1 : 0;
	if (s.n && s.p[0] == '[' && end < 2)
		return false;
	if (!host) {
		ptrdiff_t colon = at_str_find(s, ':');
		host = colon < 0 ? s.n : (size_t)colon;
	}
	if (host == 0)
		return false;
	s = at_str_from(s, host);
	if (s.n == 0)
		return true;
	return s.p[0] == ':' && at_str_u64(at_str_from(s, 1), &port) && port > 0 && port < 65536;
}

/* Where the authority that begins at `start` ends (at '/', '?', '#' or the end); 0: it is none. */
static size_t authority_end(struct at_str url, size_t start)
{
	size_t end;
	ptrdiff_t at = -1;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~')
			return 0;
	for (end = start; end < url.n; end++) {
		if (url.p[end] == '@')
			at = (ptrdiff_t)end;
		if (url.p[end] == '/' || url.p[end] == '?' || url.p[end] == '#')
			break;
	}
	if (at >= 0)
		start = (size_t)at + 1;
	return host_port(at_str(url.p + start, end - start)) ? end : 0;
}

/* Where the path of an absolute http(s) URL begins, or would; 0: not such a URL. */
static size_t path_start(struct at_str url)
{
	size_t start = scheme(url);
	return start ? authority_end(url, start) : 0;
}

static bool grpc(const struct at_value *v)
{
	return v->config && v->config->otlp_protocol == AT_OTLP_GRPC;
}

/* A URL, of which scheme, host and port count, or host:port. */
static enum at_verdict keep_grpc(struct at_value *v)
{
	struct at_str plain = AT_STR("http://");
	size_t start = scheme(v->text);
	size_t end = authority_end(v->text, start);
	if (!end || (!start && end < v->text.n))
		return AT_VALUE_BAD;
	if (start)
		return keep(v, at_str_head(v->text, end), AT_STR_NONE, AT_STR_NONE);
	return keep(v, v->config->otlp_insecure ? plain : AT_STR("https://"), v->text, AT_STR_NONE);
}

enum at_verdict at_value_base_url(struct at_value *v)
{
	struct at_str url = v->text;
	size_t end = path_start(url);
	if (grpc(v))
		return keep_grpc(v);
	if (!end)
		return AT_VALUE_BAD;
	while (end < url.n && url.p[end] != '?' && url.p[end] != '#')
		end++;
	url.n = end;
	bool slash = url.p[url.n - 1] == '/';
	return keep(v, url, slash ? AT_STR_NONE : AT_STR("/"), AT_STR("v1/traces"));
}

enum at_verdict at_value_url(struct at_value *v)
{
	size_t end = path_start(v->text);
	struct at_str tail = at_str_from(v->text, end);
	if (grpc(v))
		return keep_grpc(v);
	if (!end)
		return AT_VALUE_BAD;
	bool path = tail.n && tail.p[0] == '/';
	return keep(v, at_str_head(v->text, end), path ? AT_STR_NONE : AT_STR("/"), tail);
}

/* Whether a list entry is `name=value` with nothing in it that would break out of a header. */
static bool header(struct at_str entry)
{
	ptrdiff_t equals = at_str_find(entry, '=');
	if (equals < 0 || !at_str_is_token(at_str_trim(at_str_head(entry, (size_t)equals))))
		return false;
	for (size_t i = (size_t)equals; i < entry.n; i++)
		if ((unsigned char)entry.p[i] < ' ' && entry.p[i] != '\t')
			return false;
	return true;
}

/* Keeps the entries that are well formed. The offending one is not told: it may hold a key. */
enum at_verdict at_value_headers(struct at_value *v)
{
	struct at_value_arena *a = v->arena;
	struct at_str rest = v->text;
	size_t n = 0;
	bool bad = false;
	while (rest.n) {
		struct at_str entry = at_str_trim(at_str_cut(&rest, ','));
		if (entry.n == 0)
			continue;
		if (!header(entry)) {
			bad = true;
			continue;
		}
		if (n + 1 + entry.n >= a->room)
			return AT_VALUE_TOO_LONG;
		if (n)
			a->p[n++] = ',';
		memcpy(a->p + n, entry.p, entry.n);
		n += entry.n;
	}
	if (n == 0)
		return AT_VALUE_BAD;
	*(struct at_str *)v->field = at_str(a->p, n);
	a->p[n] = 0;
	a->p += n + 1;
	a->room -= n + 1;
	return bad ? AT_VALUE_PART : AT_VALUE_OK;
}

/* Appends to the text in the field, with a comma between. */
static enum at_verdict append(struct at_value *v, struct at_str more)
{
	struct at_str have = *(struct at_str *)v->field;
	return keep(v, have, have.n ? AT_STR(",") : AT_STR_NONE, more);
}

enum at_verdict at_value_injected_list(struct at_value *v)
{
	return append(v, v->text);
}

/* OTEL_INJECTOR_K8S_POD_NAME=x: appends "k8s.pod.name=x", the value percent-encoded. */
enum at_verdict at_value_injected(struct at_value *v)
{
	static const char hex[] = "0123456789ABCDEF";
	struct at_str key = at_str_from(v->name, sizeof("OTEL_INJECTOR_") - 1);
	char entry[64 + 3 * 512];
	size_t n = 0;
	if (key.n > 60 || v->text.n > 512)
		return AT_VALUE_TOO_LONG;
	for (size_t i = 0; i < key.n; i++)
		entry[n++] = key.p[i] == '_'                      ? '.'
			     : key.p[i] >= 'A' && key.p[i] <= 'Z' ? (char)(key.p[i] | 0x20)
								  : key.p[i];
	entry[n++] = '=';
	for (size_t i = 0; i < v->text.n; i++) {
		unsigned char c = (unsigned char)v->text.p[i];
		bool plain = c > ' ' && c < 0x7f && c != ',' && c != ';' && c != '=' && c != '%';
		if (plain) {
			entry[n++] = (char)c;
			continue;
		}
		entry[n++] = '%';
		entry[n++] = hex[c >> 4];
		entry[n++] = hex[c & 15];
	}
	return append(v, at_str(entry, n));
}
