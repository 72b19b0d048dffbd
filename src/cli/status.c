/*
 * `autotrace status`: what traced processes do at this moment, and why somebody may see nothing of
 * it. Fed by main.c; glance.c finds out, this file prints.
 */
#include "cli/command.h"
#include "cli/glance.h"
#include "cli/module.h"
#include "cli/path.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What getopt_long returns for each option. */
enum { OPTION_JSON = 1, OPTION_ALL, OPTION_HELP };

static const struct option options[] = {
	{.name = "json", .val = OPTION_JSON},
	{.name = "all", .val = OPTION_ALL},
	{.name = "help", .val = OPTION_HELP},
	{0},
};

void at_status_help(FILE *out)
{
	fputs("  --json                    print JSON: an object for PID, else a list\n"
	      "  --all                     settings that have their default too\n"
	      "  --help                    this list\n"
	      "Without PID: a line for each traced process that may be looked at. The processes "
	      "are\n"
	      "neither stopped nor attached to; looking takes the rights of a debugger.\n"
	      "Exit codes: 0 PID is traced, 1 it is not or cannot be looked at, 2 usage.\n",
	      out);
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text ? text : "";
}

/* ---- one process ---- */

/* "10 accepted, 3 opened": the members that are not 0, by their names; `none` when all are. */
static void print_numbers(FILE *out, const char *topic, const json_t *object, const char *none)
{
	const char *name;
	json_t *value;
	bool first = true;

	fprintf(out, "  %-12s ", topic);
	json_object_foreach((json_t *)object, name, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		fprintf(out, "%s%" JSON_INTEGER_FORMAT " ", first ? "" : ", ",
			json_integer_value(value));
		for (const char *c = name; *c; c++)
			fputc(*c == '_' ? ' ' : *c, out);
		first = false;
	}
	fprintf(out, "%s\n", first ? none : "");
}

/* ", last success 12:00:01" */
static void print_time(FILE *out, const char *what, uint64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / 1000000000u);
	char text[64];
	struct tm tm;

	if (unix_ns && localtime_r(&seconds, &tm) &&
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		fprintf(out, ", %s %s", what, text);
}

static void print_exporter(FILE *out, const json_t *glance)
{
	const json_t *exporter = json_object_get(glance, "exporter");
	const char *where = text_of(exporter, "destination"), *error;

	fprintf(out, "  %-12s %s%s%s", "exporter",
		json_is_true(json_object_get(exporter, "thread"))
			? "running"
			: "has no thread yet: it starts with the first finished span",
		*where ? ", to " : "", where);
	print_time(out, "last success",
		   at_glance_number(glance, "exporter", "last_success_unix_nano"));
	print_time(out, "last failure",
		   at_glance_number(glance, "exporter", "last_error_unix_nano"));
	error = text_of(exporter, "last_error");
	fprintf(out, "%s%s\n", *error ? ": " : "", error);
}

static void print_spans(FILE *out, const json_t *glance)
{
	const json_t *spans = json_object_get(glance, "spans");

	fprintf(out,
		"  %-12s %" PRIu64 " finished, %" PRIu64 " delivered, %" PRIu64 " lost, %" PRIu64
		" in delivery; %" PRIu64 " not sampled; queue %" PRIu64 " of %" PRIu64 "\n",
		"spans", at_glance_number(glance, "spans", "finished"),
		at_glance_number(glance, "spans", "delivered"),
		at_glance_number(glance, "spans", "lost"),
		at_glance_number(glance, "spans", "in_delivery"),
		at_glance_number(glance, "spans", "unsampled"),
		at_glance_number(glance, "spans", "waiting"),
		at_glance_number(glance, "spans", "waiting_max"));
	if (at_glance_number(glance, "spans", "lost"))
		print_numbers(out, "lost", json_object_get(spans, "lost_by"), "");
}

static void print_settings(FILE *out, const json_t *glance, bool all)
{
	const char *topic = "settings";
	size_t i;
	json_t *setting;

	json_array_foreach(json_object_get(glance, "settings"), i, setting)
	{
		const char *origin = text_of(setting, "origin");
		const char *used = text_of(setting, "used"), *by = text_of(setting, "by");

		if (strcmp(origin, "default") == 0 && !all)
			continue;
		fprintf(out, "  %-12s %s=%s (%s%s%s%s%s)\n", topic, text_of(setting, "name"),
			text_of(setting, "value"), origin,
			strcmp(origin, "fallback") == 0
				? *used ? ": not usable, it is " : ": not usable"
				: "",
			used, *by ? " by " : "", by);
		topic = "";
	}
	if (*topic)
		fprintf(out, "  %-12s all have their default\n", topic);
	topic = "warnings";
	json_array_foreach(json_object_get(glance, "warnings"), i, setting)
	{
		fprintf(out, "  %-12s %s\n", topic, json_string_value(setting));
		topic = "";
	}
}

static void print_one(FILE *out, const json_t *glance, bool all)
{
	const char *service = text_of(glance, "service");
	json_t *hint;
	size_t i;

	fprintf(out, "%" JSON_INTEGER_FORMAT " %s%s%s%s: %s\n",
		json_integer_value(json_object_get(glance, "pid")),
		*text_of(glance, "program") ? at_path_base(text_of(glance, "program")) : "?",
		*service ? " (service " : "", service, *service ? ")" : "",
		text_of(glance, "state"));
	json_array_foreach(json_object_get(glance, "hints"), i, hint)
		fprintf(out, "  %-12s %s\n", "->", json_string_value(hint));
	if (!json_object_get(glance, "spans"))
		return;
	print_numbers(out, "connections", json_object_get(glance, "connections"), "none");
	print_numbers(out, "requests", json_object_get(glance, "requests"), "none");
	print_numbers(out, "parents", json_object_get(glance, "parents"), "no call was made");
	print_spans(out, glance);
	print_exporter(out, glance);
	fprintf(out, "  %-12s %" PRIu64 " KiB of %" PRIu64 " KiB for observing connections\n",
		"memory", at_glance_number(glance, "memory", "mapped") / 1024,
		at_glance_number(glance, "memory", "limit") / 1024);
	print_settings(out, glance, all);
}

/* ---- all of them ---- */

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a < *(const pid_t *)b ? -1 : *(const pid_t *)a > *(const pid_t *)b;
}

/* The ids of all processes, ascending; the caller frees. */
static pid_t *list_processes(unsigned *ret_count)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t *pids = NULL;
	unsigned count = 0;

	while (proc && (entry = readdir(proc))) {
		long pid = strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		pids = at_text_memory(pids, (count + 1) * sizeof(*pids));
		pids[count++] = (pid_t)pid;
	}
	if (proc)
		closedir(proc);
	if (pids)
		qsort(pids, count, sizeof(*pids), by_number);
	*ret_count = count;
	return pids;
}

static void print_line(FILE *out, const json_t *glance)
{
	const char *service = text_of(glance, "service");
	const json_t *hint = json_array_get(json_object_get(glance, "hints"), 0);
	uint64_t requests = at_glance_number(glance, "requests", "served") +
			    at_glance_number(glance, "requests", "made");

	fprintf(out,
		"%7" JSON_INTEGER_FORMAT " %-16.16s %-16.16s %9" PRIu64 " %9" PRIu64 " %9" PRIu64
		" %7" PRIu64 "  %s%s%s\n",
		json_integer_value(json_object_get(glance, "pid")),
		at_path_base(text_of(glance, "program")), *service ? service : "-", requests,
		at_glance_number(glance, "spans", "finished"),
		at_glance_number(glance, "spans", "delivered"),
		at_glance_number(glance, "spans", "lost"), text_of(glance, "state"),
		hint ? "; " : "", hint ? json_string_value(hint) : "");
}

static int list(bool json)
{
	unsigned count, hidden = 0;
	pid_t *pids = list_processes(&count);
	json_t *all = json_array(), *glance;
	size_t i;

	for (i = 0; i < count; i++)
		if ((glance = at_glance_brief(pids[i], &hidden)))
			json_array_append_new(all, glance);
	if (json)
		json_dumpf(all, stdout, JSON_INDENT(2));
	else if (json_array_size(all) > 0)
		printf("%7s %-16s %-16s %9s %9s %9s %7s  %s\n", "PID", "PROGRAM", "SERVICE",
		       "REQUESTS", "SPANS", "DELIVERED", "LOST", "STATE");
	else
		puts("no traced process was found");
	if (!json)
		json_array_foreach(all, i, glance) print_line(stdout, glance);
	if (json)
		putchar('\n');
	if (hidden > 0)
		at_text_complain("status: %u processes of other users could not be looked at",
				 hidden);
	json_decref(all);
	free(pids);
	return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
}

static int one(pid_t pid, bool json, bool all)
{
	json_t *glance = at_glance(pid, NULL);
	bool traced = json_is_true(json_object_get(glance, "traced"));

	if (json) {
		json_dumpf(glance, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_one(stdout, glance, all);
	}
	json_decref(glance);
	if (fflush(stdout) != 0)
		return AT_EXIT_FAILED;
	return traced ? 0 : 1;
}

int at_status_main(int count, char **arguments)
{
	bool json = false, all = false;
	pid_t pid;
	int got;

	opterr = 0;
	while ((got = getopt_long(count, arguments, ":", options, NULL)) != -1) {
		switch (got) {
		case OPTION_JSON:
			json = true;
			break;
		case OPTION_ALL:
			all = true;
			break;
		case OPTION_HELP:
			at_status_help(stdout);
			return fflush(stdout) == 0 ? 0 : AT_EXIT_FAILED;
		default:
			at_command_refuse("status", got, arguments);
			return AT_EXIT_USAGE;
		}
	}
	if (optind == count)
		return list(json);
	pid = at_process_id(arguments[optind]);
	if (optind + 1 < count || pid == 0) {
		at_text_complain("status: expected one process id; see `autotrace help status`");
		return AT_EXIT_USAGE;
	}
	at_module_guard();
	return one(pid, json, all);
}
