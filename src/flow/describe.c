/*
 * HTTP messages as attributes. Fed by server.c, client.c and talk.c; writes into the exchange. Cuts
 * and chooses, never interprets more than the conventions ask for; redaction and routes come later,
 * in processor/.
 */
#include "flow/describe.h"

#include "base/pool.h"
#include "flow/boot.h"
#include "flow/talk.h"
#include "flow/target.h"

/* The methods of the conventions; case-sensitive. */
static const struct {
	struct at_str name;
	enum at_method method;
} known_methods[] = {
	{AT_STR("GET"), AT_METHOD_OTHER},    {AT_STR("POST"), AT_METHOD_OTHER},
	{AT_STR("HEAD"), AT_METHOD_HEAD},    {AT_STR("PUT"), AT_METHOD_OTHER},
	{AT_STR("DELETE"), AT_METHOD_OTHER}, {AT_STR("OPTIONS"), AT_METHOD_OTHER},
	{AT_STR("PATCH"), AT_METHOD_OTHER},  {AT_STR("CONNECT"), AT_METHOD_CONNECT},
	{AT_STR("TRACE"), AT_METHOD_OTHER},  {AT_STR("QUERY"), AT_METHOD_OTHER},
};

static bool in_list(struct at_str list, struct at_str item, bool nocase)
{
	while (list.n) {
		struct at_str part = at_str_trim(at_str_cut(&list, ','));
		if (nocase ? at_str_eq_nocase(part, item) : at_str_eq(part, item))
			return true;
	}
	return false;
}

void at_describe_method(struct at_exchange *x, struct at_str method)
{
	struct at_str own_list = at_boot.config.known_methods;
	bool known = own_list.n && in_list(own_list, method, false);
	for (size_t i = 0; i < sizeof(known_methods) / sizeof(known_methods[0]); i++) {
		if (!at_str_eq(method, known_methods[i].name))
			continue;
		x->method = (uint8_t)known_methods[i].method;
		known = known || own_list.n == 0;
		break;
	}
	struct at_str name = known ? at_str_head(method, sizeof(x->method_name)) : AT_STR("HTTP");
	memcpy(x->method_name, name.p, name.n);
	x->method_len = (uint8_t)name.n;
}

static void put_method(struct at_exchange *x, struct at_str method)
{
	bool other = !at_str_eq(method, at_str(x->method_name, x->method_len));
	at_attrs_str(&x->attrs, AT_KEY_http_request_method, other ? AT_STR("_OTHER") : method);
	if (other)
		at_attrs_str(&x->attrs, AT_KEY_http_request_method_original, method);
}

static void put_some(struct at_exchange *x, enum at_key key, struct at_str value)
{
	if (value.n)
		at_attrs_str(&x->attrs, key, value);
}

static void put_peer(struct at_exchange *x, const struct at_endpoint *peer)
{
	char text[AT_ENDPOINT_TEXT];
	size_t n = at_endpoint_text(peer, text);
	put_some(x, AT_KEY_network_peer_address, at_str(text, n));
	if (peer->port)
		at_attrs_int(&x->attrs, AT_KEY_network_peer_port, peer->port);
	if (peer->family == AF_UNIX)
		at_attrs_str(&x->attrs, AT_KEY_network_transport, AT_STR("unix"));
}

static bool is_secure(const struct at_exchange *x)
{
	return x->talk->conn->way == AT_WAY_SECURE;
}

/* What was asked for, where the request says it. */
static bool is_https(const struct at_exchange *x, const struct at_message *m)
{
	return m->scheme.n ? at_str_eq_nocase(m->scheme, AT_STR("https")) : is_secure(x);
}

static void put_tls(struct at_exchange *x)
{
	static const struct at_str names[] = {AT_STR("3"), AT_STR("1.0"), AT_STR("1.1"),
					      AT_STR("1.2"), AT_STR("1.3")};
	unsigned minor = x->talk->conn->tls_version - 0x0300u;
	if (!is_secure(x) || minor >= sizeof(names) / sizeof(names[0]))
		return;
	at_attrs_str(&x->attrs, AT_KEY_tls_protocol_name, minor ? AT_STR("tls") : AT_STR("ssl"));
	at_attrs_str(&x->attrs, AT_KEY_tls_protocol_version, names[minor]);
}

static void put_version(struct at_exchange *x, const struct at_message *m)
{
	at_attrs_str(&x->attrs, AT_KEY_network_protocol_version,
		     m->version == 20   ? AT_STR("2")
		     : m->version == 10 ? AT_STR("1.0")
					: AT_STR("1.1"));
}

static void put_authority(struct at_exchange *x, struct at_authority a, unsigned default_port)
{
	unsigned port = a.port ? a.port : default_port;
	if (!a.host.n)
		return;
	at_attrs_str(&x->attrs, AT_KEY_server_address, a.host);
	if (port)
		at_attrs_int(&x->attrs, AT_KEY_server_port, port);
}

/* One header: its lines as one value, as a recipient may join them (RFC 9110, 5.3). */
static void put_header(struct at_exchange *x, const struct at_message *m, struct at_str prefix,
		       struct at_str wanted)
{
	struct at_buf join = {0};
	struct at_str all = AT_STR_NONE;
	struct at_str name;
	struct at_str value;
	unsigned lines = 0;
	for (size_t pos = 0; at_message_next(m, &pos, &name, &value);) {
		if (!at_str_eq_nocase(name, wanted))
			continue;
		if (lines++ == 0)
			all = value;
		else if ((lines > 2 || at_buf_add(&join, all.p, all.n, AT_POOL_MAX)) &&
			 at_buf_add(&join, ", ", 2, AT_POOL_MAX) &&
			 at_buf_add(&join, value.p, value.n, AT_POOL_MAX))
			all = at_buf_str(&join);
	}
	if (lines)
		at_attrs_list(&x->attrs, prefix, wanted,
			      in_list(at_boot.config.capture_sanitize, wanted, true)
				      ? AT_STR("[REDACTED]")
				      : all);
	at_buf_free(&join);
}

/* Headers the user listed, lower-cased names, values hidden when on the sanitize list. */
static void put_captured(struct at_exchange *x, const struct at_message *m, struct at_str list,
			 struct at_str prefix)
{
	struct at_str rest = list;
	while (rest.n) {
		struct at_str before = at_str_head(list, list.n - rest.n);
		struct at_str wanted = at_str_trim(at_str_cut(&rest, ','));
		if (wanted.n && !in_list(before, wanted, true))
			put_header(x, m, prefix, wanted);
	}
}

/* Room for all that may be copied from a head: the text of it, and the frames of the attributes. */
static void reserve(struct at_exchange *x, const struct at_message *m, struct at_str captures)
{
	const struct at_field_value *f = m->field;
	size_t n = 352 + 2 * m->target.n + m->method.n + f[AT_FIELD_host].value.n +
		   f[AT_FIELD_user_agent].value.n + f[AT_FIELD_forwarded].value.n +
		   f[AT_FIELD_x_forwarded_for].value.n + f[AT_FIELD_x_forwarded_host].value.n +
		   f[AT_FIELD_x_forwarded_proto].value.n;
	at_exchange_room(x, captures.n ? n + 2 * m->block.n : n);
}

/* The attributes so far are what requests on one connection have alike. */
static void mark_fixed(struct at_exchange *x, const struct at_repeat *from)
{
	x->fixed_bytes = x->attrs.n;
	x->fixed_attrs = x->attrs.count;
	x->fixed_hash = from->hash;
}

static void put_server_fixed(struct at_exchange *x, const struct at_message *m,
			     const struct at_endpoint *peer)
{
	struct at_origin origin = at_target_origin(m, is_secure(x));
	char text[AT_ENDPOINT_TEXT];
	put_method(x, m->method);
	at_attrs_str(&x->attrs, AT_KEY_url_scheme, origin.scheme);
	put_authority(x, origin.authority, at_str_eq(origin.scheme, AT_STR("https")) ? 443 : 80);
	if (origin.client.n)
		at_attrs_str(&x->attrs, AT_KEY_client_address, origin.client);
	else
		put_some(x, AT_KEY_client_address, at_str(text, at_endpoint_text(peer, text)));
	put_peer(x, peer);
	put_version(x, m);
	put_tls(x);
	put_some(x, AT_KEY_user_agent_original, m->field[AT_FIELD_user_agent].value);
}

void at_describe_server(struct at_exchange *x, const struct at_message *m,
			const struct at_endpoint *peer)
{
	struct at_str captures = at_boot.config.capture_server_request;
	struct at_target target = at_target_parse(m->target);
	struct at_repeat *repeat = &x->talk->repeat;
	reserve(x, m, captures);
	if (!at_repeat_fits(m, captures)) {
		put_server_fixed(x, m, peer);
	} else {
		if (!at_repeat_use(repeat, m, &x->attrs)) {
			put_server_fixed(x, m, peer);
			at_repeat_make(repeat, m, &x->attrs);
		}
		mark_fixed(x, repeat);
	}
	put_some(x, AT_KEY_url_path, target.path);
	put_some(x, AT_KEY_url_query, target.query);
	put_captured(x, m, captures, AT_STR("http.request.header."));
}

/* A text attribute of those collected, empty when there is none. */
static struct at_str text_of(const struct at_attrs *a, enum at_key key)
{
	const char *p = a->p;
	uint32_t n = a->n;
	for (uint32_t at = 0; n - at >= sizeof(struct at_record_attr);) {
		struct at_record_attr one;
		memcpy(&one, p + at, sizeof(one));
		at += sizeof(one);
		if (one.key_len > n - at || one.len > n - at - one.key_len)
			break;
		if (one.key == key && one.type == AT_ATTR_STRING)
			return at_str(p + at + one.key_len, one.len);
		at += one.key_len + one.len;
	}
	return AT_STR_NONE;
}

bool at_describe_same(const struct at_exchange *x, const struct at_message *m)
{
	struct at_target target = at_target_parse(m->target);
	struct {
		enum at_key key;
		struct at_str value;
	} alike[] = {
		{AT_KEY_url_path, target.path},
		{AT_KEY_url_query, target.query},
		{AT_KEY_server_address, at_target_origin(m, false).authority.host},
		{AT_KEY_user_agent_original, m->field[AT_FIELD_user_agent].value},
	};
	struct at_attrs has = x->attrs;
	if (!target.path.n || !at_str_eq(at_str(x->method_name, x->method_len), m->method))
		return false;
	for (size_t i = 0; i < sizeof(alike) / sizeof(alike[0]); i++)
		if (!at_str_eq(text_of(&has, alike[i].key), alike[i].value))
			return false;
	return true;
}

/* url.full: the target when it is a whole URL, else put together with the authority. */
static void put_url(struct at_exchange *x, const struct at_message *m, struct at_str authority)
{
	struct at_str target = m->target;
	if (at_target_is_absolute(target) || !authority.n) {
		at_attrs_str(&x->attrs, AT_KEY_url_full, target);
		return;
	}
	bool tunnel = target.n && target.p[0] != '/' && x->method == AT_METHOD_CONNECT;
	struct at_str parts[] = {is_https(x, m) ? AT_STR("https://") : AT_STR("http://"), authority,
				 tunnel ? AT_STR_NONE : target};
	at_attrs_join(&x->attrs, AT_KEY_url_full, parts, 3);
}

static void put_client_fixed(struct at_exchange *x, const struct at_message *m,
			     const struct at_endpoint *peer, struct at_str host, unsigned port)
{
	put_method(x, m->method);
	put_authority(x, at_target_authority(host), port);
	put_peer(x, peer);
	put_version(x, m);
	put_tls(x);
	put_some(x, AT_KEY_user_agent_original, m->field[AT_FIELD_user_agent].value);
}

void at_describe_client(struct at_exchange *x, const struct at_message *m,
			const struct at_endpoint *peer)
{
	struct at_str captures = at_boot.config.capture_client_request;
	struct at_target target = at_target_parse(m->target);
	struct at_str host = target.authority.n ? target.authority : m->field[AT_FIELD_host].value;
	struct at_repeat *repeat = &x->talk->repeat;
	unsigned port = !host.n ? peer->port : is_https(x, m) ? 443 : 80;
	char text[AT_ENDPOINT_TEXT];
	if (!host.n)
		host = at_str(text, at_endpoint_text(peer, text));
	reserve(x, m, captures);
	if (!at_repeat_fits(m, captures)) {
		put_client_fixed(x, m, peer, host, port);
	} else {
		if (!at_repeat_use(repeat, m, &x->attrs)) {
			put_client_fixed(x, m, peer, host, port);
			at_repeat_make(repeat, m, &x->attrs);
		}
		mark_fixed(x, repeat);
	}
	put_url(x, m, host);
	put_captured(x, m, captures, AT_STR("http.request.header."));
}

void at_describe_response(struct at_exchange *x, const struct at_message *m)
{
	bool server = x->kind == AT_SPAN_SERVER;
	struct at_str list = server ? at_boot.config.capture_server_response
				    : at_boot.config.capture_client_response;
	if (!list.n)
		return;
	at_exchange_room(x, 2 * m->block.n + 256);
	put_captured(x, m, list, AT_STR("http.response.header."));
}

void at_describe_connect(struct at_exchange *x, const struct at_endpoint *peer)
{
	static const char name[] = "connect";
	char text[AT_ENDPOINT_TEXT];
	size_t n = at_endpoint_text(peer, text);
	memcpy(x->method_name, name, sizeof(name) - 1);
	x->method_len = sizeof(name) - 1;
	put_some(x, AT_KEY_server_address, at_str(text, n));
	if (peer->port)
		at_attrs_int(&x->attrs, AT_KEY_server_port, peer->port);
	put_peer(x, peer);
}

static void put_sizes(struct at_exchange *x)
{
	if (x->asked) {
		at_attrs_int(&x->attrs, AT_KEY_http_request_body_size, (int64_t)x->request_body);
		at_attrs_int(&x->attrs, AT_KEY_http_request_size, (int64_t)x->request_wire);
	}
	if (x->response_wire) {
		at_attrs_int(&x->attrs, AT_KEY_http_response_body_size, (int64_t)x->response_body);
		at_attrs_int(&x->attrs, AT_KEY_http_response_size, (int64_t)x->response_wire);
	}
}

struct at_str at_describe_rule(const struct at_exchange *x)
{
	static const struct at_str names[AT_RULES] = {
		AT_STR("none"),     AT_STR("header"),   AT_STR("bridge"),      AT_STR("thread"),
		AT_STR("taken"),    AT_STR("loop"),     AT_STR("repeated"),    AT_STR("inherited"),
		AT_STR("only one"), AT_STR("deferred"), AT_STR("environment"),
	};
	return x->kind == AT_SPAN_SERVER && x->parent_remote ? AT_STR("remote") : names[x->rule];
}

/* What is measured anew each time; behind all else. */
static void put_own(struct at_exchange *x)
{
	uint32_t n = x->attrs.n;
	uint16_t count = x->attrs.count;
	if (x->kind == AT_SPAN_CLIENT && x->first_byte)
		at_attrs_double(&x->attrs, AT_KEY_autotrace_ttfb,
				(double)(x->first_byte - x->start) / 1e9);
	x->own_bytes = x->attrs.n - n;
	x->own_attrs = (uint16_t)(x->attrs.count - count);
}

/* Status, sizes and what went wrong. */
static enum at_span_status put_end(struct at_exchange *x, const char *error_type)
{
	char code[20];
	unsigned fails_from = x->kind == AT_SPAN_SERVER ? 500 : 400;
	if (x->status)
		at_attrs_int(&x->attrs, AT_KEY_http_response_status_code, x->status);
	if (at_boot.config.sizes)
		put_sizes(x);
	if (at_boot.config.link_rule)
		at_attrs_str(&x->attrs, AT_KEY_autotrace_link_rule, at_describe_rule(x));
	if (error_type) {
		at_attrs_str(&x->attrs, AT_KEY_error_type, at_str_c(error_type));
		return AT_STATUS_ERROR;
	}
	if (x->status < fails_from)
		return AT_STATUS_UNSET;
	at_attrs_str(&x->attrs, AT_KEY_error_type, at_str(code, at_dec_encode(code, x->status)));
	return AT_STATUS_ERROR;
}

enum at_span_status at_describe_end(struct at_exchange *x, const char *error_type)
{
	at_exchange_room(x, 192);
	enum at_span_status status = put_end(x, error_type);
	put_own(x);
	return status;
}
