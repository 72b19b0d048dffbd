/*
 * floor.c: functions that are new names in newer C libraries, by their old names.
 *
 * Who calls me: code of ours or of the bundle that was compiled against a C library of 2.33 or
 * later, whose stat() is a symbol of its own; scripts/lower-floor renames those calls to the
 * functions here. Any thread. I own nothing. Not my job: symbols of which the C library keeps an
 * old version; scripts/floor.names names those.
 */
#include "libc/floor.h"

/* The layout of struct stat that the kernel and the C library share, as __xstat() numbers it. */
#if defined(__x86_64__)
#define STAT_LAYOUT 1
#else
#define STAT_LAYOUT 0
#endif

int __xstat(int layout, const char *path, struct stat *out);
int __lxstat(int layout, const char *path, struct stat *out);
int __fxstat(int layout, int fd, struct stat *out);

int at_floor_stat(const char *path, struct stat *out)
{
	return __xstat(STAT_LAYOUT, path, out);
}

int at_floor_lstat(const char *path, struct stat *out)
{
	return __lxstat(STAT_LAYOUT, path, out);
}

int at_floor_fstat(int fd, struct stat *out)
{
	return __fxstat(STAT_LAYOUT, fd, out);
}
