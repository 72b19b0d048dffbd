/*
 * Tests of libc/floor.c: the walks over the loaded objects give what dlsym(RTLD_NEXT) gives, and
 * the renamed stat family answers as stat(2) does.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "libc/early.h"
#include "libc/floor.h"
#include "libc/vdso.h"

static const char *const names[] = {
#define AT_CALL(ret, name, params, args, raw) #name,
#define AT_TRAMPOLINE(name)                   #name,
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
};

static void walk_finds_what_dlsym_finds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *expected = dlsym(RTLD_NEXT, names[i]);

		if (at_floor_walk_next(names[i]) != expected)
			fail_msg("%s: the walk and dlsym differ", names[i]);
		assert_ptr_equal(at_floor_dlsym_next(names[i]), expected);
		assert_ptr_equal(at_early_next(names[i]), expected);
		expected = dlsym(RTLD_DEFAULT, names[i]);
		assert_ptr_equal(at_floor_walk_first(names[i]), expected);
	}
}

static void walk_does_not_find_what_is_not_there(void **state)
{
	(void)state;
	assert_null(at_floor_walk_next("no_function_has_this_name"));
	assert_null(at_floor_walk_next(""));
	assert_null(at_early_next("no_function_has_this_name"));
}

static void threads_are_there(void **state)
{
	(void)state;
	assert_true(at_floor_has_threads());
}

static void stat_answers_like_stat(void **state)
{
	struct stat ours = {0}, theirs = {0};
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(at_floor_stat("/proc/self", &ours), 0);
	assert_true(S_ISDIR(ours.st_mode));
	assert_int_equal(at_floor_lstat("/proc/self", &ours), 0);
	assert_true(S_ISLNK(ours.st_mode));
	assert_int_equal(at_floor_fstat(fd, &ours), 0);
	assert_int_equal(fstat(fd, &theirs), 0);
	assert_memory_equal(&ours, &theirs, sizeof(ours));
	close(fd);
	assert_int_equal(at_floor_stat("/no/such/file", &ours), -1);
	assert_int_equal(errno, ENOENT);
}

/* A machine without a vDSO is possible, but none that runs these tests. */
static void vdso_has_a_clock(void **state)
{
	struct timespec before, ours = {0}, after;
	int (*fn)(clockid_t, struct timespec *) =
		(int (*)(clockid_t, struct timespec *))at_floor_vdso("__vdso_clock_gettime");

	(void)state;
	assert_null(at_floor_vdso("no_function_has_this_name"));
	if (fn == NULL) {
		assert_true(getauxval(AT_SYSINFO_EHDR) == 0);
		print_message("no vDSO here: the system call is asked\n");
	}
	clock_gettime(CLOCK_MONOTONIC, &before);
	if (fn != NULL)
		assert_int_equal(fn(CLOCK_MONOTONIC, &ours), 0);
	at_vdso_clock(CLOCK_MONOTONIC, &after);
	assert_true(fn == NULL || (before.tv_sec <= ours.tv_sec && ours.tv_sec <= after.tv_sec));
	assert_true(after.tv_sec - before.tv_sec < 10);
	at_vdso_clock(12345, &after);
	assert_true(after.tv_sec == 0 && after.tv_nsec == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_finds_what_dlsym_finds),
		cmocka_unit_test(walk_does_not_find_what_is_not_there),
		cmocka_unit_test(threads_are_there),
		cmocka_unit_test(stat_answers_like_stat),
		cmocka_unit_test(vdso_has_a_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
