/*
 * A library to be preloaded behind the one under test: the C library of another year, in which
 * dlsym does not find the functions named in LACKING (separated by spaces; with blanks around).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *true_dlsym(void *handle, const char *name)
{
	static void *(*fn)(void *, const char *);
	if (!fn)
		fn = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	return fn(handle, name);
}

void *dlsym(void *handle, const char *name)
{
	const char *lacking = getenv("LACKING");
	char word[100];
	snprintf(word, sizeof(word), " %s ", name);
	return lacking && strstr(lacking, word) ? NULL : true_dlsym(handle, name);
}
