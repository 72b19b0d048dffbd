/*
 * Opening a program or a process for examination; see subject.h. Fed by run.c and check.c, feeds
 * the examiners. Owns every mapped file. Not its job: to judge what it found, but for what cannot
 * be opened.
 */
#include "cli/subject.h"

#include "cli/library.h"
#include "cli/needed.h"
#include "cli/path.h"
#include "cli/script.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Scripts whose interpreters are scripts: the kernel follows no more than this. */
#define SCRIPT_DEPTH 5

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Collects what the library exports: calls it interposes, and the public API, which is left out. */
static void read_interposed(struct at_subject *subject)
{
	struct at_elf_table table;
	struct at_elf_symbol symbol;
	const struct at_elf *elf = &subject->library.elf;

	if (subject->library.result != AT_ELF_OK || !at_elf_dynamic_symbols(elf, &table))
		return;
	for (uint64_t i = 0; i < table.count; i++) {
		if (!at_elf_symbol(elf, &table, i, &symbol) || !symbol.defined || !symbol.global)
			continue;
		if (strncmp(symbol.name, "autotrace_", 10) == 0)
			continue;
		subject->interposed =
			at_text_memory(subject->interposed, (subject->interposed_count + 1) *
								    sizeof(*subject->interposed));
		subject->interposed[subject->interposed_count++] = symbol.name;
	}
	if (subject->interposed)
		qsort(subject->interposed, subject->interposed_count, sizeof(*subject->interposed),
		      compare_names);
}

static void open_library(struct at_subject *subject, const char *option)
{
	char *path = at_library_find(option, &subject->library_where);
	int error;

	if (!path)
		return;
	error = at_module_open(&subject->library, path);
	if (error != 0)
		at_text_addf(&subject->library_where, "%s: %s", path, strerror(error));
	free(path);
	read_interposed(subject);
}

/* Why execvp would refuse, in words. */
static void refuse(struct at_report *report, const char *path, int error)
{
	struct stat status;

	if (error == ENOENT && !strchr(path, '/'))
		at_report_add(report, AT_LEVEL_CANNOT, "file", "no such command in PATH",
			      "not found");
	else if (error == ENOENT || error == ENOTDIR)
		at_report_add(report, AT_LEVEL_CANNOT, "file", NULL,
			      "not found: there is no file %s", path);
	else if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
		at_report_add(report, AT_LEVEL_CANNOT, "file", NULL, "a directory");
	else if (error == EACCES && stat(path, &status) == 0)
		at_report_add(report, AT_LEVEL_CANNOT, "file", NULL, "not executable: %s", path);
	else
		at_report_add(report, AT_LEVEL_UNKNOWN, "file", NULL, "%s: %s", path,
			      strerror(error));
}

/* The command that runs a file which is not ELF; the caller frees. NULL: nothing runs it. */
static char *follow(const struct at_module *file, struct at_report *report)
{
	struct at_script script;
	char command[AT_SCRIPT_LINE_MAX];
	char *next = NULL;
	int error;

	if (at_script_parse(file->data, file->size, &script)) {
		bool by_env = at_script_env_command(&script, command);
		const char *name = by_env ? command : script.interpreter;

		error = at_path_find(name, by_env ? getenv("PATH") : NULL, &next);
		if (error != 0) {
			at_report_add(report, AT_LEVEL_CANNOT, "script", NULL,
				      "a script whose interpreter cannot be executed: %s: %s", name,
				      strerror(error));
			return NULL;
		}
		at_report_add(report, AT_LEVEL_NOTE, "script", NULL, "%s is run by %s (#!%s%s%s)",
			      file->path, next, script.interpreter, *script.argument ? " " : "",
			      script.argument);
		return next;
	}
	if (file->size > 0 && memchr(file->data, '\0', file->size < 128 ? file->size : 128)) {
		at_report_add(report, AT_LEVEL_CANNOT, "file", NULL,
			      "not a program: %s is neither an ELF file nor a script", file->path);
		return NULL;
	}
	at_report_add(report, AT_LEVEL_NOTE, "script", NULL,
		      "%s has no #! line: shells and execvp run it with /bin/sh", file->path);
	return at_text_copy("/bin/sh");
}

/* Opens path, which subject takes over, and follows scripts until a program is found. */
static void open_chain(struct at_subject *subject, char *path, struct at_report *report)
{
	for (int depth = 0; path; depth++) {
		char real[PATH_MAX];
		struct at_module file;
		char *next;
		int error = at_module_open(&file, realpath(path, real) ? real : path);

		if (error != 0)
			at_report_add(report, AT_LEVEL_UNKNOWN, "file",
				      "it may still be executable: ask as its owner or as root",
				      "%s: %s", path, strerror(error));
		free(subject->executed);
		subject->executed = path;
		if (error != 0)
			return;
		if (file.result != AT_ELF_NOT_ELF) {
			at_module_list_add(&subject->files, &file);
			return;
		}
		if (depth == SCRIPT_DEPTH) {
			at_report_add(report, AT_LEVEL_CANNOT, "script", NULL,
				      "a script whose interpreters are scripts without end");
			at_module_close(&file);
			return;
		}
		next = follow(&file, report);
		at_module_close(&file);
		path = next;
	}
}

void at_subject_open_program(struct at_subject *subject, char *const *arguments,
			     const char *library, struct at_report *report)
{
	char *path;
	int error;

	subject->name = arguments[0];
	for (unsigned i = 0; arguments[i]; i++)
		at_text_add(&subject->arguments, arguments[i], strlen(arguments[i]) + 1);
	open_library(subject, library);
	error = at_path_find(subject->name, getenv("PATH"), &path);
	report->title = at_text_copy(path ? path : subject->name);
	if (error != 0) {
		refuse(report, subject->name, error);
		return;
	}
	open_chain(subject, path, report);
	if (at_subject_program(subject))
		at_needed_load(&subject->files, getenv("LD_LIBRARY_PATH"), &subject->missing);
}

/* Opens the files a process has mapped, through its own root directory. */
static void open_mapped(struct at_subject *subject)
{
	struct at_process *process = &subject->process;
	struct at_text path = {0};
	struct at_module file;

	at_text_addf(&path, "/proc/%d/exe", (int)process->pid);
	if (process->program && at_module_open(&file, path.data) == 0) {
		free(file.path);
		file.path = at_text_copy(process->program);
		at_module_list_add(&subject->files, &file);
	}
	for (const char *name = at_process_next(&process->mapped, NULL);
	     name && subject->files.count > 0; name = at_process_next(&process->mapped, name)) {
		at_text_free(&path);
		at_text_addf(&path, "/proc/%d/root%s", (int)process->pid, name);
		if (at_module_open(&file, path.data) != 0)
			continue;
		free(file.path);
		file.path = at_text_copy(name);
		if (file.result == AT_ELF_OK)
			at_module_list_add(&subject->files, &file);
		else
			at_module_close(&file);
	}
	at_text_free(&path);
}

void at_subject_open_process(struct at_subject *subject, pid_t pid, const char *library,
			     struct at_report *report)
{
	struct at_process *process = &subject->process;
	struct at_text title = {0};
	int error = at_process_open(process, pid);

	at_text_addf(&title, "%d", (int)pid);
	if (process->program)
		at_text_addf(&title, " (%s)", process->program);
	report->title = title.data;
	subject->name = process->program ? process->program : title.data;
	if (error == ESRCH) {
		at_report_add(report, AT_LEVEL_CANNOT, "process", NULL,
			      "not found: there is no process %d", (int)pid);
		return;
	}
	open_library(subject, library);
	at_text_add(&subject->arguments, at_text_get(&process->arguments), process->arguments.size);
	subject->executed = at_text_copy(at_text_get(&subject->arguments));
	open_mapped(subject);
	if (error == 0 && process->state == 'Z')
		at_report_add(report, AT_LEVEL_CANNOT, "process", NULL,
			      "a zombie: it has ended already");
	else if (error != 0 || process->error != 0)
		at_report_add(report, AT_LEVEL_UNKNOWN, "process",
			      "ask as the same user or as root", "/proc/%d: %s", (int)pid,
			      strerror(error != 0 ? error : process->error));
	else if (!process->program)
		at_report_add(report, AT_LEVEL_CANNOT, "process", NULL, "a thread of the kernel");
	else if (subject->files.count == 0)
		at_report_add(report, AT_LEVEL_UNKNOWN, "process", NULL, "/proc/%d/exe: no access",
			      (int)pid);
}

void at_subject_close(struct at_subject *subject)
{
	at_module_list_close(&subject->files);
	at_module_close(&subject->library);
	at_process_close(&subject->process);
	at_text_free(&subject->missing);
	at_text_free(&subject->arguments);
	at_text_free(&subject->library_where);
	free(subject->interposed);
	free(subject->executed);
	memset(subject, 0, sizeof(*subject));
}

const struct at_module *at_subject_program(const struct at_subject *subject)
{
	if (subject->files.count == 0 || subject->files.items[0].result != AT_ELF_OK)
		return NULL;
	return &subject->files.items[0];
}

const struct at_module *at_subject_library(const struct at_subject *subject, const char *soname)
{
	for (unsigned i = 1; i < subject->files.count; i++) {
		const struct at_module *file = &subject->files.items[i];
		const char *name = at_elf_dynamic_string(&file->elf, DT_SONAME, 0);

		if (name && strcmp(name, soname) == 0)
			return file;
	}
	return NULL;
}

const char *at_subject_variable(const struct at_subject *subject, const char *name)
{
	const struct at_text *variables = &subject->process.variables;
	size_t size = strlen(name);

	if (subject->process.pid == 0)
		return getenv(name);
	for (const char *at = at_process_next(variables, NULL); at;
	     at = at_process_next(variables, at))
		if (strncmp(at, name, size) == 0 && at[size] == '=')
			return at + size + 1;
	return NULL;
}

bool at_subject_interposes(const struct at_subject *subject, const char *function)
{
	return subject->interposed &&
	       bsearch(&function, subject->interposed, subject->interposed_count,
		       sizeof(*subject->interposed), compare_names);
}
