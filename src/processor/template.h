/*
 * Route templates that the user gave: "/users/{id}" or "/static/" and a star. The exporter's thread
 * only.
 */
#ifndef AT_PROCESSOR_TEMPLATE_H
#define AT_PROCESSOR_TEMPLATE_H

#include "base/bytes.h"

/* Templates at most; further ones are ignored with a warning. */
#define AT_TEMPLATES_MAX 512

struct at_templates {
	struct at_str row[AT_TEMPLATES_MAX]; /* in the order given */
	unsigned count;
	char *file; /* what was read from a file, owned, or NULL */
};

/* Reads AUTOTRACE_ROUTES: templates separated by ';' or "@/path" of a file with one on each line
 * (empty lines and lines that begin with '#' do not count). A file that cannot be read is one
 * warning and no templates. `spec` must outlive the templates. */
void at_templates_open(struct at_templates *t, struct at_str spec);
void at_templates_close(struct at_templates *t);

/* Whether the path fits: segment by segment, "{…}" fits any one that is not empty, a "*" at the end
 * fits whatever is left. A slash at the end of the path is of no importance. */
bool at_template_fits(struct at_str template, struct at_str path);

/* The first template that fits, or an empty text. */
struct at_str at_templates_find(const struct at_templates *t, struct at_str path);

#endif
