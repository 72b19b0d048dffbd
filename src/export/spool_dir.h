/*
 * The directory of spool files, and what ended processes left in it. Blocking file work: the
 * exporter's thread and the program `autotrace`.
 */
#ifndef AT_EXPORT_SPOOL_DIR_H
#define AT_EXPORT_SPOOL_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define AT_SPOOL_NAME 64
/* Files looked at in one scan at most; the others wait for the next one. */
#define AT_SPOOL_FILES 1024

/* What keeps the directory from being used, in words, or NULL. Any thread, any context. */
const char *at_spool_dir_fault(const struct stat *st);

/* A file that is or was a process's. */
struct at_spool_entry {
	char name[AT_SPOOL_NAME]; /* within the directory */
	int64_t changed;          /* Unix seconds */
};

/* A scan of the directory. */
struct at_spool_dir {
	int fd;                       /* of the directory, -1: closed */
	struct at_spool_entry *entry; /* the oldest first; owned */
	unsigned count;               /* entries there are */
};

/* Opens and reads the directory; takes away what never became a spool file. False: *ret_error is
 * the errno (EPERM: others could replace files in it). */
bool at_spool_dir_open(struct at_spool_dir *d, const char *path, int *ret_error);
void at_spool_dir_close(struct at_spool_dir *d);

/* Takes the file over: its descriptor, locked, and *ret_st; or -errno: EWOULDBLOCK while somebody
 * has it, EPERM when it is none of ours, ENOENT when it is gone. */
int at_spool_dir_claim(const struct at_spool_dir *d, const char *name, struct stat *ret_st);

/* Gives a claimed file back. */
void at_spool_dir_release(int fd);

/* Removes a file that the caller has claimed. */
void at_spool_dir_remove(const struct at_spool_dir *d, const char *name);

/* The time that files' ages are told by: Unix seconds of the kernel's clock. */
int64_t at_spool_dir_now(void);

#endif
