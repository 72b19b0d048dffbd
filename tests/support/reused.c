/*
 * A library to be preloaded behind the one under test: while a close has freed a number and has not
 * returned yet, the function given to reused_tell(fn) is called with it.
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

static void (*tell)(int fd);

void reused_tell(void (*fn)(int fd));

void reused_tell(void (*fn)(int fd))
{
	tell = fn;
}

int close(int fd)
{
	int rc = (int)syscall(SYS_close, fd);
	if (rc == 0 && tell)
		tell(fd);
	return rc;
}
