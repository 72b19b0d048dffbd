/*
 * Examiners of what is known by name: runtimes and servers, and other tracers at work. Fed by
 * examine.c.
 */
#include "cli/examine.h"
#include "cli/path.h"
#include "config/select.h"

#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

/* Where a sign of another tracer is looked for. */
enum where { VARIABLE, ARGUMENT, MAPPED };

/* One row of tracers.def. */
struct sign {
	enum where where; /* what is searched */
	const char *key;  /* name of the variable, "" otherwise */
	const char *text; /* what is searched for */
	const char *name; /* whose sign it is */
};

/* One row of runtimes.def. */
struct runtime {
	const char *pattern; /* of the executable's file name */
	enum at_level level; /* what running in it means */
	const char *name;    /* for people */
	const char *note;    /* what to know */
};

/* The runtime that this path is an executable of; NULL: none that is known. */
static const struct runtime *recognise(const char *path)
{
	static const struct runtime runtimes[] = {
#define X(pattern, level, name, note) {pattern, level, name, note},
#include "cli/runtimes.def"
#undef X
	};

	for (size_t i = 0; path && i < sizeof(runtimes) / sizeof(runtimes[0]); i++)
		if (fnmatch(runtimes[i].pattern, at_path_base(path), 0) == 0)
			return &runtimes[i];
	return NULL;
}

/* Programs of several names (redis-server) are known by the one they are executed with. */
void at_examine_runtime(const struct at_subject *subject, struct at_report *report)
{
	const struct runtime *runtime = recognise(subject->executed);

	if (!runtime)
		runtime = recognise(at_subject_program(subject)->path);
	if (runtime)
		at_report_add(report, runtime->level, "runtime", runtime->note, "%s",
			      runtime->name);
	at_report_add(
		report, AT_LEVEL_NOTE, "protocols", NULL,
		"this version sees HTTP/1 and HTTP/2 over TCP and Unix sockets, with and without "
		"the TLS of a shared library; not yet databases");
}

/* The text that bears the sign, NULL if none does. */
static const char *sought(const struct at_subject *subject, const struct sign *sign)
{
	const struct at_text *list =
		sign->where == ARGUMENT ? &subject->arguments : &subject->process.mapped;
	const char *value;

	if (sign->where == VARIABLE) {
		value = at_subject_variable(subject, sign->key);
		return value && strstr(value, sign->text) ? value : NULL;
	}
	for (value = at_process_next(list, NULL); value; value = at_process_next(list, value))
		if (strstr(value, sign->text))
			return value;
	return NULL;
}

static struct at_str variable(const struct at_subject *subject, const char *name)
{
	return at_str_c(at_subject_variable(subject, name));
}

/* The settings by which the library leaves a process alone, in the order in which it asks them. */
static void examine_switches(const struct at_subject *subject, struct at_report *report)
{
	struct at_str disabled = variable(subject, "AUTOTRACE_DISABLED");
	struct at_str sdk_disabled = at_str_trim(variable(subject, "OTEL_SDK_DISABLED"));
	struct at_text joined = {0};
	const char *word = at_process_next(&subject->arguments, NULL);
	struct at_select_who who = {
		.file = at_str_c(at_subject_program(subject)->path),
		.executed = at_str_c(subject->executed),
		.called = at_str_c(word),
	};
	enum at_selection judged;

	while (word && (word = at_process_next(&subject->arguments, word)))
		at_text_addf(&joined, "%s%s", joined.size > 0 ? " " : "", word);
	who.arguments = at_str(at_text_get(&joined), joined.size);
	judged = at_select_judge(variable(subject, "AUTOTRACE_INCLUDE"),
				 variable(subject, "AUTOTRACE_EXCLUDE"), &who);
	if (at_select_kills(disabled))
		at_report_add(report, AT_LEVEL_CANNOT, "settings", NULL,
			      "switched off by AUTOTRACE_DISABLED=%.*s", AT_STR_ARG(disabled));
	else if (subject->process.pid == 0 && access(AT_SELECT_FILE, F_OK) == 0)
		at_report_add(report, AT_LEVEL_CANNOT, "settings", NULL, "%s",
			      at_select_text(AT_SELECT_BY_FILE));
	else if (judged != AT_SELECT_TRACED)
		at_report_add(report, AT_LEVEL_CANNOT, "settings",
			      "programs it executes are judged on their own", "%s",
			      at_select_text(judged));
	else if (at_str_eq_nocase(sdk_disabled, AT_STR("true")))
		at_report_add(report, AT_LEVEL_CANNOT, "settings",
			      "context that requests come with is passed on",
			      "switched off by OTEL_SDK_DISABLED=%.*s", AT_STR_ARG(sdk_disabled));
	at_text_free(&joined);
}

void at_examine_instrumented(const struct at_subject *subject, struct at_report *report)
{
	static const struct sign signs[] = {
#define X(where, key, text, name) {where, key, text, name},
#include "cli/tracers.def"
#undef X
	};
	const char *last = NULL;

	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		const char *value = sought(subject, &signs[i]);

		if (!value || value == last)
			continue;
		last = value;
		at_report_add(report, AT_LEVEL_NOTE, "instrumented",
			      "trace headers it sends itself are kept as they are",
			      "already instrumented, it seems: %s: %s%s%s", signs[i].name,
			      signs[i].key, *signs[i].key ? "=" : "", value);
	}
	examine_switches(subject, report);
}
