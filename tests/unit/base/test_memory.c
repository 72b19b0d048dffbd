/*
 * Readable memory: mapped, unmapped, forbidden, at the ends of pages and of the address space.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/memory.h"

#define PAGE 4096

static void what_is_mapped_is_readable(void **state)
{
	char local[64];
	static char data[3 * PAGE];
	char *heap = malloc(100000);
	(void)state;
	memset(local, 0, sizeof(local));
	assert_true(at_memory_readable(local, sizeof(local), NULL));
	assert_true(at_memory_readable(data, sizeof(data), NULL));
	assert_true(at_memory_readable(heap, 100000, NULL));
	assert_true(at_memory_readable("literal", 7, NULL));
	free(heap);
}

static void a_forbidden_page_is_not(void **state)
{
	char *p = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)state;
	assert_int_equal(mprotect(p + PAGE, PAGE, PROT_NONE), 0);
	assert_true(at_memory_readable(p, PAGE, NULL));
	assert_true(at_memory_readable(p + PAGE - 1, 1, NULL));
	assert_false(at_memory_readable(p + PAGE - 1, 2, NULL));
	assert_false(at_memory_readable(p + PAGE, 1, NULL));
	assert_false(at_memory_readable(p, 3 * PAGE, NULL));
	assert_true(at_memory_readable(p + 2 * PAGE, PAGE, NULL));
	munmap(p, 3 * PAGE);
	assert_false(at_memory_readable(p, 1, NULL));
}

static void what_cannot_be_written_is_not_stored_into(void **state)
{
	uint64_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)state;
	errno = 33;
	assert_true(at_memory_store(p, 17));
	assert_int_equal(p[0], 17);
	assert_int_equal(mprotect(p, PAGE, PROT_READ), 0);
	assert_false(at_memory_store(p, 18));
	assert_int_equal(p[0], 17);
	munmap(p, PAGE);
	assert_false(at_memory_store(p, 18));
	assert_int_equal(errno, 33);
}

static void ends_of_the_address_space_are_not(void **state)
{
	(void)state;
	errno = 33;
	assert_false(at_memory_readable(NULL, 1, NULL));
	assert_false(at_memory_readable((void *)3, 1, NULL));
	assert_false(at_memory_readable((void *)UINTPTR_MAX, 1, NULL));
	assert_false(at_memory_readable((void *)UINTPTR_MAX, 100, NULL));
	assert_false(at_memory_readable("x", SIZE_MAX, NULL));
	assert_true(at_memory_readable(NULL, 0, NULL));
	assert_true(at_memory_readable((void *)UINTPTR_MAX, 0, NULL));
	assert_int_equal(errno, 33);
}

static void asking_changes_no_signal_mask(void **state)
{
	sigset_t before, after;
	static uint64_t all_set[1024];
	(void)state;
	memset(all_set, 0xff, sizeof(all_set));
	sigprocmask(SIG_SETMASK, NULL, &before);
	assert_true(at_memory_readable(all_set, sizeof(all_set), NULL));
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < 65; s++)
		assert_int_equal(sigismember(&before, s), sigismember(&after, s));
}

static void the_known_page_is_not_asked_for_again(void **state)
{
	char *p = mmap(NULL, 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t known = 0;
	(void)state;
	assert_true(at_memory_readable(p, 2 * PAGE, &known));
	assert_int_equal(known, (uintptr_t)p / PAGE + 1);
	munmap(p, 2 * PAGE);
	assert_true(at_memory_readable(p + PAGE, 10, &known));
	assert_false(at_memory_readable(p + PAGE - 1, 10, &known));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_mapped_is_readable),
		cmocka_unit_test(a_forbidden_page_is_not),
		cmocka_unit_test(what_cannot_be_written_is_not_stored_into),
		cmocka_unit_test(ends_of_the_address_space_are_not),
		cmocka_unit_test(the_known_page_is_not_asked_for_again),
		cmocka_unit_test(asking_changes_no_signal_mask),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
