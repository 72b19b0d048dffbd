/*
 * Runs the examiners of examiners.def; see examine.h. Fed by run.c and check.c with an opened
 * subject.
 */
#include "cli/examine.h"

#include <stddef.h>

/* When an examiner is asked. */
enum when { reach, sight };

static const struct {
	enum when when; /* see examiners.def */
	void (*examine)(const struct at_subject *subject, struct at_report *report);
} examiners[] = {
#define X(examiner, when) {when, at_examine_##examiner},
#include "cli/examiners.def"
#undef X
};

static void run(const struct at_subject *subject, struct at_report *report, enum when when)
{
	for (size_t i = 0; i < sizeof(examiners) / sizeof(examiners[0]); i++)
		if (examiners[i].when == when && subject->files.count > 0)
			examiners[i].examine(subject, report);
}

void at_examine_reach(const struct at_subject *subject, struct at_report *report)
{
	run(subject, report, reach);
}

void at_examine_all(const struct at_subject *subject, struct at_report *report)
{
	run(subject, report, reach);
	if (at_report_level(report) < AT_LEVEL_CANNOT && at_subject_program(subject))
		run(subject, report, sight);
}
