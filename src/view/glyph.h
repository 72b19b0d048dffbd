/*
 * Foreign text on its way to a terminal or into JSON: any bytes in, UTF-8 out. One thread.
 */
#ifndef AT_VIEW_GLYPH_H
#define AT_VIEW_GLYPH_H

#include "view/region.h"

#include <stdio.h>

#define AT_GLYPH_REPLACEMENT 0xfffdu

/* Cuts the first code point off *rest, which is not empty. What is no UTF-8 (overlong forms,
 * surrogates and cut-off sequences included) yields U+FFFD, one for each byte. */
uint32_t at_glyph_next(struct at_str *rest);

bool at_glyph_valid(struct at_str text);

/* The text itself when it is valid, else a copy in the region with U+FFFD for what is not; empty
 * when the region is full. */
struct at_str at_glyph_repair(struct at_region *region, struct at_str text);

/* As much of the text as fits into `cap` bytes without cutting a character. */
struct at_str at_glyph_head(struct at_str text, size_t cap);

/* Sets the process's character type locale, from which the widths come. Call once at start. */
void at_glyph_setup(void);

/* Terminal columns the text takes when printed with at_glyph_print; stops counting above `enough`.
 */
size_t at_glyph_columns(struct at_str text, bool ascii, size_t enough);

/* Prints the text in at most `columns` columns, an ellipsis at its end when it was cut, and returns
 * how many it took. Control characters come out as pictures of themselves, those that turn the
 * direction of writing as U+FFFD: no escape sequence of a stranger reaches the terminal. With
 * `ascii` everything beyond ASCII is a question mark. */
size_t at_glyph_print(FILE *out, struct at_str text, bool ascii, size_t columns);

#endif
