/*
 * The program `autotrace`: finds the subcommand and hands over. commands.def lists them.
 */
#include "autotrace.h"
#include "cli/command.h"
#include "cli/text.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static int help(int count, char **arguments);
static int version(int count, char **arguments);

static const struct {
	const char *name;                         /* what is typed */
	const char *arguments;                    /* for the usage line */
	int (*main)(int count, char **arguments); /* does it, returns the exit code */
	void (*options)(FILE *out);               /* prints its options; NULL: none */
	const char *summary;                      /* one line */
} commands[] = {
#define X(name, arguments, main, options, summary) {name, arguments, main, options, summary},
#include "cli/commands.def"
#undef X
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Index of the command with this name, COMMANDS if there is none. */
static size_t find(const char *name)
{
	size_t i = 0;

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
		name = "help";
	if (strcmp(name, "--version") == 0)
		name = "version";
	while (i < COMMANDS && strcmp(commands[i].name, name) != 0)
		i++;
	return i;
}

static int unknown(const char *name)
{
	at_text_complain("unknown command %s; see `autotrace help`", name);
	return AT_EXIT_USAGE;
}

static int help(int count, char **arguments)
{
	size_t chosen = count > 1 ? find(arguments[1]) : COMMANDS;

	if (count > 1 && chosen == COMMANDS)
		return unknown(arguments[1]);
	if (chosen < COMMANDS) {
		printf("Usage: autotrace %s%s%s\n%s\n", commands[chosen].name,
		       *commands[chosen].arguments ? " " : "", commands[chosen].arguments,
		       commands[chosen].summary);
		if (commands[chosen].options)
			commands[chosen].options(stdout);
	} else {
		puts("Usage: autotrace COMMAND\nDistributed tracing for unmodified programs.");
		for (size_t i = 0; i < COMMANDS; i++)
			printf("  %-8s %-28s %s\n", commands[i].name, commands[i].arguments,
			       commands[i].summary);
	}
	return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
}

static int version(int count, char **arguments)
{
	(void)count;
	(void)arguments;
	puts("autotrace " AUTOTRACE_VERSION);
	return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
}

int main(int count, char **arguments)
{
	size_t chosen;

	if (count < 2) {
		at_text_complain("no command; see `autotrace help`");
		return AT_EXIT_USAGE;
	}
	chosen = find(arguments[1]);
	if (chosen == COMMANDS)
		return unknown(arguments[1]);
	return commands[chosen].main(count - 1, arguments + 1);
}
