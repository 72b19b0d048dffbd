/*
 * Tests of cli/resource.c: what OTEL_RESOURCE_ATTRIBUTES becomes when attributes are added.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "cli/resource.h"

static void merging(void **state)
{
	static const struct {
		const char *existing;  /* NULL: unset */
		const char *attribute; /* what is added */
		const char *merged;    /* NULL: refused */
	} cases[] = {
		{NULL, "a=b", "a=b"},
		{"", "a=b", "a=b"},
		{"x=1,y=2", "a=b", "x=1,y=2,a=b"},
		{"x=1,a=old,y=2", "a=b", "x=1,y=2,a=b"},
		{"a=old", "a=b", "a=b"},
		{" a =old,ab=1", "a=b", "ab=1,a=b"},
		{"%61=old", "a=b", "a=b"},
		{"x=%zz,,y", "a=b", "x=%zz,y,a=b"},
		{NULL, "a=", "a="},
		{NULL, "a=b=c", "a=b%3Dc"},
		{NULL, "a b=1, 2;3%\"\\", "a%20b=1%2C%202%3B3%25%22%5C"},
		{NULL,
		 "deployment.environment.name=pr\xc3\xbc"
		 "f",
		 "deployment.environment.name=pr%C3%BCf"},
		{NULL, "plain", NULL},
		{NULL, "=value", NULL},
		{NULL, "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct at_text merged = {0};
		bool good = at_resource_merge(cases[i].existing, cases[i].attribute, &merged);

		assert_int_equal(good, cases[i].merged != NULL);
		if (good)
			assert_string_equal(at_text_get(&merged), cases[i].merged);
		at_text_free(&merged);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(merging),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
