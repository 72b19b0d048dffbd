/*
 * Files of code: a program, a library, mapped and opened as ELF. For the programs only; one thread.
 */
#ifndef AT_CLI_MODULE_H
#define AT_CLI_MODULE_H

#include "cli/elf.h"

#include <sys/stat.h>

/* Most files looked at for one program. */
#define AT_MODULE_MAX 512

/* One mapped file. */
struct at_module {
	char *path;                /* where it was found, owned */
	const void *data;          /* its bytes, mapped read-only; NULL for an empty file */
	size_t size;               /* bytes */
	struct stat status;        /* of the file at the time of opening */
	enum at_elf_result result; /* whether elf is usable */
	struct at_elf elf;         /* view of data */
};

/* The program and the libraries it is made of; the program is the first. */
struct at_module_list {
	struct at_module *items; /* owned */
	unsigned count;          /* at most AT_MODULE_MAX */
};

/* Maps the regular file at path. 0, or errno (EISDIR for a directory, EINVAL for other kinds). */
int at_module_open(struct at_module *module, const char *path);
void at_module_close(struct at_module *module);

/* True if both are the same file on disk. */
bool at_module_same(const struct at_module *a, const struct at_module *b);

/* Takes over *module at the end; a file that is in the list already, or has no room, is closed
 * instead. */
void at_module_list_add(struct at_module_list *list, struct at_module *module);
void at_module_list_close(struct at_module_list *list);

/*
 * From now on a file that shrinks while it is examined ends the program with one line instead of
 * SIGBUS.
 */
void at_module_guard(void);

#endif
