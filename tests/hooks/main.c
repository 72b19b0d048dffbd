/*
 * Runs one test of a hook; a row of calls.def without a test is an undefined reference here.
 *
 *   hooks                 names all rows
 *   hooks NAME            runs test_hook_NAME; exit code 1 when a check did not hold
 */
#include <stdio.h>
#include <string.h>

#include "hooks/harness.h"

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
#define AT_CALL(ret, name, params, args, raw) {#name, test_hook_##name},
#define AT_TRAMPOLINE(name)                   {#name, test_hook_##name},
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc < 2) {
			puts(tests[i].name);
		} else if (strcmp(argv[1], tests[i].name) == 0) {
			tests[i].run();
			fflush(stdout);
			return failures() ? 1 : 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
