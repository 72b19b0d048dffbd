/*
 * The loaded objects, and to which of their functions a name leads: what the dynamic linker would
 * find if we were not there. Takes the loader's short lock only, which no constructor is run under;
 * no malloc, no dlerror. Any thread.
 */
#ifndef AT_LIBC_OBJECTS_H
#define AT_LIBC_OBJECTS_H

#include <link.h>

#include "libc/names.h"

struct at_object {
	ElfW(Addr) base;           /* what its addresses are relative to */
	uintptr_t begin, end;      /* its addresses */
	const ElfW(Dyn) * dynamic; /* its dynamic section */
	struct at_names names;     /* its tables; valid when `named` */
	bool named;                /* it has tables of names */
	unsigned place;            /* in the order of loading */
};

/* How many objects there are; how many were ever loaded, and how many unloaded. */
unsigned at_objects_count(void);
uint64_t at_objects_loaded(void);
uint64_t at_objects_unloaded(void);

/* The object that holds this address; false: none. */
bool at_objects_at(const void *address, struct at_object *ret);

/* The function that a call of `name` by `caller` (NULL: nobody's) leads to: the first definition
 * behind ours among the `global` first objects, then in the caller and what it needs; each in the
 * version that the caller asks for. Then the first of all. NULL: there is none. */
void *at_objects_next(const char *name, const struct at_object *caller, unsigned global);

/* Whether an object but the program, and ours, defines it. */
bool at_objects_have(const char *name);

#endif
