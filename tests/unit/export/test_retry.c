/*
 * The rules of OTLP/HTTP for failures, and Retry-After in all its forms.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "export/retry.h"

#define S 1000000000ull

static void test_statuses(void **state)
{
	static const struct {
		long status;
		enum at_retry want;
	} rows[] = {
		{200, AT_RETRY_NONE},  {202, AT_RETRY_NONE},  {204, AT_RETRY_NONE},
		{299, AT_RETRY_NONE},  {301, AT_RETRY_NEVER}, {307, AT_RETRY_NEVER},
		{400, AT_RETRY_NEVER}, {401, AT_RETRY_NEVER}, {403, AT_RETRY_NEVER},
		{404, AT_RETRY_NEVER}, {408, AT_RETRY_NEVER}, {413, AT_RETRY_NEVER},
		{429, AT_RETRY_AGAIN}, {500, AT_RETRY_NEVER}, {501, AT_RETRY_NEVER},
		{502, AT_RETRY_AGAIN}, {503, AT_RETRY_AGAIN}, {504, AT_RETRY_AGAIN},
		{505, AT_RETRY_NEVER}, {100, AT_RETRY_NEVER}, {0, AT_RETRY_NEVER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = {.fault = AT_HTTP_ANSWERED, .status = rows[i].status};
		assert_int_equal(at_retry_judge(&a), rows[i].want);
	}
}

static void test_faults(void **state)
{
	static const struct {
		enum at_http_fault fault;
		enum at_retry want;
	} rows[] = {
		{AT_HTTP_UNREACHABLE, AT_RETRY_AGAIN}, {AT_HTTP_BROKEN, AT_RETRY_AGAIN},
		{AT_HTTP_UNTRUSTED, AT_RETRY_NEVER},   {AT_HTTP_GARBAGE, AT_RETRY_NEVER},
		{AT_HTTP_BAD_SETTING, AT_RETRY_NEVER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = {.fault = rows[i].fault, .status = 200};
		assert_int_equal(at_retry_judge(&a), rows[i].want);
	}
}

/* 784111777 is 1994-11-06T08:49:37Z, the example of RFC 9110. */
static void test_retry_after(void **state)
{
	static const struct {
		const char *value;
		int64_t now;
		uint64_t want;
	} rows[] = {
		{"", 0, 0},
		{"0", 0, 0},
		{"7", 0, 7 * S},
		{" 120 ", 0, 120 * S},
		{"99999999", 0, 3600 * S},
		{"-1", 0, 0},
		{"1.5", 0, 0},
		{"soon", 0, 0},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111770, 7 * S},
		{"Sunday, 06-Nov-94 08:49:37 GMT", 784111770, 7 * S},
		{"Sun Nov  6 08:49:37 1994", 784111770, 7 * S},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 784111777, 0},
		{"Sun, 06 Nov 1994 08:49:37 GMT", 999999999, 0},
		{"Thu, 29 Feb 2024 23:59:60 GMT", 1709251195, 5 * S},
		{"Wed, 01 Jan 2031 00:00:00 GMT", 1924991999, 1 * S},
		{"Sun, 06 Foo 1994 08:49:37 GMT", 784111770, 0},
		{"Sun, 06 Nov 1994 08:49 GMT", 784111770, 0},
		{"Sun, 06 Nov 1994", 784111770, 0},
		{"Sun, 40 Nov 1994 08:49:37 GMT", 784111770, 0},
		{"Sun, 06 Nov 99999 08:49:37 GMT", 784111770, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (at_retry_after(at_str_c(rows[i].value), rows[i].now) != rows[i].want)
			fail_msg("\"%s\" gives %llu", rows[i].value,
				 (unsigned long long)at_retry_after(at_str_c(rows[i].value),
								    rows[i].now));
}

static void test_backoff(void **state)
{
	static const uint64_t middle_ms[] = {1000, 1500, 2250, 3375, 5000, 5000, 5000};
	(void)state;
	for (unsigned attempt = 1; attempt <= 7; attempt++) {
		uint64_t least = UINT64_MAX;
		uint64_t most = 0;
		for (uint64_t random = 0; random < 100000; random++) {
			uint64_t ns = at_retry_backoff(attempt, random);
			least = ns < least ? ns : least;
			most = ns > most ? ns : most;
		}
		uint64_t ms = middle_ms[attempt - 1];
		assert_int_equal(least / 1000000, ms - ms / 5);
		assert_int_equal(most / 1000000, ms + ms / 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statuses),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_backoff),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
