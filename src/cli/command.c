/*
 * What the subcommands share; see command.h. Fed by run.c and check.c.
 */
#include "cli/command.h"

#include "cli/text.h"

#include <getopt.h>
#include <string.h>

void at_command_refuse(const char *command, int got, char **arguments)
{
	const char *word = arguments[optind - 1];

	if (got == ':')
		at_text_complain("%s: %s needs a value", command, word);
	else if (optopt > ' ' && optopt < 0x7f && strncmp(word, "--", 2) != 0)
		at_text_complain("%s: unknown option -%c; see `autotrace help %s`", command, optopt,
				 command);
	else
		at_text_complain("%s: unknown option %s; see `autotrace help %s`", command, word,
				 command);
}
