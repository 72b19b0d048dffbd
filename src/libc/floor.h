/*
 * floor.h: what older C libraries lack, so that one file loads on all of them (Debian 10 and
 * later).
 *
 * Before 2.34 dlsym() lived in libdl.so.2 and the threads in libpthread.so.0, which a small program
 * (a shell, true) does not load and we must not ask for: our references to them are weak there
 * (scripts/lower-floor) and may be NULL. Before 2.33 stat() was no symbol of its own.
 */
#ifndef AT_LIBC_FLOOR_H
#define AT_LIBC_FLOOR_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * The function the next object after ours defines under this name: dlsym(RTLD_NEXT, name), or a
 * walk over the loaded objects where there is no dlsym. NULL when there is none. Any thread, no
 * malloc of ours; takes the loader's lock.
 */
void *at_floor_dlsym_next(const char *name);

/*
 * The walk alone, whether there is a dlsym or not: default versions only, functions only, objects
 * in the order they were loaded. Needs DT_GNU_HASH.
 */
void *at_floor_walk_next(const char *name);
/* From the first object on. dlsym(RTLD_DEFAULT) is no substitute: in an object that is linked to
 * find its own symbols in itself it looks there first. */
void *at_floor_walk_first(const char *name);

/* A function of the object that the kernel puts into each process (vdso(7)); NULL when there is
 * none, as under valgrind. Any thread, any context. */
void *at_floor_vdso(const char *name);

/* Whether this process has pthread_create() and its kin. If not, the bundle must not be called. */
bool at_floor_has_threads(void);

/* Where a thread that was cancelled ends (pthread_testcancel); and the same put off until
 * at_floor_cancel_restore gets what at_floor_cancel_off returned. The calling thread's. */
void at_floor_cancel_here(void);
int at_floor_cancel_off(void);
void at_floor_cancel_restore(int state);

/*
 * stat(2) and its kin. Nobody writes these names in C: calls of stat(), lstat() and fstat() are
 * renamed to them in the object files. Results and errno as stat(2).
 */
int at_floor_stat(const char *path, struct stat *out);
int at_floor_lstat(const char *path, struct stat *out);
int at_floor_fstat(int fd, struct stat *out);

#endif
