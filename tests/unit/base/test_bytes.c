/*
 * Borrowed text: comparisons, cutting, numbers, hexadecimal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bytes.h"

static void equal_ignores_case_of_letters_only(void **state)
{
	(void)state;
	assert_true(at_str_eq_nocase(AT_STR("Content-Length"), AT_STR("cONTENT-lENGTH")));
	assert_false(at_str_eq_nocase(AT_STR("@"), AT_STR("`")));
	assert_false(at_str_eq_nocase(AT_STR("["), AT_STR("{")));
	assert_false(at_str_eq_nocase(AT_STR("\xc4"), AT_STR("\xe4")));
	assert_false(at_str_eq_nocase(AT_STR("ab"), AT_STR("abc")));
	assert_true(at_str_eq_nocase(AT_STR_NONE, AT_STR("")));
	for (int c = 0; c < 256; c++) {
		char one = (char)c;
		assert_true(at_str_eq_nocase(at_str(&one, 1), at_str(&one, 1)));
	}
}

static void empty_text_needs_no_memory(void **state)
{
	(void)state;
	assert_true(at_str_eq(AT_STR_NONE, AT_STR("")));
	assert_true(at_str_starts(AT_STR_NONE, AT_STR_NONE));
	assert_false(at_str_starts(AT_STR_NONE, AT_STR("a")));
	assert_int_equal(at_str_trim(AT_STR_NONE).n, 0);
	assert_false(at_str_is_token(AT_STR_NONE));
	assert_false(at_str_is_token(AT_STR("two words")));
	assert_false(at_str_is_token(at_str("x\0", 2)));
	assert_true(at_str_is_token(AT_STR("x-Name_1!#$%&'*+.^`|~")));
	assert_int_equal(at_str_find(AT_STR_NONE, 'x'), -1);
	assert_int_equal(at_str_c(NULL).n, 0);
	assert_int_equal(at_str_from(AT_STR("abc"), 3).n, 0);
	assert_int_equal(at_str_from(AT_STR("abc"), SIZE_MAX).n, 0);
	assert_int_equal(at_str_head(AT_STR("abc"), 9).n, 3);
}

static void trimming_takes_spaces_and_tabs(void **state)
{
	static const struct {
		struct at_str in, out;
	} rows[] = {
		{AT_STR(" \t a b\t "), AT_STR("a b")},
		{AT_STR("a"), AT_STR("a")},
		{AT_STR(" \t "), AT_STR("")},
		{AT_STR("\na\r"), AT_STR("\na\r")},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_true(at_str_eq(at_str_trim(rows[i].in), rows[i].out));
}

static void cutting_ends_and_keeps_empty_parts(void **state)
{
	struct at_str rest = AT_STR("a,,b");
	(void)state;
	assert_true(at_str_eq(at_str_cut(&rest, ','), AT_STR("a")));
	assert_true(at_str_eq(at_str_cut(&rest, ','), AT_STR("")));
	assert_int_equal(rest.n, 1);
	assert_true(at_str_eq(at_str_cut(&rest, ','), AT_STR("b")));
	assert_int_equal(rest.n, 0);
	assert_int_equal(at_str_cut(&rest, ',').n, 0);
}

static void numbers_have_digits_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		uint64_t value;
	} rows[] = {
		{"0", true, 0},
		{"007", true, 7},
		{"9999999999999999999", true, 9999999999999999999u},
		{"18446744073709551615", false, 0},
		{"", false, 0},
		{"-1", false, 0},
		{"+1", false, 0},
		{" 1", false, 0},
		{"1 ", false, 0},
		{"0x1", false, 0},
		{"1\0", true, 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t v = 4711;
		assert_int_equal(at_str_u64(at_str_c(rows[i].text), &v), rows[i].ok);
		assert_true(v == (rows[i].ok ? rows[i].value : 4711));
	}
}

static void decimal_text_reads_back(void **state)
{
	static const uint64_t values[] = {0, 9, 10, 99, 100, 4294967296u, UINT64_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char text[21];
		size_t n = at_dec_encode(text, values[i]);
		text[n] = '\0';
		assert_true(strtoull(text, NULL, 10) == values[i]);
		assert_true(n == 1 || text[0] != '0');
	}
}

static void hex_of_every_byte_reads_back(void **state)
{
	unsigned char all[256], back[256];
	char text[512];
	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (unsigned char)i;
	at_hex_encode(text, all, 256);
	assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f", 32);
	assert_true(at_hex_decode_lower(back, text, 256));
	assert_memory_equal(back, all, 256);
	assert_true(at_hex_decode(back, "AbCdEf", 3));
	assert_memory_equal(back, "\xab\xcd\xef", 3);
}

static void hex_refuses_all_other_characters(void **state)
{
	unsigned char out[2];
	(void)state;
	for (int c = 0; c < 256; c++) {
		char lower[4] = {'0', '0', '0', (char)c}, first[4] = {(char)c, '0', '0', '0'};
		bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
		bool any = digit || (c >= 'A' && c <= 'F');
		assert_int_equal(at_hex_decode_lower(out, lower, 2), digit);
		assert_int_equal(at_hex_decode_lower(out, first, 2), digit);
		assert_int_equal(at_hex_decode(out, lower, 2), any);
		assert_int_equal(at_hex_decode(out, first, 2), any);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_ignores_case_of_letters_only),
		cmocka_unit_test(empty_text_needs_no_memory),
		cmocka_unit_test(trimming_takes_spaces_and_tabs),
		cmocka_unit_test(cutting_ends_and_keeps_empty_parts),
		cmocka_unit_test(numbers_have_digits_and_nothing_else),
		cmocka_unit_test(decimal_text_reads_back),
		cmocka_unit_test(hex_of_every_byte_reads_back),
		cmocka_unit_test(hex_refuses_all_other_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
