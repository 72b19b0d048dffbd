/*
 * The subcommands of `autotrace`; commands.def lists them.
 */
#ifndef AT_CLI_COMMAND_H
#define AT_CLI_COMMAND_H

#include <stdio.h>

/* Each takes its own name as arguments[0] and returns the exit code of the program. */
int at_run_main(int count, char **arguments);
int at_check_main(int count, char **arguments);
int at_status_main(int count, char **arguments);
int at_flush_main(int count, char **arguments);

/* Prints the options of the command, one a line. */
void at_run_help(FILE *out);
void at_check_help(FILE *out);
void at_status_help(FILE *out);
void at_flush_help(FILE *out);

/*
 * Says what is wrong with the option at which getopt_long, called with opterr 0 and ":", just
 * stopped and returned got ('?' or ':'). arguments: those it reads.
 */
void at_command_refuse(const char *command, int got, char **arguments);

#endif
