/*
 * floor.h: stat(2) and its kin by symbols that C libraries before 2.33 have too. Nobody writes
 * these names in C: calls of stat(), lstat() and fstat() are renamed to them in the object files
 * (scripts/lower-floor). Any thread; results and errno as stat(2).
 */
#ifndef AT_LIBC_FLOOR_H
#define AT_LIBC_FLOOR_H

#include <sys/stat.h>

int at_floor_stat(const char *path, struct stat *out);
int at_floor_lstat(const char *path, struct stat *out);
int at_floor_fstat(int fd, struct stat *out);

#endif
