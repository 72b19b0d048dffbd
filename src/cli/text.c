/*
 * Growing text and complaints; see text.h. Fed and used by every file of the program `autotrace`.
 */
#include "cli/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *at_text_memory(void *old, size_t size)
{
	void *memory = realloc(old, size ? size : 1);

	if (!memory) {
		fputs("autotrace: out of memory\n", stderr);
		exit(AT_EXIT_FAILED);
	}
	return memory;
}

char *at_text_copy(const char *string)
{
	size_t size = strlen(string) + 1;

	return memcpy(at_text_memory(NULL, size), string, size);
}

static void reserve(struct at_text *text, size_t more)
{
	if (text->size + more < text->capacity)
		return;
	text->capacity = (text->size + more + 1) * 2;
	text->data = at_text_memory(text->data, text->capacity);
}

void at_text_add(struct at_text *text, const char *data, size_t size)
{
	reserve(text, size);
	memcpy(text->data + text->size, data, size);
	text->size += size;
	text->data[text->size] = '\0';
}

void at_text_addv(struct at_text *text, const char *format, va_list arguments)
{
	va_list again;
	int size;

	va_copy(again, arguments);
	size = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (size < 0)
		return;
	reserve(text, (size_t)size);
	vsnprintf(text->data + text->size, (size_t)size + 1, format, arguments);
	text->size += (size_t)size;
}

void at_text_addf(struct at_text *text, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	at_text_addv(text, format, arguments);
	va_end(arguments);
}

const char *at_text_get(const struct at_text *text)
{
	return text->data ? text->data : "";
}

void at_text_free(struct at_text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

void at_text_complain(const char *format, ...)
{
	struct at_text line = {0};
	va_list arguments;

	va_start(arguments, format);
	at_text_addf(&line, "autotrace: ");
	at_text_addv(&line, format, arguments);
	at_text_addf(&line, "\n");
	va_end(arguments);
	fputs(at_text_get(&line), stderr);
	at_text_free(&line);
}
