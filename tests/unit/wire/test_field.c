/*
 * Finding known fields by name: each in lower, upper and mixed case, in the halves it is looked for
 * in, and none that differs in one byte.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/field.h"

static const char *const names[] = {
#define AT_FIELD(id, name, where) name,
#include "wire/field.def"
#undef AT_FIELD
};

static const int where[] = {
#define AT_FIELD(id, name, where) AT_FIELD_IN_##where,
#include "wire/field.def"
#undef AT_FIELD
};

/* What a name is in a request. In a response it must be the same, or none where the field is looked
 * for in requests only; and the filter must never hide one that is known. */
static int found(struct at_str name)
{
	int id = at_field_find(AT_WIRE_REQUEST, name);
	int there = at_field_find(AT_WIRE_RESPONSE, name);
	assert_int_equal(there, id >= 0 && where[id] == AT_FIELD_IN_BOTH ? id : -1);
	if (id >= 0)
		assert_true(at_field_maybe(at_field_filter(AT_WIRE_REQUEST), name));
	if (there >= 0)
		assert_true(at_field_maybe(at_field_filter(AT_WIRE_RESPONSE), name));
	return id;
}

/* The filters are worth their instructions: names that most messages carry do not pass. */
static void test_filter(void **state)
{
	static const char *const in_requests[] = {
		"Accept",  "Accept-Encoding", "Accept-Language",          "Cache-Control",
		"Referer", "Sec-Fetch-Mode",  "Upgrade-Insecure-Requests"};
	static const char *const in_responses[] = {"Server",     "Date",          "Content-Type",
						   "ETag",       "Last-Modified", "Accept-Ranges",
						   "Set-Cookie", "Cache-Control", "Vary"};
	(void)state;
	for (size_t i = 0; i < sizeof(in_requests) / sizeof(in_requests[0]); i++)
		assert_false(
			at_field_maybe(at_field_filter(AT_WIRE_REQUEST), at_str_c(in_requests[i])));
	for (size_t i = 0; i < sizeof(in_responses) / sizeof(in_responses[0]); i++)
		assert_false(at_field_maybe(at_field_filter(AT_WIRE_RESPONSE),
					    at_str_c(in_responses[i])));
}

static void test_any_case(void **state)
{
	(void)state;
	for (int i = 0; i < AT_FIELDS; i++) {
		char name[64];
		size_t n = strlen(names[i]);
		for (int mask = 0; mask < 3; mask++) {
			for (size_t k = 0; k < n; k++)
				name[k] = mask == 0 || (mask == 1 && k % 2)
						  ? names[i][k]
						  : (char)toupper(names[i][k]);
			assert_int_equal(found(at_str(name, n)), i);
		}
	}
}

/* Every name with every byte replaced by every other, and one byte longer or shorter. */
static void test_one_byte_off(void **state)
{
	(void)state;
	for (int i = 0; i < AT_FIELDS; i++) {
		char name[64];
		size_t n = strlen(names[i]);
		for (size_t k = 0; k < n; k++) {
			for (int c = 0x21; c < 0x100; c++) {
				memcpy(name, names[i], n);
				name[k] = (char)c;
				bool same = tolower(c) == names[i][k];
				assert_int_equal(found(at_str(name, n)), same ? i : -1);
			}
		}
		memcpy(name, names[i], n);
		name[n] = 'x';
		assert_int_equal(found(at_str(name, n + 1)), -1);
		assert_int_equal(found(at_str(name, n - 1)), -1);
	}
}

static void test_odd_lengths(void **state)
{
	static char name[70000];
	(void)state;
	memset(name, 'h', sizeof(name));
	for (size_t n = 1; n < 300; n++)
		assert_int_equal(found(at_str(name, n)), -1);
	assert_int_equal(found(at_str(name, 65536)), -1);
	assert_int_equal(found(at_str(name, sizeof(name))), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_any_case),
		cmocka_unit_test(test_one_byte_off),
		cmocka_unit_test(test_odd_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
