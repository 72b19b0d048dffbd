/*
 * The first line of a script: which program really runs it. Pure, any thread.
 */
#ifndef AT_CLI_SCRIPT_H
#define AT_CLI_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

/* The kernel reads no more of a file than this to find out what runs it (BINPRM_BUF_SIZE). */
#define AT_SCRIPT_LINE_MAX 256

/* What a #! line says. Both are terminated copies. */
struct at_script {
	char interpreter[AT_SCRIPT_LINE_MAX]; /* path as written, "/usr/bin/env" */
	char argument[AT_SCRIPT_LINE_MAX];    /* all the rest as one argument, "" if none */
};

/*
 * Reads the #! line at the beginning of size bytes, as Linux does: blanks around the path are
 * skipped, what follows is one argument. False: the bytes do not begin with "#!", or no path
 * follows.
 */
bool at_script_parse(const void *data, size_t size, struct at_script *script);

/*
 * If the interpreter is env(1), the command that env will look for in PATH ("python3" for
 * `#!/usr/bin/env -S PYTHONUNBUFFERED=1 python3 -u`), copied to command (AT_SCRIPT_LINE_MAX bytes).
 * False: it is not env, or names no command.
 */
bool at_script_env_command(const struct at_script *script, char *command);

#endif
