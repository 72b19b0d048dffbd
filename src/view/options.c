/*
 * argv -> struct at_options. Fed by main. Owns nothing. Not its job: what the texts mean.
 */
#include "view/options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

enum option_type { FLAG, TEXT, COUNT };

/* A row of options.def. */
static const struct row {
	const char *name;
	enum option_type type;
	const char *argument; /* its name in the help; NULL: takes none */
	const char *preset;   /* default, as written in the table */
	uint64_t least, most; /* COUNT */
	const char *help;
	size_t offset; /* of the field in struct at_options */
} rows[] = {
#define AT_OPTION(field, name, type, argument, preset, least, most, help) \
	{name, type, argument, #preset, least, most, help, offsetof(struct at_options, field)},
#include "view/options.def"
#undef AT_OPTION
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct at_options presets = {
#define AT_OPTION(field, name, type, argument, preset, ...) .field = preset,
#include "view/options.def"
#undef AT_OPTION
};

static bool set_count(uint64_t *field, const struct row *row, const char *text, FILE *complaints)
{
	char *end;

	errno = 0;
	*field = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && !*end && !errno && *field >= row->least &&
	    *field <= row->most)
		return true;
	fprintf(complaints,
		"autotrace-view: --%s: '%s' is not a number from %" PRIu64 " to %" PRIu64 "\n",
		row->name, text, row->least, row->most);
	return false;
}

static bool set(struct at_options *options, const struct row *row, const char *text,
		FILE *complaints)
{
	void *field = (char *)options + row->offset;

	switch (row->type) {
	case FLAG:
		*(bool *)field = true;
		return true;
	case TEXT:
		*(const char **)field = text;
		return true;
	default:
		return set_count(field, row, text, complaints);
	}
}

static bool complain(const char *what, const char *which, FILE *complaints)
{
	fprintf(complaints, "autotrace-view: %s '%s'\n", what, which);
	return false;
}

bool at_options_parse(struct at_options *options, int argc, char **argv, FILE *complaints)
{
	struct option table[ROWS + 1] = {0};
	int which = 0;

	*options = presets;
	for (size_t i = 0; i < ROWS; i++) {
		table[i].name = rows[i].name;
		table[i].has_arg = rows[i].argument ? required_argument : no_argument;
	}
	opterr = 0;
	optind = 0;
	for (;;) {
		int result = getopt_long(argc, argv, ":", table, &which);

		if (result == -1)
			break;
		if (result == ':')
			return complain("no argument for", argv[optind - 1], complaints);
		if (result != 0)
			return complain("bad option", argv[optind - 1], complaints);
		if (!set(options, &rows[which], optarg, complaints))
			return false;
	}
	return optind == argc || complain("unexpected argument", argv[optind], complaints);
}

void at_options_help(FILE *out)
{
	fputs("usage: autotrace-view [OPTION]...\n"
	      "Receives OpenTelemetry spans by OTLP/HTTP and OTLP/gRPC, joins them into traces and "
	      "draws\n"
	      "each trace as a waterfall.\n\n",
	      out);
	for (size_t i = 0; i < ROWS; i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
			 rows[i].argument ? rows[i].argument : "");
		fprintf(out, "  %-27s %s", left, rows[i].help);
		if (rows[i].type == COUNT)
			fprintf(out, " [%s]", rows[i].preset);
		putc('\n', out);
	}
	fputs("\nArrows: \u2190 serves a request, \u2192 makes one, \u21e2 sends a message, \u21e0 "
	      "gets "
	      "one,\n\u00b7 works; a '?' before it: its parent did not come.\n",
	      out);
}
