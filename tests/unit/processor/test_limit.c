/*
 * Text attributes cut to a number of characters, and the chain as a whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "config/config.h"
#include "processor/chain.h"
#include "support/span.h"

static struct at_config config;
static char arena[AT_CONFIG_ARENA];
static struct at_span span;

static void load(const char *limit)
{
	static char one[80];
	const char *env[] = {one, NULL};
	snprintf(one, sizeof(one), "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=%s", limit);
	assert_true(at_config_load(&config, env, arena, sizeof(arena)));
}

static void test_cut(void **state)
{
	static const struct {
		const char *limit;
		const char *text;
		const char *want;
	} rows[] = {
		{"3", "abcdef", "abc"},
		{"6", "abcdef", "abcdef"},
		{"0", "abc", ""},
		{"2", "\xc3\xa4\xc3\xb6\xc3\xbc", "\xc3\xa4\xc3\xb6"},
		{"1", "\xf0\x9f\x98\x80x", "\xf0\x9f\x98\x80"},
		{"4", "a\xe2\x82\xac", "a\xe2\x82\xac"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		load(rows[i].limit);
		void *self = at_limit_ops.open(&config);
		assert_non_null(self);
		span_reset(&span, AT_SPAN_SERVER);
		span_text(&span, AT_KEY_url_path, rows[i].text);
		span_int(&span, AT_KEY_server_port, 123456);
		assert_true(at_limit_ops.run(self, &span, NULL));
		assert_true(at_str_eq(span.attr[0].str, at_str_c(rows[i].want)));
		assert_int_equal(span.attr[1].i, 123456);
		at_limit_ops.close(self);
	}
}

static void test_no_limit(void **state)
{
	(void)state;
	load("");
	assert_null(at_limit_ops.open(&config));
}

/* The secret is found before the text is cut. */
static void test_chain(void **state)
{
	struct at_chain c;
	(void)state;
	load("12");
	at_chain_open(&c, &config);
	assert_int_equal(c.count, 3);
	for (int i = 0; i < 3; i++) {
		span_reset(&span, AT_SPAN_SERVER);
		span_text(&span, AT_KEY_http_request_method, "GET");
		span_text(&span, AT_KEY_url_path, "/users/1234567");
		span_text(&span, AT_KEY_url_query, "a=1&token=verysecret");
		assert_true(at_chain_run(&c, &span));
		assert_true(at_str_eq(at_span_attr(&span, AT_KEY_url_query)->str,
				      AT_STR("a=1&token=RE")));
		assert_true(at_str_eq(at_span_attr(&span, AT_KEY_http_route)->str,
				      AT_STR("/users/{id}")));
		assert_true(at_str_eq(span.name, AT_STR("GET /users/{id}")));
	}
	at_chain_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_limit),
		cmocka_unit_test(test_chain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
