/*
 * The command line. One thread, at start.
 */
#ifndef AT_VIEW_OPTIONS_H
#define AT_VIEW_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define AT_OPTION_FLAG  bool
#define AT_OPTION_TEXT  const char *
#define AT_OPTION_COUNT uint64_t

/* One field for each row of options.def; text is borrowed from argv. */
struct at_options {
#define AT_OPTION(field, name, type, ...) AT_OPTION_##type field;
#include "view/options.def"
#undef AT_OPTION
};

/* Fills in the defaults and what argv says. False after one line about what is wrong on
 * `complaints`. */
bool at_options_parse(struct at_options *options, int argc, char **argv, FILE *complaints);

/* The text of --help. */
void at_options_help(FILE *out);

#endif
