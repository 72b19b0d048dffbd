/*
 * Node's count of hooks, looked for in something that looks like its environment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "bridge/node_count.h"

#define PAGE 4096

static uint32_t fields[9];
static int isolate;

/* An environment with an array there, `at` words from its beginning. */
static uint64_t *environment_with(size_t at, size_t length, const void *array)
{
	static uint64_t environment[1024];
	memset(environment, 0x55, sizeof(environment));
	environment[at] = (uint64_t)(uintptr_t)&isolate;
	environment[at + 1] = length;
	environment[at + 2] = 0;
	environment[at + 3] = (uint64_t)(uintptr_t)array;
	return environment;
}

static void hooks_are(uint32_t n)
{
	memset(fields, 0, sizeof(fields));
	fields[0] = fields[5] = n;
	fields[7] = 3;
}

static bool seek(struct at_node_count *found, const uint64_t *environment)
{
	return at_node_count_seek(found, (const char *)environment, &isolate);
}

static void what_counts_along_is_found(void **state)
{
	struct at_node_count found;
	(void)state;
	hooks_are(1);
	assert_true(seek(&found, environment_with(77, 9, fields)));
	assert_int_equal(found.n, 1);
	assert_ptr_equal(found.word[0], fields);
	hooks_are(2);
	assert_true(at_node_count_sift(&found, 2));
	assert_ptr_equal(found.word[0], fields);
}

static void what_stands_still_is_not_it(void **state)
{
	struct at_node_count found;
	static uint32_t other[9] = {1, [5] = 1};
	uint64_t *environment = environment_with(77, 9, fields);
	(void)state;
	hooks_are(1);
	memcpy(environment + 20, environment + 77, 32);
	environment[23] = (uint64_t)(uintptr_t)other;
	assert_true(seek(&found, environment));
	assert_int_equal(found.n, 2);
	hooks_are(2);
	assert_true(at_node_count_sift(&found, 2));
	assert_int_equal(found.n, 1);
	assert_ptr_equal(found.word[0], fields);
	assert_false(at_node_count_sift(&found, 3));
	assert_int_equal(found.n, 0);
}

static void what_does_not_fit_is_passed_over(void **state)
{
	struct at_node_count found;
	(void)state;
	hooks_are(1);
	assert_false(seek(&found, environment_with(77, 3, fields)));
	assert_false(seek(&found, environment_with(77, 90, fields)));
	assert_false(seek(&found, environment_with(77, 9, (char *)fields + 1)));
	assert_false(seek(&found, environment_with(77, 9, NULL)));
	assert_false(seek(&found, environment_with(600, 9, fields)));
	fields[2] = 1;
	assert_false(seek(&found, environment_with(77, 9, fields)));
	hooks_are(2);
	assert_false(seek(&found, environment_with(77, 9, fields)));
	hooks_are(1);
	assert_false(at_node_count_seek(&found, (char *)environment_with(77, 9, fields), fields));
}

static void nothing_is_read_that_cannot_be_read(void **state)
{
	struct at_node_count found;
	char *memory =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)state;
	assert_true(memory != MAP_FAILED);
	hooks_are(1);
	assert_int_equal(mprotect(memory + PAGE, PAGE, PROT_NONE), 0);
	assert_false(seek(&found, environment_with(77, 9, memory + PAGE)));
	memcpy(memory + PAGE - 64, environment_with(0, 9, fields), 32);
	assert_true(at_node_count_seek(&found, memory + PAGE - 128, &isolate));
	assert_int_equal(found.n, 1);
	munmap(memory, 2 * PAGE);
}

static void too_many_are_none(void **state)
{
	struct at_node_count found;
	uint64_t *environment = environment_with(0, 9, fields);
	(void)state;
	hooks_are(1);
	for (int i = 1; i < 6; i++)
		memcpy(environment + i * (ptrdiff_t)8, environment, 32);
	assert_false(seek(&found, environment));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_counts_along_is_found),
		cmocka_unit_test(what_stands_still_is_not_it),
		cmocka_unit_test(what_does_not_fit_is_passed_over),
		cmocka_unit_test(nothing_is_read_that_cannot_be_read),
		cmocka_unit_test(too_many_are_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
