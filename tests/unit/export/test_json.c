/*
 * JSON written and the little that is read. Whole documents are checked with another parser by the
 * end-to-end tests.
 */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "export/json.h"

static struct at_out out = {.cap = 1u << 20};
static struct at_json j;

static int set_up(void **state)
{
	(void)state;
	at_out_reset(&out, SIZE_MAX);
	j = (struct at_json){.out = &out};
	return 0;
}

static void assert_out(const char *want)
{
	assert_int_equal(out.n, strlen(want));
	assert_memory_equal(out.p, want, out.n);
}

static void test_text(void **state)
{
	(void)state;
	at_json_text(&j, AT_STR("a\"\\/\b\f\n\r\t\x01\x1f\x7f\0z \xc3\xa4\xff"));
	assert_out(
		"\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\\u0000z \xc3\xa4\xef\xbf\xbd\"");
}

static void test_numbers(void **state)
{
	(void)state;
	at_json_int(&j, INT64_MIN);
	at_out_char(&out, ' ');
	at_json_u64_text(&j, UINT64_MAX);
	at_out_char(&out, ' ');
	at_json_double(&j, 0.5);
	at_out_char(&out, ' ');
	at_json_double(&j, -1e300);
	at_out_char(&out, ' ');
	at_json_double(&j, NAN);
	at_json_double(&j, -INFINITY);
	assert_out("-9223372036854775808 \"18446744073709551615\" 0.5 "
		   "-1.0000000000000001e+300 \"NaN\"\"-Infinity\"");
}

static void nest(void)
{
	at_json_open(&j, '{');
	at_json_member_text(&j, AT_STR("a"), AT_STR("b"));
	at_json_key(&j, AT_STR("list"));
	at_json_open(&j, '[');
	at_json_item(&j);
	at_json_int(&j, 1);
	at_json_item(&j);
	at_json_null(&j);
	at_json_close(&j, ']');
	at_json_key(&j, AT_STR("none"));
	at_json_open(&j, '{');
	at_json_close(&j, '}');
	at_json_key(&j, AT_STR("yes"));
	at_json_bool(&j, true);
	at_json_close(&j, '}');
}

static void test_nesting(void **state)
{
	(void)state;
	nest();
	assert_out("{\"a\":\"b\",\"list\":[1,null],\"none\":{},\"yes\":true}");
	set_up(NULL);
	j.indent = 2;
	nest();
	assert_out("{\n  \"a\": \"b\",\n  \"list\": [\n    1,\n    null\n  ],\n  \"none\": {},\n"
		   "  \"yes\": true\n}");
}

static void test_find(void **state)
{
	static const struct {
		const char *json;
		const char *key;
		const char *want;
	} rows[] = {
		{"{\"message\":\"no\"}", "message", "no"},
		{" { \"code\" : 3 , \"message\" : \"a \\\"b\\\"\" } ", "message", "a \\\"b\\\""},
		{"{\"partialSuccess\":{\"rejectedSpans\":\"17\"}}", "rejectedSpans", "17"},
		{"{\"partialSuccess\":{\"rejectedSpans\":17}}", "rejectedSpans", "17"},
		{"{\"x\":\"rejectedSpans\",\"rejectedSpans\":2}", "rejectedSpans", "2"},
		{"{\"x\":\"message\\\":\"}", "message", ""},
		{"{\"message\":\"cut", "message", ""},
		{"{\"message\":", "message", ""},
		{"{\"message\"", "message", ""},
		{"\"", "message", ""},
		{"", "message", ""},
		{"\\\"\\\\", "message", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_str have = at_json_find(at_str_c(rows[i].json), at_str_c(rows[i].key));
		if (!at_str_eq(have, at_str_c(rows[i].want)))
			fail_msg("%s: %.*s", rows[i].json, AT_STR_ARG(have));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_text, set_up),
		cmocka_unit_test_setup(test_numbers, set_up),
		cmocka_unit_test_setup(test_nesting, set_up),
		cmocka_unit_test_setup(test_find, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
