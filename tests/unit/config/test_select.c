/*
 * Which processes are traced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/select.h"

static bool names(const char *list, const char *file, const char *executed, const char *called,
		  const char *arguments)
{
	struct at_select_who who = {at_str_c(file), at_str_c(executed), at_str_c(called),
				    at_str_c(arguments)};
	return at_select_names(at_str_c(list), &who);
}

static void a_name_is_that_of_the_file_the_script_or_argv0(void **state)
{
	(void)state;
	assert_true(names("bash", "/usr/bin/bash", "/bin/sh", "-sh", ""));
	assert_true(names("sh", "/usr/bin/bash", "/bin/sh", "-sh", ""));
	assert_true(names("-sh", "/usr/bin/bash", "/bin/sh", "-sh", ""));
	assert_true(names("run.py", "/usr/bin/python3.11", "./run.py", "python3", "./run.py"));
	assert_false(names("dash", "/usr/bin/bash", "/bin/sh", "-sh", ""));
	assert_false(names("bin", "/usr/bin/bash", "/bin/sh", "sh", ""));
	assert_false(names("bash", "", "", "", ""));
}

static void a_path_is_whole_and_argv0_is_none(void **state)
{
	(void)state;
	assert_true(names("/usr/bin/bash", "/usr/bin/bash", "/bin/sh", "sh", ""));
	assert_true(names("/bin/sh", "/usr/bin/bash", "/bin/sh", "sh", ""));
	assert_true(names("/opt/*", "/opt/shop/bin/serve", "", "serve", ""));
	assert_true(names("*/serve", "/opt/shop/bin/serve", "", "serve", ""));
	assert_false(names("bin/serve", "/opt/shop/bin/serve", "", "serve", ""));
	assert_false(names("/fake/x", "/usr/bin/bash", "/bin/sh", "/fake/x", ""));
}

static void arguments_fit_whole(void **state)
{
	(void)state;
	const char *a = "-m http.server 8000";
	assert_true(names("python3* -m http.server*", "/usr/bin/python3.11", "", "python3", a));
	assert_true(names("* *http.server*", "/usr/bin/python3.11", "", "python3", a));
	assert_true(names("python3.11   -m*", "/usr/bin/python3.11", "", "python3", a));
	assert_false(names("python3* -m http.server", "/usr/bin/python3.11", "", "python3", a));
	assert_false(names("node -m*", "/usr/bin/python3.11", "", "python3", a));
	assert_false(names("python3.11 *x*", "/usr/bin/python3.11", "", "python3", ""));
}

static void lists_have_commas_and_empty_entries(void **state)
{
	(void)state;
	assert_true(names("dash, bash ,,", "/bin/bash", "", "", ""));
	assert_false(names(" , ,,", "/bin/bash", "", "", ""));
	assert_false(names("", "/bin/bash", "", "", ""));
	assert_false(names(" ", "", "", "", ""));
}

static void exclude_wins(void **state)
{
	struct at_select_who bash = {.file = AT_STR("/bin/bash")};
	(void)state;
	struct at_str none = AT_STR_NONE, all = AT_STR("*"), it = AT_STR("bash");
	assert_int_equal(at_select_judge(none, none, &bash), AT_SELECT_TRACED);
	assert_int_equal(at_select_judge(it, none, &bash), AT_SELECT_TRACED);
	assert_int_equal(at_select_judge(AT_STR("sh"), none, &bash), AT_SELECT_NOT_INCLUDED);
	assert_int_equal(at_select_judge(AT_STR("  "), none, &bash), AT_SELECT_TRACED);
	assert_int_equal(at_select_judge(none, it, &bash), AT_SELECT_EXCLUDED);
	assert_int_equal(at_select_judge(it, all, &bash), AT_SELECT_EXCLUDED);
	assert_int_equal(at_select_judge(all, AT_STR("sh"), &bash), AT_SELECT_TRACED);
}

static void the_kill_switch_is_easily_pulled(void **state)
{
	static const char *const pulled[] = {"true", "1", "TRUE", " yes ", "on", "x", "disabled"};
	static const char *const not_pulled[] = {"", " ", "false", "False", "0", "no", "off"};
	(void)state;
	for (size_t i = 0; i < sizeof(pulled) / sizeof(pulled[0]); i++)
		assert_true(at_select_kills(at_str_c(pulled[i])));
	for (size_t i = 0; i < sizeof(not_pulled) / sizeof(not_pulled[0]); i++)
		assert_false(at_select_kills(at_str_c(not_pulled[i])));
	assert_false(at_select_kills(AT_STR_NONE));
}

/* The file of this very process is a path that ends in test_select. */
static void a_process_finds_out_who_it_is(void **state)
{
	const char *const argv[] = {"called", "one", "two words", NULL};
	const struct {
		const char *entry;
		enum at_selection judged;
	} rows[] = {
		{"AUTOTRACE_EXCLUDE=test_select", AT_SELECT_EXCLUDED},
		{"AUTOTRACE_EXCLUDE=*/test_select", AT_SELECT_EXCLUDED},
		{"AUTOTRACE_EXCLUDE=called one two words", AT_SELECT_EXCLUDED},
		{"AUTOTRACE_EXCLUDE=called one", AT_SELECT_TRACED},
		{"AUTOTRACE_EXCLUDE=/bin/executed", AT_SELECT_EXCLUDED},
		{"AUTOTRACE_INCLUDE=other", AT_SELECT_NOT_INCLUDED},
		{"AUTOTRACE_INCLUDE=executed", AT_SELECT_TRACED},
		{"AUTOTRACE_DISABLED=1", AT_SELECT_DISABLED},
		{"AUTOTRACE_DISABLED=", AT_SELECT_TRACED},
		{"AUTOTRACE_EXCLUDED=called", AT_SELECT_TRACED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const envp[] = {"PATH=/bin", rows[i].entry, NULL};
		if (at_select_process(argv, envp, "/bin/executed") != rows[i].judged)
			fail_msg("%s", rows[i].entry);
	}
	assert_int_equal(at_select_process(NULL, NULL, NULL), AT_SELECT_TRACED);
}

static void endless_arguments_are_cut(void **state)
{
	static char word[10000];
	const char *const argv[] = {"a", "b", word, "c", NULL};
	const char *const envp[] = {"AUTOTRACE_EXCLUDE=a b x*,a *c", NULL};
	(void)state;
	memset(word, 'x', sizeof(word) - 1);
	assert_int_equal(at_select_process(argv, envp, NULL), AT_SELECT_EXCLUDED);
	assert_int_equal(at_select_process(argv + 2, envp, NULL), AT_SELECT_TRACED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_that_of_the_file_the_script_or_argv0),
		cmocka_unit_test(a_path_is_whole_and_argv0_is_none),
		cmocka_unit_test(arguments_fit_whole),
		cmocka_unit_test(lists_have_commas_and_empty_entries),
		cmocka_unit_test(exclude_wins),
		cmocka_unit_test(the_kill_switch_is_easily_pulled),
		cmocka_unit_test(a_process_finds_out_who_it_is),
		cmocka_unit_test(endless_arguments_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
