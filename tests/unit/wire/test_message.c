/*
 * Walking over the lines of a header block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/message.h"

static void test_message_next(void **state)
{
	static const char *const want[][2] = {
		{"A", "1"}, {"b", ""}, {"C", "x\r\n y"}, {"D", "z"}, {"e", "last"},
	};
	struct at_message m = {
		.block = AT_STR("A: 1\r\nb:\r\nC:\tx\r\n y \r\nD:\n  z\nno colon\r\ne: last")};
	struct at_str name, value;
	size_t pos = 0, i = 0;
	(void)state;
	for (; at_message_next(&m, &pos, &name, &value); i++) {
		assert_true(i < 5);
		assert_true(at_str_eq(name, at_str_c(want[i][0])));
		assert_true(at_str_eq(value, at_str_c(want[i][1])));
	}
	assert_int_equal(i, 5);
	assert_false(at_message_next(&m, &pos, &name, &value));
	m.block = AT_STR_NONE;
	pos = 0;
	assert_false(at_message_next(&m, &pos, &name, &value));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
