/*
 * The libraries a program is started with, found the way the dynamic loader of glibc finds them,
 * without its cache: RPATH, LD_LIBRARY_PATH, RUNPATH, the directories of /etc/ld.so.conf, the
 * default ones. One thread.
 */
#ifndef AT_CLI_NEEDED_H
#define AT_CLI_NEEDED_H

#include "cli/module.h"
#include "cli/text.h"

/*
 * Adds to list, which holds the program, every library that it and its libraries name as needed.
 * library_path: LD_LIBRARY_PATH or NULL. missing: the names that were not found, one a line.
 */
void at_needed_load(struct at_module_list *list, const char *library_path, struct at_text *missing);

/*
 * Opens the library with this name (as in DT_NEEDED) as program would get it. False: not found.
 */
bool at_needed_find(const struct at_module *program, const char *name, const char *library_path,
		    struct at_module *found);

#endif
