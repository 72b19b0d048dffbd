/*
 * Findings and verdict; see report.h. Fed by subject.c and the examiners, printed by check.c, asked
 * by run.c.
 */
#include "cli/report.h"

#include "cli/json.h"

#include "cli/text.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* How each level is called, and what it means for the exit code. */
static const struct {
	const char *finding; /* a finding's level in JSON */
	const char *verdict; /* the verdict in JSON */
	const char *line;    /* the verdict in words */
	int exit;            /* exit code */
} levels[] = {
	[AT_LEVEL_NOTE] = {"note", "can", "can be traced", 0},
	[AT_LEVEL_PARTLY] = {"limit", "partly", "can be traced partly", 3},
	[AT_LEVEL_UNKNOWN] = {"unknown", "unknown", "cannot be examined", 1},
	[AT_LEVEL_CANNOT] = {"obstacle", "cannot", "cannot be traced", 1},
};

void at_report_add(struct at_report *report, enum at_level level, const char *topic,
		   const char *why, const char *format, ...)
{
	struct at_finding *finding;
	struct at_text what = {0};
	va_list arguments;

	va_start(arguments, format);
	at_text_addv(&what, format, arguments);
	va_end(arguments);
	report->findings =
		at_text_memory(report->findings, (report->count + 1) * sizeof(*report->findings));
	finding = &report->findings[report->count++];
	*finding = (struct at_finding){level, topic, what.data, why};
}

const struct at_finding *at_report_decisive(const struct at_report *report)
{
	const struct at_finding *worst = NULL;

	for (unsigned i = 0; i < report->count; i++)
		if (report->findings[i].level > (worst ? worst->level : AT_LEVEL_NOTE))
			worst = &report->findings[i];
	return worst;
}

enum at_level at_report_level(const struct at_report *report)
{
	const struct at_finding *decisive = at_report_decisive(report);

	return decisive ? decisive->level : AT_LEVEL_NOTE;
}

int at_report_exit(const struct at_report *report)
{
	return levels[at_report_level(report)].exit;
}

/* Foreign names may hold anything; a terminal gets printable characters only. */
static void print_clean(FILE *out, const char *string)
{
	for (; *string; string++)
		fputc((unsigned char)*string < ' ' || *string == 0x7f ? '?' : *string, out);
}

static void print_finding(FILE *out, const struct at_finding *finding)
{
	print_clean(out, finding->what);
	if (finding->why)
		fprintf(out, " (%s)", finding->why);
}

bool at_report_print(const struct at_report *report, FILE *out)
{
	const struct at_finding *decisive = at_report_decisive(report);
	enum at_level level = at_report_level(report);

	print_clean(out, report->title);
	if (report->traced && level <= AT_LEVEL_PARTLY)
		fprintf(out, ": is traced%s", level == AT_LEVEL_PARTLY ? " partly" : "");
	else
		fprintf(out, ": %s", levels[level].line);
	if (decisive) {
		fputs(": ", out);
		print_finding(out, decisive);
	}
	fputc('\n', out);
	for (unsigned i = 0; i < report->count; i++) {
		if (&report->findings[i] == decisive)
			continue;
		fprintf(out, "  %s: ", report->findings[i].topic);
		print_finding(out, &report->findings[i]);
		fputc('\n', out);
	}
	return fflush(out) == 0 && !ferror(out);
}

bool at_report_print_json(const struct at_report *report, FILE *out)
{
	const struct at_finding *decisive = at_report_decisive(report);
	json_t *root = json_object();
	json_t *list = json_array();
	bool done;

	json_object_set_new(root, "subject", at_json_safe(report->title));
	json_object_set_new(root, "verdict", json_string(levels[at_report_level(report)].verdict));
	json_object_set_new(root, "traced", json_boolean(report->traced));
	if (decisive)
		json_object_set_new(root, "reason", at_json_safe(decisive->what));
	for (unsigned i = 0; i < report->count; i++) {
		const struct at_finding *finding = &report->findings[i];
		json_t *item = json_object();

		json_object_set_new(item, "topic", json_string(finding->topic));
		json_object_set_new(item, "level", json_string(levels[finding->level].finding));
		json_object_set_new(item, "what", at_json_safe(finding->what));
		if (finding->why)
			json_object_set_new(item, "why", json_string(finding->why));
		json_array_append_new(list, item);
	}
	json_object_set_new(root, "findings", list);
	done = json_dumpf(root, out, JSON_INDENT(2)) == 0;
	json_decref(root);
	fputc('\n', out);
	return fflush(out) == 0 && !ferror(out) && done;
}

void at_report_free(struct at_report *report)
{
	for (unsigned i = 0; i < report->count; i++)
		free(report->findings[i].what);
	free(report->findings);
	free(report->title);
	memset(report, 0, sizeof(*report));
}
