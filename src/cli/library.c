/*
 * Finding and naming libautotrace.so; see library.h. Feeds run.c and subject.c. Owns nothing.
 */
#include "cli/library.h"

#include "cli/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What splits LD_PRELOAD (ld.so(8)). */
#define SEPARATORS " :"

/* The path made absolute without resolving links, so that an upgrade behind a link is followed. */
static char *absolute(const char *path)
{
	struct at_text text = {0};
	char *here;

	if (path[0] != '/') {
		here = getcwd(NULL, 0);
		at_text_addf(&text, "%s/", here ? here : ".");
		free(here);
	}
	at_text_addf(&text, "%s", path);
	return text.data;
}

/* The path if a readable regular file is there; else NULL, and why not in looked, behind origin. */
static char *try_path(const char *path, const char *origin, struct at_text *looked)
{
	struct stat status;
	const char *problem = NULL;

	if (stat(path, &status) != 0)
		problem = strerror(errno);
	else if (!S_ISREG(status.st_mode))
		problem = "not a regular file";
	else if (access(path, R_OK) != 0)
		problem = strerror(errno);
	if (!problem)
		return absolute(path);
	at_text_addf(looked, "%s%s%s: %s", looked->size > 0 ? ", " : "", origin, path, problem);
	return NULL;
}

char *at_library_find(const char *option, struct at_text *looked)
{
	const char *variable = getenv("AUTOTRACE_LIB");
	static const char *const places[] = {"", "../lib/"};
	char program[PATH_MAX];
	ssize_t size;

	if (option)
		return try_path(option, "--lib ", looked);
	if (variable && *variable)
		return try_path(variable, "AUTOTRACE_LIB=", looked);
	size = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (size <= 0) {
		at_text_addf(looked, "/proc/self/exe: %s", strerror(errno));
		return NULL;
	}
	program[size] = '\0';
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct at_text path = {0};
		char *found;

		at_text_add(&path, program, (size_t)(at_path_base(program) - program));
		at_text_addf(&path, "%s" AT_LIBRARY_NAME, places[i]);
		found = try_path(path.data, "", looked);
		at_text_free(&path);
		if (found)
			return found;
	}
	return NULL;
}

/* True if the size bytes at name are a path to the same file as library. */
static bool same_file(const char *library, const char *name, size_t size)
{
	struct stat ours, theirs;
	char *path = strndup(name, size);
	bool same = path && strchr(path, '/') && stat(library, &ours) == 0 &&
		    stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
		    ours.st_ino == theirs.st_ino;

	free(path);
	return same;
}

void at_library_preload(const char *library, const char *existing, struct at_text *value)
{
	at_text_addf(value, "%s", library);
	while (existing && *existing) {
		size_t size = strcspn(existing, SEPARATORS);

		if (size > 0 && !same_file(library, existing, size)) {
			at_text_add(value, ":", 1);
			at_text_add(value, existing, size);
		}
		existing += size + (existing[size] != '\0');
	}
}

bool at_library_fits_preload(const char *library)
{
	return !strpbrk(library, SEPARATORS "$");
}
