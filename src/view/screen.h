/*
 * What the terminal can show. One thread.
 */
#ifndef AT_VIEW_SCREEN_H
#define AT_VIEW_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct at_screen {
	size_t columns; /* width of a line, 40 to 1000 */
	bool colour;    /* a terminal, and nobody objects */
	bool ascii;     /* nothing beyond ASCII */
};

/* Asks descriptor `fd` and the environment: COLUMNS, else the terminal, else 100 columns; colour
 * only on a terminal and without NO_COLOR (https://no-color.org) and TERM=dumb. */
struct at_screen at_screen_probe(int fd, bool ascii);

#endif
