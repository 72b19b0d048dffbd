/*
 * Request targets, authorities, and the original request behind proxies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "flow/target.h"

static void is(const char *what, const char *in, struct at_str got, const char *expected)
{
	if (!at_str_eq(got, at_str_c(expected)))
		fail_msg("%s of \"%s\": \"%.*s\", not \"%s\"", what, in, AT_STR_ARG(got), expected);
}

static void targets_come_apart(void **state)
{
	static const struct {
		const char *in, *authority, *path, *query;
		bool absolute;
	} rows[] = {
		{"/", "", "/", "", false},
		{"/a/b?c=d&e", "", "/a/b", "c=d&e", false},
		{"/a?", "", "/a", "", false},
		{"/a?b?c", "", "/a", "b?c", false},
		{"/a#f?x", "", "/a", "", false},
		{"/a?b#f", "", "/a", "b", false},
		{"*", "", "*", "", false},
		{"", "", "", "", false},
		{"example.com:443", "", "", "", false},
		{"http://h", "h", "/", "", true},
		{"http://h:81/p?q", "h:81", "/p", "q", true},
		{"http://h?q", "h", "/", "q", true},
		{"https://user:pw@h/p", "h", "/p", "", true},
		{"http://[::1]:80/", "[::1]:80", "/", "", true},
		{"//h/p", "", "//h/p", "", false},
		{"/http://h/", "", "/http://h/", "", false},
		{"://h/", "", "", "", false},
		{"averyveryverylongscheme://h/", "", "", "", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_target t = at_target_parse(at_str_c(rows[i].in));
		is("authority", rows[i].in, t.authority, rows[i].authority);
		is("path", rows[i].in, t.path, rows[i].path);
		is("query", rows[i].in, t.query, rows[i].query);
		assert_int_equal(at_target_is_absolute(at_str_c(rows[i].in)), rows[i].absolute);
	}
}

static void authorities_come_apart(void **state)
{
	static const struct {
		const char *in, *host;
		unsigned port;
	} rows[] = {
		{"h", "h", 0},        {"h:80", "h", 80},       {" h:80 ", "h", 80},
		{"h:", "h", 0},       {"h:65535", "h", 65535}, {"h:65536", "h", 0},
		{"h:x", "h", 0},      {"[::1]", "::1", 0},     {"[::1]:8080", "::1", 8080},
		{"[::1]x", "::1", 0}, {"[::1", "[::1", 0},     {"::1", "::1", 0},
		{"", "", 0},          {":80", "", 80},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_authority a = at_target_authority(at_str_c(rows[i].in));
		is("host", rows[i].in, a.host, rows[i].host);
		assert_int_equal(a.port, rows[i].port);
	}
}

static void field(struct at_message *m, enum at_field which, const char *value)
{
	if (value)
		m->field[which] = (struct at_field_value){at_str_c(value), 1};
}

static void the_original_request_is_the_outermost_proxy_s(void **state)
{
	static const struct {
		const char *target, *host, *forwarded, *x_for, *x_proto, *x_host;
		const char *scheme, *address, *client;
		unsigned port;
	} rows[] = {
		{"/", "h:81", NULL, NULL, NULL, NULL, "http", "h", "", 81},
		{"/", NULL, NULL, NULL, NULL, NULL, "http", "", "", 0},
		{"http://t:9/", "h", NULL, NULL, NULL, NULL, "http", "t", "", 9},
		{"/", "h", NULL, "1.2.3.4, 5.6.7.8", "https, http", "x, y", "https", "x", "1.2.3.4",
		 0},
		{"/", "h", "for=9.9.9.9;proto=https;host=\"f:7\"", "1.2.3.4", "http", "x", "https",
		 "f", "9.9.9.9", 7},
		{"/", "h", "For=\"[2001:db8::1]:4711\" ; by=z, for=1.1.1.1;host=no", NULL, NULL,
		 NULL, "http", "h", "2001:db8::1", 0},
		{"/", "h", "proto=HTTPS", "1.2.3.4:99", NULL, NULL, "https", "h", "1.2.3.4", 0},
		{"/", "h", ";;,=", " ", "ftp", ",", "http", "h", "", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_message m = {.target = at_str_c(rows[i].target)};
		char row[20];
		field(&m, AT_FIELD_host, rows[i].host);
		field(&m, AT_FIELD_forwarded, rows[i].forwarded);
		field(&m, AT_FIELD_x_forwarded_for, rows[i].x_for);
		field(&m, AT_FIELD_x_forwarded_proto, rows[i].x_proto);
		field(&m, AT_FIELD_x_forwarded_host, rows[i].x_host);
		struct at_origin o = at_target_origin(&m, false);
		snprintf(row, sizeof(row), "row %zu", i);
		is("scheme", row, o.scheme, rows[i].scheme);
		is("host", row, o.authority.host, rows[i].address);
		is("client", row, o.client, rows[i].client);
		assert_int_equal(o.authority.port, rows[i].port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_come_apart),
		cmocka_unit_test(authorities_come_apart),
		cmocka_unit_test(the_original_request_is_the_outermost_proxy_s),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
