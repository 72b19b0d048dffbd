/*
 * The program under examination: its file, its libraries, its environment, and our own library to
 * compare with. For the programs; one thread.
 */
#ifndef AT_CLI_SUBJECT_H
#define AT_CLI_SUBJECT_H

#include "cli/module.h"
#include "cli/process.h"
#include "cli/report.h"
#include "cli/text.h"

#include <stdbool.h>

/* All that the examiners look at. */
struct at_subject {
	const char *name; /* as given on the command line */
	struct at_module_list
		files;          /* the program, then its libraries; empty: it could not be opened */
	struct at_text missing; /* needed libraries that were not found, one a line */
	struct at_process process; /* the running process; pid 0: a program that does not run yet */
	char *executed;            /* path that is executed, before links are resolved; owned */
	struct at_text arguments;  /* its arguments, terminated, one behind the other */
	bool launching;            /* this very process is about to execute it */
	struct at_module library;  /* libautotrace.so; path NULL: not found */
	struct at_text library_where; /* where it was looked for in vain */
	const char **interposed;      /* names of the functions it interposes, sorted; names live in
					 library */
	unsigned interposed_count;    /* names */
};

/*
 * Opens what executing arguments[0] (found like execvp does, scripts followed to their interpreter)
 * would run. What stands in the way goes to report. library: --lib, or NULL.
 */
void at_subject_open_program(struct at_subject *subject, char *const *arguments,
			     const char *library, struct at_report *report);

/* Opens the running process pid with the files it has mapped. The same otherwise. */
void at_subject_open_process(struct at_subject *subject, pid_t pid, const char *library,
			     struct at_report *report);
void at_subject_close(struct at_subject *subject);

/* The program's file. NULL: it could not be opened, or is no usable ELF file. */
const struct at_module *at_subject_program(const struct at_subject *subject);

/* The library of this soname ("libc.so.6") that the program uses. NULL: none. */
const struct at_module *at_subject_library(const struct at_subject *subject, const char *soname);

/* The value of a variable in the environment the program has, or would get. NULL: unset. */
const char *at_subject_variable(const struct at_subject *subject, const char *name);

/* True if our library interposes this function. */
bool at_subject_interposes(const struct at_subject *subject, const char *function);

#endif
