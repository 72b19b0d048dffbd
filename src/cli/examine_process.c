/*
 * Examiner of a running process: is the library at work in it, and what of its state matters? Fed
 * by examine.c; says nothing about programs that do not run yet.
 */
#include "cli/examine.h"
#include "cli/library.h"
#include "cli/path.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

/* The path under which our library is mapped, NULL if it is not. */
static const char *mapped(const struct at_process *process)
{
	const char *path;

	for (path = at_process_next(&process->mapped, NULL); path;
	     path = at_process_next(&process->mapped, path))
		if (strncmp(at_path_base(path), AT_LIBRARY_NAME, strlen(AT_LIBRARY_NAME)) == 0)
			return path;
	return NULL;
}

/* The library was asked for and is not there: says why, as far as that can be seen. */
static void explain_absence(const struct at_subject *subject, const char *preload,
			    struct at_report *report)
{
	const struct at_process *process = &subject->process;
	const char *start = strstr(preload, AT_LIBRARY_NAME);
	const char *end = start + strcspn(start, " :");
	struct at_text path = {0};

	while (start > preload && start[-1] != ' ' && start[-1] != ':')
		start--;
	at_text_addf(&path, "/proc/%d/root%.*s", (int)process->pid, (int)(end - start), start);
	if (*start == '/' && access(path.data, F_OK) != 0)
		at_report_add(
			report, AT_LEVEL_CANNOT, "now",
			"the process sees another file system than the one it is installed in",
			"without the library: LD_PRELOAD names %.*s, which is not there",
			(int)(end - start), start);
	else
		at_report_add(report, AT_LEVEL_CANNOT, "now",
			      "the loader writes the reason to its stderr",
			      "without the library: LD_PRELOAD names it, but it is not mapped");
	at_text_free(&path);
}

/* Names come from /etc/passwd alone: a program that is linked statically has no name services. */
static void examine_user(const struct at_process *process, struct at_report *report)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd *user = NULL;

	while (file && (user = fgetpwent(file)) && user->pw_uid != process->user)
		;
	at_report_add(report, AT_LEVEL_NOTE, "user", NULL, "%u%s%s%s", (unsigned)process->user,
		      user ? " (" : "", user ? user->pw_name : "", user ? ")" : "");
	if (file)
		fclose(file);
}

static void examine_state(const struct at_process *process, struct at_report *report)
{
	if (process->replaced)
		at_report_add(report, AT_LEVEL_NOTE, "file", NULL,
			      "%s was replaced or removed since the start", process->program);
	if (process->seccomp == 1)
		at_report_add(report, AT_LEVEL_CANNOT, "seccomp",
			      "it may only read, write and exit", "in strict seccomp mode");
	else if (process->seccomp == 2)
		at_report_add(report, AT_LEVEL_NOTE, "seccomp",
			      "it must allow the exporter socket, connect and clone",
			      "a filter of system calls is active");
	if (process->no_new_privileges)
		at_report_add(report, AT_LEVEL_NOTE, "privilege",
			      "programs it executes keep LD_PRELOAD even if set-uid",
			      "no_new_privs is set");
}

static void examine_removed(const struct at_process *process, struct at_report *report)
{
	static const char mark[] = " (deleted)";
	const char *path;

	for (path = at_process_next(&process->mapped, NULL); path;
	     path = at_process_next(&process->mapped, path)) {
		size_t size = strlen(path);

		if (size < sizeof(mark) || strcmp(path + size - sizeof(mark) + 1, mark) != 0)
			continue;
		if (process->replaced &&
		    strncmp(path, process->program, size - sizeof(mark) + 1) == 0)
			continue;
		at_report_add(report, AT_LEVEL_NOTE, "file",
			      "the process still runs what was there before",
			      "%s was replaced or removed since the start", path);
	}
}

void at_examine_process(const struct at_subject *subject, struct at_report *report)
{
	const struct at_process *process = &subject->process;
	const char *preload = at_subject_variable(subject, "LD_PRELOAD");
	const char *library = mapped(process);

	if (process->pid == 0)
		return;
	report->traced = library != NULL;
	if (library)
		at_report_add(report, AT_LEVEL_NOTE, "now", NULL, "%s is mapped", library);
	else if (at_report_level(report) == AT_LEVEL_NOTE && preload &&
		 strstr(preload, AT_LIBRARY_NAME))
		explain_absence(subject, preload, report);
	else if (at_report_level(report) == AT_LEVEL_NOTE)
		at_report_add(report, AT_LEVEL_NOTE, "now",
			      "a running process cannot be joined: restart it with `autotrace run`",
			      "not traced");
	if (preload && *preload)
		at_report_add(report, AT_LEVEL_NOTE, "environment", NULL, "LD_PRELOAD=%s", preload);
	examine_user(process, report);
	examine_state(process, report);
	examine_removed(process, report);
}
