/*
 * Tests of cli/path.c and cli/library.c in a directory of their own: what execvp would execute,
 * where the library is found, what LD_PRELOAD becomes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/library.h"
#include "cli/path.h"

static char home[] = "/tmp/autotrace-path.XXXXXX";

static void make(const char *name, mode_t mode)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int enter(void **state)
{
	(void)state;
	if (!mkdtemp(home) || chdir(home) != 0)
		return -1;
	if (mkdir("a", 0700) != 0 || mkdir("b", 0700) != 0 || mkdir("a/dir", 0700) != 0)
		return -1;
	make("a/plain", 0600);
	make("b/plain", 0700);
	make("a/only", 0600);
	make("b/tool", 0700);
	make("here", 0700);
	make("libautotrace.so", 0600);
	make("other.so", 0600);
	return symlink("libautotrace.so", "link.so");
}

static int leave(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", home);
	return system(command);
}

static void commands(void **state)
{
	static const struct {
		const char *name;   /* as typed */
		const char *search; /* PATH */
		int error;          /* 0 or errno */
		const char *file;   /* NULL: none */
	} cases[] = {
		{"tool", "a:b", 0, "b/tool"},      {"plain", "a:b", 0, "b/plain"},
		{"only", "a:b", EACCES, NULL},     {"dir", "a:b", EACCES, NULL},
		{"nosuch", "a:b", ENOENT, NULL},   {"here", "a::b", 0, "here"},
		{"here", "a:", 0, "here"},         {"here", "", 0, "here"},
		{"./here", "a", 0, "./here"},      {"a/plain", "b", EACCES, NULL},
		{"a/plain/x", "b", ENOTDIR, NULL}, {"a/nosuch", "b", ENOENT, NULL},
		{"", "a:b", ENOENT, NULL},         {"tool", "nodir:here:b", 0, "b/tool"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *file;

		assert_int_equal(at_path_find(cases[i].name, cases[i].search, &file),
				 cases[i].error);
		assert_int_equal(file != NULL, cases[i].file != NULL);
		if (file)
			assert_string_equal(file, cases[i].file);
		free(file);
	}
}

static void preloads(void **state)
{
	static const struct {
		const char *existing; /* LD_PRELOAD before; NULL: unset */
		const char *value;    /* and after, behind the library */
	} cases[] = {
		{NULL, ""},
		{"", ""},
		{"/x/other.so", ":/x/other.so"},
		{"/x/a.so /x/b.so", ":/x/a.so:/x/b.so"},
		{"./libautotrace.so", ""},
		{"./link.so:./other.so", ":./other.so"},
		{"./other.so:./libautotrace.so", ":./other.so"},
		{"libm.so.6", ":libm.so.6"},
		{"/opt/$LIB/x.so", ":/opt/$LIB/x.so"},
	};
	char library[128], expected[256];

	(void)state;
	snprintf(library, sizeof(library), "%s/libautotrace.so", home);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct at_text value = {0};

		snprintf(expected, sizeof(expected), "%s%s", library, cases[i].value);
		at_library_preload(library, cases[i].existing, &value);
		assert_string_equal(at_text_get(&value), expected);
		at_text_free(&value);
	}
}

static void libraries(void **state)
{
	struct at_text looked = {0};
	char expected[128], *found;

	(void)state;
	snprintf(expected, sizeof(expected), "%s/libautotrace.so", home);
	found = at_library_find("libautotrace.so", &looked);
	assert_string_equal(found, expected);
	free(found);
	setenv("AUTOTRACE_LIB", expected, 1);
	found = at_library_find(NULL, &looked);
	assert_string_equal(found, expected);
	free(found);
	assert_int_equal(looked.size, 0);
	assert_null(at_library_find("nosuch.so", &looked));
	assert_non_null(strstr(at_text_get(&looked), "--lib nosuch.so: No such file"));
	setenv("AUTOTRACE_LIB", "a", 1);
	assert_null(at_library_find(NULL, &looked));
	assert_non_null(strstr(at_text_get(&looked), "AUTOTRACE_LIB=a: not a regular file"));
	unsetenv("AUTOTRACE_LIB");
	at_text_free(&looked);
	assert_true(at_library_fits_preload("/usr/lib/libautotrace.so"));
	assert_false(at_library_fits_preload("/my lib/libautotrace.so"));
	assert_false(at_library_fits_preload("/a:b/libautotrace.so"));
	assert_false(at_library_fits_preload("/$LIB/libautotrace.so"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands),
		cmocka_unit_test(preloads),
		cmocka_unit_test(libraries),
	};

	return cmocka_run_group_tests(tests, enter, leave);
}
