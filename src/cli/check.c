/*
 * `autotrace check`: says whether and how far a program or a running process can be traced. Fed by
 * main.c; opens the subject, lets every examiner look at it, prints the report.
 */
#include "cli/command.h"
#include "cli/examine.h"
#include "cli/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What getopt_long returns for each option. */
enum { OPTION_JSON = 1, OPTION_LIBRARY, OPTION_HELP };

static const struct option options[] = {
	{.name = "json", .val = OPTION_JSON},
	{.name = "lib", .has_arg = required_argument, .val = OPTION_LIBRARY},
	{.name = "help", .val = OPTION_HELP},
	{0},
};

void at_check_help(FILE *out)
{
	fputs("  --json                    print one JSON object\n"
	      "  --lib PATH                libautotrace.so, if it is not found by itself "
	      "(AUTOTRACE_LIB)\n"
	      "  --help                    this list\n"
	      "A number is a process; a program with such a name is ./NUMBER.\n"
	      "Exit codes: 0 can be traced, 3 partly, 1 cannot or unknown, 2 usage.\n",
	      out);
}

static int check(char **arguments, const char *library, bool json)
{
	struct at_subject subject = {0};
	struct at_report report = {0};
	pid_t pid = at_process_id(arguments[0]);
	bool printed;
	int code;

	at_module_guard();
	if (pid != 0)
		at_subject_open_process(&subject, pid, library, &report);
	else
		at_subject_open_program(&subject, arguments, library, &report);
	at_examine_all(&subject, &report);
	printed = json ? at_report_print_json(&report, stdout) : at_report_print(&report, stdout);
	code = at_report_exit(&report);
	if (!printed) {
		at_text_complain("check: standard output: %s", strerror(errno));
		code = AT_EXIT_FAILED;
	}
	at_report_free(&report);
	at_subject_close(&subject);
	return code;
}

int at_check_main(int count, char **arguments)
{
	const char *library = NULL;
	bool json = false;
	int got;

	opterr = 0;
	while ((got = getopt_long(count, arguments, "+:", options, NULL)) != -1) {
		switch (got) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_LIBRARY:
			library = optarg;
			break;
		case OPTION_HELP:
			at_check_help(stdout);
			return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
		default:
			at_command_refuse("check", got, arguments);
			return AT_EXIT_USAGE;
		}
	}
	if (optind >= count || *arguments[optind] == '\0') {
		at_text_complain("check: no program and no process; see `autotrace help check`");
		return AT_EXIT_USAGE;
	}
	return check(arguments + optind, library, json);
}
