/*
 * The functions that a loaded object calls in others: one of them is replaced for that object
 * alone.
 */
#ifndef AT_BRIDGE_IMPORT_TABLE_H
#define AT_BRIDGE_IMPORT_TABLE_H

#include <stdbool.h>

/* Has the object whose file's name contains `object` call `function` where it called `name`. False
 * when there is no such object, or it calls nothing by that name. Any thread; takes the loader's
 * lock. */
bool at_import_table_set(const char *object, const char *name, void *function);

#endif
