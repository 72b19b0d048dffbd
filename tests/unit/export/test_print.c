/*
 * Times as the printing exporters write them, against the C library's calendar.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "export/print.h"

static void test_time(void **state)
{
	(void)state;
	for (time_t t = 0; t < 7300000000; t += 86400 * 3 + 4321) {
		char want[64];
		char have[AT_PRINT_TIME + 1] = "";
		struct tm tm;
		size_t n = strftime(want, 40, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
		snprintf(want + n, 10, ".%06ldZ", (long)(t % 1000000));
		at_print_time(have,
			      (uint64_t)t * 1000000000u + (uint64_t)(t % 1000000) * 1000 + 999);
		assert_string_equal(have, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_time)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
