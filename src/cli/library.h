/*
 * Where libautotrace.so is, and what LD_PRELOAD becomes with it. For the programs; one thread.
 */
#ifndef AT_CLI_LIBRARY_H
#define AT_CLI_LIBRARY_H

#include "cli/text.h"

#include <stdbool.h>

#define AT_LIBRARY_NAME "libautotrace.so"

/*
 * The absolute path of the library; the caller frees it. Taken from option (--lib, NULL: not
 * given), else from AUTOTRACE_LIB, else beside this executable, else from ../lib of it. One that is
 * named must be right: there is no falling back. NULL: none; looked then says where it was looked
 * for and what was there.
 */
char *at_library_find(const char *option, struct at_text *looked);

/*
 * Appends to value what LD_PRELOAD must be: library first, then everything in existing (NULL:
 * unset) but other mentions of the same file.
 */
void at_library_preload(const char *library, const char *existing, struct at_text *value);

/* True if LD_PRELOAD can hold this path: the loader splits it at blanks and colons and expands $.
 */
bool at_library_fits_preload(const char *library);

#endif
