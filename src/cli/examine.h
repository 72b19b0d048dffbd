/*
 * The examiners: each looks at one thing and adds its findings. examiners.def lists them. For the
 * programs; one thread.
 */
#ifndef AT_CLI_EXAMINE_H
#define AT_CLI_EXAMINE_H

#include "cli/report.h"
#include "cli/subject.h"

/* Can the preload reach the program: what `autotrace run` asks before it executes it. */
void at_examine_reach(const struct at_subject *subject, struct at_report *report);

/* All of it: what `autotrace check` says. */
void at_examine_all(const struct at_subject *subject, struct at_report *report);

#define X(examiner, when) \
	void at_examine_##examiner(const struct at_subject *subject, struct at_report *report);
#include "cli/examiners.def"
#undef X

#endif
