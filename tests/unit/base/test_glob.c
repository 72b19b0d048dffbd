/*
 * Patterns with wildcards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/glob.h"

static bool match(const char *pattern, const char *text)
{
	return at_glob_match(at_str_c(pattern), at_str_c(text));
}

static void what_fits(void **state)
{
	static const char *const fits[][2] = {
		{"", ""},
		{"*", ""},
		{"**", ""},
		{"*", "anything/at all"},
		{"bash", "bash"},
		{"python3*", "python3.11"},
		{"*.sh", "a.sh.sh"},
		{"/usr/*/sh", "/usr/local/bin/sh"},
		{"?", "x"},
		{"a?c*", "abc"},
		{"*a*b*", "xxaxxbxx"},
		{"*aab", "aaaab"},
		{"[a]", "[a]"},
		{"*\xff", "a\xff"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(fits) / sizeof(fits[0]); i++)
		if (!match(fits[i][0], fits[i][1]))
			fail_msg("\"%s\" does not fit \"%s\"", fits[i][0], fits[i][1]);
}

static void what_does_not(void **state)
{
	static const char *const differs[][2] = {
		{"", "a"},       {"a", ""},         {"?", ""},        {"bash", "bas"},
		{"bas", "bash"}, {"*.sh", "a.shx"}, {"a*b", "acd"},   {"??", "a"},
		{"[ab]", "a"},   {"\\*", "*"},      {"Bash", "bash"}, {"*a*b*c", "aabbx"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(differs) / sizeof(differs[0]); i++)
		if (match(differs[i][0], differs[i][1]))
			fail_msg("\"%s\" fits \"%s\"", differs[i][0], differs[i][1]);
}

/* The worst case is the product of both lengths, no exponent. */
static void many_wildcards_end(void **state)
{
	char text[4096], pattern[512];
	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[sizeof(pattern) - 1] = 'b';
	assert_false(at_glob_match(at_str(pattern, sizeof(pattern)), at_str(text, sizeof(text))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fits),
		cmocka_unit_test(what_does_not),
		cmocka_unit_test(many_wildcards_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
