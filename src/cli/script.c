/*
 * #! lines; see script.h. Fed with the first bytes of a file by subject.c. Owns nothing.
 */
#include "cli/script.h"

#include "cli/path.h"

#include <string.h>

/* Options of env(1) whose value is the next word. */
static const char *const env_options_with_value[] = {"-u", "--unset", "-C", "--chdir"};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

bool at_script_parse(const void *data, size_t size, struct at_script *script)
{
	const char *at = data;
	const char *end = at + (size < AT_SCRIPT_LINE_MAX ? size : AT_SCRIPT_LINE_MAX);
	const char *line, *start;

	if (size < 2 || at[0] != '#' || at[1] != '!')
		return false;
	line = memchr(at, '\n', (size_t)(end - at));
	if (line)
		end = line;
	line = memchr(at, '\0', (size_t)(end - at));
	if (line)
		end = line;
	while (end > at && blank(end[-1]))
		end--;
	for (at += 2; at < end && blank(*at); at++)
		;
	for (start = at; at < end && !blank(*at); at++)
		;
	if (at <= start)
		return false;
	memcpy(script->interpreter, start, (size_t)(at - start));
	script->interpreter[at - start] = '\0';
	for (; at < end && blank(*at); at++)
		;
	memcpy(script->argument, at, (size_t)(end - at));
	script->argument[end - at] = '\0';
	return true;
}

static bool takes_value(const char *word, size_t size)
{
	for (size_t i = 0; i < sizeof(env_options_with_value) / sizeof(char *); i++)
		if (strlen(env_options_with_value[i]) == size &&
		    memcmp(env_options_with_value[i], word, size) == 0)
			return true;
	return false;
}

bool at_script_env_command(const struct at_script *script, char *command)
{
	const char *at = script->argument;
	bool value = false;

	if (strcmp(at_path_base(script->interpreter), "env") != 0)
		return false;
	for (;;) {
		size_t size;

		at += strspn(at, " \t");
		size = strcspn(at, " \t");
		if (size == 0)
			return false;
		if (!value && at[0] == '-' && at[1] == 'S' && size > 2) {
			at += 2;
			continue;
		}
		if (!value && at[0] != '-' && !memchr(at, '=', size)) {
			memcpy(command, at, size);
			command[size] = '\0';
			return true;
		}
		value = !value && takes_value(at, size);
		at += size;
	}
}
