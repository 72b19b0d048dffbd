/*
 * Foreign bytes: what is UTF-8, how it is cut, what is shown.
 */
#include "unit/view/sample.h"

#include "view/glyph.h"

#include <stdlib.h>

static const char *print(const char *text, bool ascii, size_t columns)
{
	static char shown[256];
	FILE *out = fmemopen(shown, sizeof(shown), "w");
	size_t used;

	shown[0] = '\0';
	used = at_glyph_print(out, at_str_c(text), ascii, columns);
	fclose(out);
	assert_int_equal(used, at_glyph_columns(at_str_c(shown), false, 1000));
	assert_true(used <= columns);
	return shown;
}

static void what_is_valid(void **state)
{
	static const struct {
		const char *text;
		bool valid;
	} cases[] = {
		{"", true},
		{"plain", true},
		{"\xc3\xa9", true},
		{"\xe2\x82\xac", true},
		{"\xf0\x9f\x98\x80", true},
		{"\xf4\x8f\xbf\xbf", true},
		{"\x80", false},
		{"\xc0\xaf", false},
		{"\xe0\x80\xaf", false},
		{"\xf0\x80\x80\xaf", false},
		{"\xed\xa0\x80", false},
		{"\xf4\x90\x80\x80", false},
		{"\xf8\x88\x80\x80\x80", false},
		{"\xe2\x82", false},
		{"\xe2\x82x", false},
		{"\xff", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(at_glyph_valid(at_str_c(cases[i].text)), cases[i].valid);
}

static void repair(void **state)
{
	struct at_region region;
	struct at_str good = AT_STR("g\xc3\xa9");

	(void)state;
	at_region_init(&region, 64, 4096);
	assert_ptr_equal(at_glyph_repair(&region, good).p, good.p);
	assert_true(at_str_eq(at_glyph_repair(&region, AT_STR("a\xff\xe2\x82z")),
			      AT_STR("a\ufffd\ufffd\ufffdz")));
	at_region_free(&region);
}

static void a_cut_never_splits_a_character(void **state)
{
	struct at_str text = AT_STR("a\xe2\x82\xac\xf0\x9f\x98\x80");
	static const size_t kept[] = {0, 1, 1, 1, 4, 4, 4, 4, 8, 8};

	(void)state;
	for (size_t cap = 0; cap < 10; cap++)
		assert_int_equal(at_glyph_head(text, cap).n, kept[cap]);
	assert_int_equal(at_glyph_head(AT_STR("\x80\x80\x80\x80\x80\x80\x80"), 6).n, 2);
}

static void what_is_shown(void **state)
{
	(void)state;
	assert_string_equal(print("short", false, 10), "short");
	assert_string_equal(print("much too long", false, 8), "much to…");
	assert_string_equal(print("much too long", true, 8), "much to~");
	assert_string_equal(print("日本語", false, 6), "日本語");
	assert_string_equal(print("日本語", false, 5), "日本…");
	assert_string_equal(print("日本語", false, 4), "日…");
	assert_string_equal(print("日本語", true, 9), "???");
	assert_string_equal(print("x", false, 0), "");
	assert_string_equal(print("\033[1m\x7f", false, 10), "␛[1m␡");
	assert_string_equal(print("\033[1m\x7f", true, 10), "?[1m?");
	assert_string_equal(print("e\xcc\x81t", false, 2), "e\xcc\x81t");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_valid),
		cmocka_unit_test(repair),
		cmocka_unit_test(a_cut_never_splits_a_character),
		cmocka_unit_test(what_is_shown),
	};

	at_glyph_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
