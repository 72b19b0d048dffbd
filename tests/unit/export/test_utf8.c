/*
 * UTF-8: what is well-formed stays, every other byte becomes U+FFFD.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "export/utf8.h"

#define BAD "\xef\xbf\xbd"

static const struct {
	struct at_str in;
	struct at_str out;
} rows[] = {
	{AT_STR(""), AT_STR("")},
	{AT_STR("plain text, longer than a word"), AT_STR("plain text, longer than a word")},
	{AT_STR("a\0b"), AT_STR("a\0b")},
	{AT_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
	 AT_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")},
	{AT_STR("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"),
	 AT_STR("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf")},
	{AT_STR("\x80"), AT_STR(BAD)},
	{AT_STR("x\xffy"), AT_STR("x" BAD "y")},
	{AT_STR("\xc0\xaf"), AT_STR(BAD BAD)},                 /* overlong slash */
	{AT_STR("\xe0\x9f\xbf"), AT_STR(BAD BAD BAD)},         /* overlong */
	{AT_STR("\xf0\x8f\xbf\xbf"), AT_STR(BAD BAD BAD BAD)}, /* overlong */
	{AT_STR("\xed\xa0\x80"), AT_STR(BAD BAD BAD)},         /* surrogate */
	{AT_STR("\xf4\x90\x80\x80"), AT_STR(BAD BAD BAD BAD)}, /* above U+10FFFF */
	{AT_STR("\xf5\x80\x80\x80"), AT_STR(BAD BAD BAD BAD)},
	{AT_STR("12345678\xe2\x82"), AT_STR("12345678" BAD BAD)}, /* cut at the end */
	{AT_STR("12345\xe2\x82z"), AT_STR("12345" BAD BAD "z")},
	{AT_STR("\xc3"), AT_STR(BAD)},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char dst[128];
		bool same = at_str_eq(rows[i].in, rows[i].out);
		assert_int_equal(at_utf8_fixed_len(rows[i].in), rows[i].out.n);
		assert_int_equal(at_utf8_fix(dst, rows[i].in), rows[i].out.n);
		assert_memory_equal(dst, rows[i].out.p, rows[i].out.n);
		assert_int_equal(at_utf8_valid(rows[i].in) == rows[i].in.n, same);
		assert_int_equal(at_utf8_valid(rows[i].out), rows[i].out.n);
	}
}

/* The word-wise check looks at every byte, wherever it stands. */
static void test_ascii(void **state)
{
	char text[40];
	(void)state;
	for (size_t n = 0; n <= sizeof(text); n++) {
		memset(text, 'a', sizeof(text));
		assert_true(at_utf8_ascii(at_str(text, n)));
		for (size_t i = 0; i < n; i++) {
			text[i] = (char)0x80;
			assert_false(at_utf8_ascii(at_str(text, n)));
			text[i] = 'a';
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_ascii),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
