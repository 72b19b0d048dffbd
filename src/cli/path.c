/*
 * Command search; see path.h. Feeds run.c (exit codes) and subject.c (what will be executed).
 */
#include "cli/path.h"

#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What executing this very file would say; 0 if it can be tried. */
static int judge(const char *file)
{
	struct stat status;

	if (stat(file, &status) != 0)
		return errno;
	if (!S_ISREG(status.st_mode))
		return EACCES;
	if (faccessat(AT_FDCWD, file, X_OK, AT_EACCESS) != 0)
		return errno;
	return 0;
}

int at_path_find(const char *name, const char *search, char **file)
{
	int result = ENOENT;

	*file = NULL;
	if (name[0] == '\0')
		return ENOENT;
	if (strchr(name, '/')) {
		result = judge(name);
		if (result == 0)
			*file = at_text_copy(name);
		return result;
	}
	if (!search)
		search = "/bin:/usr/bin";
	for (;;) {
		struct at_text candidate = {0};
		size_t size = strcspn(search, ":");
		int error;

		if (size > 0) {
			at_text_add(&candidate, search, size);
			at_text_add(&candidate, "/", 1);
		}
		at_text_add(&candidate, name, strlen(name));
		error = judge(candidate.data);
		if (error == 0) {
			*file = candidate.data;
			return 0;
		}
		at_text_free(&candidate);
		if (error == EACCES)
			result = EACCES;
		if (search[size] == '\0')
			return result;
		search += size + 1;
	}
}

const char *at_path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
