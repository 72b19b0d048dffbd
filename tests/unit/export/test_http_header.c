/*
 * The user's headers: split, decoded, and none that breaks out of its line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/log.h"
#include "export/http_header.h"

static void test_lists(void **state)
{
	static const struct {
		const char *list;
		const char *lines; /* joined by '|' */
	} rows[] = {
		{"", ""},
		{"a=b", "a: b"},
		{"a=b,c=d", "a: b|c: d"},
		{" a = b , c=d ,", "a: b|c: d"},
		{",,a=b,,", "a: b"},
		{"a=b=c", "a: b=c"},
		{"a=b%20c%2Cd%3d", "a: b c,d="},
		{"a=100%", "a: 100%"},
		{"a=%zz", "a: %zz"},
		{"a=%c3%a4", "a: \xc3\xa4"},
		{"a=", "a;"},
		{"a", "a;"},
		{"=b,c=d", "c: d"},
		{"a=x%0d%0ab: c,d=e", "d: e"},
		{"a=x%00y,d=e", "d: e"},
		{"a:b=c,d=e", "d: e"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_str list = at_str_c(rows[i].list);
		char all[200] = "";
		char line[64];
		while (at_http_header_next(&list, line, sizeof(line))) {
			if (all[0])
				strcat(all, "|");
			strcat(all, line);
		}
		assert_string_equal(all, rows[i].lines);
	}
}

static void test_too_long(void **state)
{
	struct at_str list = AT_STR("name=0123456789,b=c");
	char line[16];
	(void)state;
	assert_true(at_http_header_next(&list, line, sizeof(line)));
	assert_string_equal(line, "b: c");
	assert_false(at_http_header_next(&list, line, sizeof(line)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_too_long),
	};
	at_log_set_level(AT_LOG_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
