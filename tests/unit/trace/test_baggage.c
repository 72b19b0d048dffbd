/*
 * Which baggage may be sent on as it stands.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/propagate.h"

static bool ok(const char *value)
{
	return at_propagate_baggage_ok(at_str_c(value));
}

static void good_ones(void **state)
{
	static const char *const cases[] = {
		"k=v",
		"userId=alice,serverNode=DF%2028,isProduction=false",
		"key1=value1;property1;property2, key2 = value2, key3=v; propertyKey=v",
		"k=",
		"k=a=b==",
		"k = v",
		"k\t=\tv ; p ; q = r ",
		"a=1,,b=2,",
		"!#$%&'*+-.^_`|~09azAZ=1",
		"k=%zz!#+:<[]~",
		"k=v;",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!ok(cases[i]))
			fail_msg("refused: %s", cases[i]);
}

static void bad_ones(void **state)
{
	static const char *const cases[] = {
		"",        " , ",    "k",           "=v",     "k v=1",    "k=a b",
		"k=\"v\"", "k=a\\b", "k=\xc3\xa4",  "k=v;;p", "k=v;=1",   "k=v;p q",
		"a=1,b",   "k(=1",   "k=1\r\nx: y", "k=\x7f", "k=v;p=\"",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (ok(cases[i]))
			fail_msg("accepted: %s", cases[i]);
}

static void sixty_four_members_and_8192_bytes(void **state)
{
	static char text[9000];
	(void)state;
	for (int members = 63; members <= 65; members++) {
		size_t n = 0;
		for (int i = 0; i < members; i++)
			n += (size_t)sprintf(text + n, "%sk%d=v", i ? "," : "", i);
		assert_int_equal(ok(text), members <= 64);
	}
	for (size_t n = 8191; n <= 8193; n++) {
		memset(text, 'v', n);
		memcpy(text, "k=", 2);
		assert_int_equal(at_propagate_baggage_ok(at_str(text, n)), n <= 8192);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones),
		cmocka_unit_test(bad_ones),
		cmocka_unit_test(sixty_four_members_and_8192_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
