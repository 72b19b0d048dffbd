/*
 * `autotrace run`: options become environment variables, the library goes in front of LD_PRELOAD,
 * and the command replaces this process. It never forks: as the first process of a container it
 * must not stay.
 *
 * Fed by main.c. Owns the environment from here to exec. Not its job: to check the values, which
 * the library does for everybody, with or without this command.
 */
#include "cli/command.h"
#include "cli/examine.h"
#include "cli/library.h"
#include "cli/path.h"
#include "cli/resource.h"
#include "cli/text.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the options leave behind besides variables. */
struct plan {
	const char *library; /* --lib, NULL: not given */
	bool exporter_given; /* --exporter or --console was there, so --console adds to it */
	bool help;           /* --help was there */
};

/* One row of run_options.def. */
struct option_row {
	const char *name;  /* without the dashes */
	const char *value; /* what it takes, "" if nothing */
	/* Carries it out; false: the value makes no sense. */
	bool (*action)(struct plan *plan, const struct option_row *row, const char *value);
	const char *variable; /* environment variable it stands for, "" if none */
	const char *help;     /* one line */
};

static void put(const char *variable, const char *value)
{
	if (setenv(variable, value, 1) != 0) {
		at_text_complain("%s: %s", variable, strerror(errno));
		exit(AT_EXIT_FAILED);
	}
}

static bool set(struct plan *plan, const struct option_row *row, const char *value)
{
	if (strcmp(row->name, "exporter") == 0)
		plan->exporter_given = true;
	put(row->variable, value);
	return true;
}

static bool set_url(struct plan *plan, const struct option_row *row, const char *value)
{
	if (strncasecmp(value, "http://", 7) != 0 && strncasecmp(value, "https://", 8) != 0)
		return false;
	return set(plan, row, value);
}

/* The command may change its directory before it first looks there. */
static bool set_directory(struct plan *plan, const struct option_row *row, const char *value)
{
	struct at_text path = {0};
	char *here = *value == '/' ? NULL : getcwd(NULL, 0);

	bool good = *value && (*value == '/' || here);

	if (good) {
		at_text_addf(&path, "%s%s%s", here ? here : "", here ? "/" : "", value);
		set(plan, row, path.data);
	}
	free(here);
	at_text_free(&path);
	return good;
}

static bool set_false(struct plan *plan, const struct option_row *row, const char *value)
{
	(void)value;
	return set(plan, row, "false");
}

static bool add_console(struct plan *plan, const struct option_row *row, const char *value)
{
	const char *before = plan->exporter_given ? getenv(row->variable) : NULL;
	struct at_text list = {0};

	(void)value;
	at_text_addf(&list, "%s%sconsole", before ? before : "", before && *before ? "," : "");
	put(row->variable, list.data);
	at_text_free(&list);
	plan->exporter_given = true;
	return true;
}

static bool add_resource(struct plan *plan, const struct option_row *row, const char *value)
{
	struct at_text merged = {0};
	bool good = at_resource_merge(getenv(row->variable), value, &merged);

	(void)plan;
	if (good)
		put(row->variable, merged.data);
	at_text_free(&merged);
	return good;
}

/* NAME alone also clears an argument that was meant for another sampler. */
static bool set_sampler(struct plan *plan, const struct option_row *row, const char *value)
{
	const char *colon = strchr(value, ':');
	struct at_text name = {0};

	at_text_add(&name, value, colon ? (size_t)(colon - value) : strlen(value));
	if (name.size == 0) {
		at_text_free(&name);
		return false;
	}
	set(plan, row, name.data);
	at_text_free(&name);
	if (colon)
		put("OTEL_TRACES_SAMPLER_ARG", colon + 1);
	else
		unsetenv("OTEL_TRACES_SAMPLER_ARG");
	return true;
}

static bool set_library(struct plan *plan, const struct option_row *row, const char *value)
{
	(void)row;
	plan->library = value;
	return true;
}

static bool show_help(struct plan *plan, const struct option_row *row, const char *value)
{
	(void)row;
	(void)value;
	plan->help = true;
	return true;
}

static const struct option_row rows[] = {
#define X(name, value, action, variable, help) {name, value, action, variable, help},
#include "cli/run_options.def"
#undef X
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

void at_run_help(FILE *out)
{
	for (size_t i = 0; i < ROWS; i++) {
		int width = fprintf(out, "  --%s%s%s", rows[i].name, *rows[i].value ? " " : "",
				    rows[i].value);

		fprintf(out, "%*s%s%s%s%s\n", width < 28 ? 28 - width : 1, "", rows[i].help,
			*rows[i].variable ? " (" : "", rows[i].variable,
			*rows[i].variable ? ")" : "");
	}
	fputs("Everything behind -- or the first word that is no option is the command.\n"
	      "Exit codes of its own: 127 command not found, 126 not executable, 125 autotrace "
	      "failed, 2 usage.\n",
	      out);
}

/* Reads options up to the command. True: go on with the command at arguments[optind]. */
static bool read_options(struct plan *plan, int count, char **arguments)
{
	struct option options[ROWS + 1] = {0};
	int index = 0, got;

	for (size_t i = 0; i < ROWS; i++)
		options[i] = (struct option){.name = rows[i].name,
					     .has_arg = *rows[i].value ? required_argument
								       : no_argument};
	opterr = 0;
	while ((got = getopt_long(count, arguments, "+:", options, &index)) != -1) {
		if (got != 0) {
			at_command_refuse("run", got, arguments);
			return false;
		}
		if (!rows[index].action(plan, &rows[index], optarg)) {
			at_text_complain("run: --%s %s: expected %s", rows[index].name, optarg,
					 rows[index].action == set_url ? "http://... or https://..."
								       : rows[index].value);
			return false;
		}
	}
	return true;
}

/* Warns when the command will run untraced. True: the preload can stay. */
static bool judge(char **command, const char *library)
{
	struct at_subject subject = {.launching = true};
	struct at_report report = {0};
	const struct at_module *program;
	const struct at_finding *decisive;
	bool harmful;

	at_subject_open_program(&subject, command, library, &report);
	at_examine_reach(&subject, &report);
	program = at_subject_program(&subject);
	decisive = at_report_decisive(&report);
	if (program && decisive && decisive->level == AT_LEVEL_CANNOT)
		at_text_complain("warning: %s is %s: it will run, but untraced", program->path,
				 decisive->what);
	harmful = report.harmful;
	at_report_free(&report);
	at_subject_close(&subject);
	return !harmful;
}

/* Says what a shell says when exec failed, and returns the shell's exit code. */
static int explain(const char *command, int error)
{
	struct stat status;

	if (error == ENOENT && !strchr(command, '/'))
		at_text_complain("%s: command not found", command);
	else if (error == ENOENT && stat(command, &status) == 0)
		at_text_complain("%s: its interpreter is missing: %s", command, strerror(error));
	else if (error == EACCES && stat(command, &status) == 0 && S_ISDIR(status.st_mode))
		at_text_complain("%s: Is a directory", command);
	else
		at_text_complain("%s: %s", command, strerror(error));
	return error == ENOENT ? AT_EXIT_NOT_FOUND : AT_EXIT_NOT_RUN;
}

/* The library to preload; the caller frees. NULL: there is none that can be, and it was said why.
 */
static char *choose_library(const struct plan *plan)
{
	struct at_text looked = {0};
	char *library = at_library_find(plan->library, &looked);

	if (!library)
		at_text_complain("libautotrace.so was not found: %s", at_text_get(&looked));
	at_text_free(&looked);
	if (!library || at_library_fits_preload(library))
		return library;
	at_text_complain(
		"%s: LD_PRELOAD cannot hold a path with a space, a colon or a dollar sign; "
		"link the library to another place and name that with --lib",
		library);
	free(library);
	return NULL;
}

/* Sets LD_PRELOAD and executes. Returns only if that failed, with the exit code. */
static int launch(char **command, const char *library)
{
	struct at_text preload = {0};

	if (judge(command, library)) {
		at_library_preload(library, getenv("LD_PRELOAD"), &preload);
		put("LD_PRELOAD", preload.data);
		at_text_free(&preload);
	}
	execvp(command[0], command);
	return explain(command[0], errno);
}

int at_run_main(int count, char **arguments)
{
	struct plan plan = {0};
	char *library;
	int code;

	if (!read_options(&plan, count, arguments))
		return AT_EXIT_USAGE;
	if (plan.help) {
		at_run_help(stdout);
		return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
	}
	if (optind >= count) {
		at_text_complain("run: no command; see `autotrace help run`");
		return AT_EXIT_USAGE;
	}
	library = choose_library(&plan);
	if (!library)
		return AT_EXIT_FAILED;
	code = launch(arguments + optind, library);
	free(library);
	return code;
}
