/*
 * See select.h. Fed by flow in the constructor of every process, so what is not asked for must cost
 * nothing: who the process is is found out only when there is a list to compare it with.
 */
#include "config/select.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/glob.h"
#include "libc/sys.h"

/* Bytes of a path, and of all arguments together, that are compared. */
#define TEXT 4096

static struct at_str last_part(struct at_str path)
{
	size_t n = path.n;
	while (n && path.p[n - 1] != '/')
		n--;
	return at_str_from(path, n);
}

static bool fits(struct at_str pattern, struct at_str path, bool whole)
{
	return path.n && at_glob_match(pattern, whole ? path : last_part(path));
}

static bool entry_fits(struct at_str entry, const struct at_select_who *who)
{
	ptrdiff_t blank = at_str_find(entry, ' ');
	struct at_str program = blank < 0 ? entry : at_str_head(entry, (size_t)blank);
	bool whole = at_str_find(program, '/') >= 0;
	if (!program.n)
		return false;
	if (!fits(program, who->file, whole) && !fits(program, who->executed, whole) &&
	    (whole || !fits(program, who->called, false)))
		return false;
	return blank < 0 ||
	       at_glob_match(at_str_trim(at_str_from(entry, (size_t)blank)), who->arguments);
}

bool at_select_names(struct at_str list, const struct at_select_who *who)
{
	while (list.n)
		if (entry_fits(at_str_trim(at_str_cut(&list, ',')), who))
			return true;
	return false;
}

bool at_select_kills(struct at_str value)
{
	static const struct at_str on[] = {{"", 0}, {"0", 1}, {"false", 5}, {"no", 2}, {"off", 3}};
	value = at_str_trim(value);
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++)
		if (at_str_eq_nocase(value, on[i]))
			return false;
	return true;
}

enum at_selection at_select_judge(struct at_str include, struct at_str exclude,
				  const struct at_select_who *who)
{
	if (at_select_names(exclude, who))
		return AT_SELECT_EXCLUDED;
	return at_str_trim(include).n && !at_select_names(include, who) ? AT_SELECT_NOT_INCLUDED
									: AT_SELECT_TRACED;
}

/* The value of the variable when `entry` ("NAME=value") is its; else *ret is left. */
static void take(const char *entry, const char *name, size_t n, struct at_str *ret)
{
	if (!ret->p && strncmp(entry, name, n) == 0 && entry[n] == '=')
		*ret = at_str_c(entry + n + 1);
}

/* argv from its second word on, joined, cut to what fits. */
static struct at_str join(const char *const *argv, char *text)
{
	size_t n = 0;
	for (size_t i = 1; argv && argv[0] && argv[i]; i++) {
		if (i > 1 && n < TEXT)
			text[n++] = ' ';
		struct at_str word = at_str_head(at_str_c(argv[i]), TEXT - n);
		if (word.n)
			memcpy(text + n, word.p, word.n);
		n += word.n;
	}
	return at_str(text, n);
}

static enum at_selection judge_process(struct at_str include, struct at_str exclude,
				       const char *const *argv, const char *executed)
{
	char file[TEXT], arguments[TEXT];
	long n = at_sys(SYS_readlink, (long)"/proc/self/exe", (long)file, sizeof(file));
	struct at_select_who who = {
		.file = at_str(file, n > 0 ? (size_t)n : 0),
		.executed = at_str_c(executed),
		.called = at_str_c(argv ? argv[0] : NULL),
		.arguments = join(argv, arguments),
	};
	return at_select_judge(include, exclude, &who);
}

enum at_selection at_select_process(const char *const *argv, const char *const *envp,
				    const char *executed)
{
	struct at_str disabled = AT_STR_NONE, include = AT_STR_NONE, exclude = AT_STR_NONE;
	for (; envp && *envp; envp++) {
		if (strncmp(*envp, "AUTOTRACE_", 10) != 0)
			continue;
		take(*envp, "AUTOTRACE_DISABLED", 18, &disabled);
		take(*envp, "AUTOTRACE_INCLUDE", 17, &include);
		take(*envp, "AUTOTRACE_EXCLUDE", 17, &exclude);
	}
	if (at_select_kills(disabled))
		return AT_SELECT_DISABLED;
	if (at_sys(SYS_access, (long)AT_SELECT_FILE, F_OK, 0) == 0)
		return AT_SELECT_BY_FILE;
	if (!include.n && !exclude.n)
		return AT_SELECT_TRACED;
	return judge_process(include, exclude, argv, executed);
}

const char *at_select_text(enum at_selection s)
{
	static const char *const text[] = {
		[AT_SELECT_TRACED] = "traced",
		[AT_SELECT_DISABLED] = "switched off by AUTOTRACE_DISABLED",
		[AT_SELECT_BY_FILE] = "switched off by the file /etc/autotrace/disabled",
		[AT_SELECT_EXCLUDED] = "excluded by AUTOTRACE_EXCLUDE",
		[AT_SELECT_NOT_INCLUDED] = "not named by AUTOTRACE_INCLUDE",
	};
	return text[s];
}
