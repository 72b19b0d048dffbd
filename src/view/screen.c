/*
 * Asks the terminal. Fed by the program before each drawing, so that a resized window is noticed.
 * Owns nothing.
 */
#include "view/screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MIN  40
#define COLUMNS_MAX  1000
#define COLUMNS_ELSE 100

static size_t columns_of(int fd)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	long wanted = columns ? strtol(columns, NULL, 10) : 0;

	if (wanted <= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0)
		wanted = size.ws_col;
	if (wanted <= 0)
		wanted = COLUMNS_ELSE;
	if (wanted < COLUMNS_MIN)
		wanted = COLUMNS_MIN;
	return (size_t)(wanted < COLUMNS_MAX ? wanted : COLUMNS_MAX);
}

struct at_screen at_screen_probe(int fd, bool ascii)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	bool objection = (no_color && *no_color) || (term && strcmp(term, "dumb") == 0);

	return (struct at_screen){
		.columns = columns_of(fd), .colour = !objection && isatty(fd), .ascii = ascii};
}
