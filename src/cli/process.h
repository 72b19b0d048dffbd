/*
 * What /proc tells of a running process. For the programs; one thread. Everything read is foreign.
 */
#ifndef AT_CLI_PROCESS_H
#define AT_CLI_PROCESS_H

#include "cli/text.h"

#include <stdbool.h>
#include <sys/types.h>

/* A process, as it was when it was looked at. Parts that may not be read are empty, their error is
 * set. */
struct at_process {
	pid_t pid;              /* 0: none opened */
	char state;             /* as in ps: R, S, Z, … */
	uid_t user;             /* effective user id */
	int seccomp;            /* 0 none, 1 strict, 2 filter */
	bool no_new_privileges; /* exec can no longer gain privileges */
	char *program; /* what /proc/PID/exe points to; NULL: a kernel thread, or no permission */
	bool replaced; /* that file was deleted or replaced since the start */
	int error;     /* errno of the first part that could not be read, 0: all read */
	struct at_text arguments; /* terminated strings, one behind the other */
	struct at_text variables; /* the environment it was started with, the same way */
	struct at_text mapped;    /* paths of the files it executes code from, the same way */
	struct at_text auxiliary; /* the auxiliary vector the kernel gave it, as it is in memory */
};

/* Reads all of process pid. 0, or errno: ESRCH there is none, … */
int at_process_open(struct at_process *process, pid_t pid);
void at_process_close(struct at_process *process);

/* True if the process was started in secure execution (AT_SECURE). wide: it is a 64-bit process. */
bool at_process_secure(const struct at_process *process, bool wide);

/* The process id that word is, 0 if it is none. */
pid_t at_process_id(const char *word);

/* The names of the threads of process pid, one a line; anybody may read them. */
void at_process_threads(pid_t pid, struct at_text *names);

/* The next of the strings in list; from NULL: the first. NULL: no more. */
const char *at_process_next(const struct at_text *list, const char *from);

#endif
