/*
 * Whether this process is to be traced at all: the kill switch, its file, include and exclude.
 * Asked by the constructor before any other setting is looked at, and by the program `autotrace`.
 * Pure but for the file and /proc; no malloc, no getenv.
 *
 *   AUTOTRACE_DISABLED -> file -> AUTOTRACE_EXCLUDE -> AUTOTRACE_INCLUDE -> traced
 */
#ifndef AT_CONFIG_SELECT_H
#define AT_CONFIG_SELECT_H

#include "base/bytes.h"

/* While this file exists no process that starts is traced. */
#define AT_SELECT_FILE "/etc/autotrace/disabled"

/* What was decided. */
enum at_selection {
	AT_SELECT_TRACED,
	AT_SELECT_DISABLED,    /* AUTOTRACE_DISABLED */
	AT_SELECT_BY_FILE,     /* AT_SELECT_FILE exists */
	AT_SELECT_EXCLUDED,    /* AUTOTRACE_EXCLUDE names it */
	AT_SELECT_NOT_INCLUDED /* AUTOTRACE_INCLUDE is there and does not name it */
};

/* What a process is known by; an empty text: not known. */
struct at_select_who {
	struct at_str file;      /* path of the program that runs: an interpreter's for scripts */
	struct at_str executed;  /* what was executed, as it was named: a script's own path */
	struct at_str called;    /* argv[0] */
	struct at_str arguments; /* the others, joined by single blanks */
};

/* Whether one entry of the list (separated by commas) fits: "PROGRAM" or "PROGRAM ARGUMENTS", both
 * patterns of base/glob.h. PROGRAM with a '/' in it is compared with whole paths (file and
 * executed), else with their last parts and that of argv[0]. ARGUMENTS must fit all of them. */
bool at_select_names(struct at_str list, const struct at_select_who *who);

/* Whether this value of AUTOTRACE_DISABLED switches everything off: anything but nothing, 0, false,
 * no and off does, so that a switch pulled in a hurry works however it is spelled. */
bool at_select_kills(struct at_str value);

/* Whether such a process, with these values of AUTOTRACE_INCLUDE and AUTOTRACE_EXCLUDE (empty: not
 * set), is traced. */
enum at_selection at_select_judge(struct at_str include, struct at_str exclude,
				  const struct at_select_who *who);

/* The whole of it for this very process, from its arguments and environment (both end with NULL;
 * NULL itself is welcome). `executed`: AT_EXECFN of the auxiliary vector, or NULL. Called once, by
 * the constructor; without include and exclude it makes one system call. */
enum at_selection at_select_process(const char *const *argv, const char *const *envp,
				    const char *executed);

/* Why it is not traced, for people: "switched off by AUTOTRACE_DISABLED"; static storage. */
const char *at_select_text(enum at_selection s);

#endif
