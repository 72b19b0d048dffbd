/*
 * Finding known fields by name: each in lower, upper and mixed case, and none that differs in one
 * byte.
 */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/field.h"
#include "wire/message.h"

static const char *const names[] = {
#define AT_FIELD(id, name) name,
#include "wire/field.def"
#undef AT_FIELD
};

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
			assert_int_equal(at_field_find(at_str(name, n)), i);
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
				assert_int_equal(at_field_find(at_str(name, n)), same ? i : -1);
			}
		}
		memcpy(name, names[i], n);
		name[n] = 'x';
		assert_int_equal(at_field_find(at_str(name, n + 1)), -1);
		assert_int_equal(at_field_find(at_str(name, n - 1)), -1);
	}
}

static void test_odd_lengths(void **state)
{
	static char name[70000];
	(void)state;
	memset(name, 'h', sizeof(name));
	for (size_t n = 0; n < 300; n++)
		assert_int_equal(at_field_find(at_str(name, n)), -1);
	assert_int_equal(at_field_find(at_str(name, 65536)), -1);
	assert_int_equal(at_field_find(at_str(name, sizeof(name))), -1);
	assert_int_equal(at_field_find(AT_STR_NONE), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_case),
		cmocka_unit_test(test_one_byte_off),
		cmocka_unit_test(test_odd_lengths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
