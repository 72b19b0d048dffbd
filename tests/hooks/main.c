/*
 * Runs one test of a hook; a row of calls.def without a test is an undefined reference here.
 *
 *   hooks                 names all rows
 *   hooks NAME            runs test_hook_NAME; exit code 1 when a check did not hold
 *   hooks span NAME       runs span_hook_NAME, which prints the spans that must arrive
 *   hooks cancel NAME     cancels a thread in cancel_hook_NAME; prints what came of it, and spans
 */
#include <stdio.h>
#include <string.h>

#include "hooks/cancel.h"
#include "hooks/harness.h"
#include "hooks/span.h"

static const struct {
	const char *name;
	void (*run)(void);
	void (*span)(void);
	const struct cancel_row *cancel;
} tests[] = {
#define AT_TRAMPOLINE(name)                   {#name, test_hook_##name, span_hook_##name, cancel_hook_##name},
#define AT_CALL(ret, name, params, args, raw) AT_TRAMPOLINE(name)
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
};

int main(int argc, char **argv)
{
	const char *wanted = argc > 1 ? argv[argc - 1] : "";
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (argc < 2) {
			puts(tests[i].name);
		} else if (strcmp(wanted, tests[i].name) == 0 && strcmp(argv[1], "cancel") == 0) {
			cancel_run(tests[i].cancel);
			span_end();
		} else if (strcmp(wanted, tests[i].name) == 0 && argc > 2) {
			tests[i].span();
			span_end();
		} else if (strcmp(wanted, tests[i].name) == 0) {
			tests[i].run();
			fflush(stdout);
			return failures() ? 1 : 0;
		}
	}
	return argc < 2 ? 0 : 2;
}
