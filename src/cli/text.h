/*
 * Growing text, and the program's complaints. For the programs only: allocates, and ends the
 * program with one line when memory is out. One thread.
 */
#ifndef AT_CLI_TEXT_H
#define AT_CLI_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* Exit codes that every command shares. */
enum at_exit {
	AT_EXIT_USAGE = 2,      /* the command line makes no sense */
	AT_EXIT_FAILED = 125,   /* autotrace itself cannot go on (as env, timeout and nice do) */
	AT_EXIT_NOT_RUN = 126,  /* the command was found and cannot be executed */
	AT_EXIT_NOT_FOUND = 127 /* there is no such command */
};

/* Text that grows at its end. {0} is empty. */
struct at_text {
	char *data;      /* terminated once something was added; NULL before */
	size_t size;     /* bytes, without the terminator */
	size_t capacity; /* bytes allocated */
};

/* Adds size bytes. */
void at_text_add(struct at_text *text, const char *data, size_t size);

/* Adds what printf would print. */
void at_text_addf(struct at_text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void at_text_addv(struct at_text *text, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* The text so far, "" if there is none. Belongs to text. */
const char *at_text_get(const struct at_text *text);

/* Forgets the text and frees its memory. */
void at_text_free(struct at_text *text);

/* malloc, realloc and strdup that never return NULL. The caller frees. */
void *at_text_memory(void *old, size_t size);
char *at_text_copy(const char *string);

/* "autotrace: …" and a newline, on stderr. */
void at_text_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
