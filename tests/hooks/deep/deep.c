/*
 * A plug-in that does its own input and output. Loaded with RTLD_DEEPBIND by span.c.
 */
#include <string.h>
#include <unistd.h>

int deep_serve(int fd, const char *answer);

int deep_serve(int fd, const char *answer)
{
	char buf[500];
	size_t n = strlen(answer);
	return read(fd, buf, sizeof(buf)) > 0 && write(fd, answer, n) == (ssize_t)n ? 0 : -1;
}
