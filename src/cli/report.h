/*
 * What was found out about one program, and the verdict that follows from it. For the programs; one
 * thread.
 */
#ifndef AT_CLI_REPORT_H
#define AT_CLI_REPORT_H

#include <stdbool.h>
#include <stdio.h>

/* How much a finding takes away; the verdict is the worst of all findings. */
enum at_level {
	AT_LEVEL_NOTE,    /* worth knowing, takes nothing away */
	AT_LEVEL_PARTLY,  /* part of what the program does stays unseen */
	AT_LEVEL_UNKNOWN, /* it could not be looked at */
	AT_LEVEL_CANNOT,  /* nothing of it can be seen */
};

/* One finding: "<topic>: <what> (<why>)". */
struct at_finding {
	enum at_level level; /* what it means for the verdict */
	const char *topic;   /* one word, a literal */
	char *what;          /* owned; at AT_LEVEL_CANNOT it completes "the program is …" */
	const char *why;     /* explanation, a literal; NULL: none needed */
};

/* All findings of one program. {0} is empty. */
struct at_report {
	struct at_finding *findings; /* owned, in the order of their discovery */
	unsigned count;              /* findings */
	bool traced;                 /* the library is at work in this process now */
	bool harmful;                /* with the preload the program would not start */
	char *title;                 /* whom it is about, owned */
};

/* Adds a finding; format and what follows make its `what`. */
void at_report_add(struct at_report *report, enum at_level level, const char *topic,
		   const char *why, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The finding that decides the verdict: the first of the worst level. NULL: nothing above a note.
 */
const struct at_finding *at_report_decisive(const struct at_report *report);

/* The worst level found. */
enum at_level at_report_level(const struct at_report *report);

/* Exit code of `autotrace check`: 0 can, 3 partly, 1 cannot or unknown. */
int at_report_exit(const struct at_report *report);

/* Prints the verdict line and the findings, indented; or one JSON object. False: writing failed. */
bool at_report_print(const struct at_report *report, FILE *out);
bool at_report_print_json(const struct at_report *report, FILE *out);

void at_report_free(struct at_report *report);

#endif
