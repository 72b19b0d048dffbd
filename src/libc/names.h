/*
 * The functions that one loaded object defines, found by name in its own tables. Makes no call into
 * the C library, so it may be used before the dynamic linker is through with us. Any thread, any
 * context.
 */
#ifndef AT_LIBC_NAMES_H
#define AT_LIBC_NAMES_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* The tables of one loaded object; they are its own, and stay as long as it does. */
struct at_names {
	ElfW(Addr) base;          /* what symbol values are relative to */
	const ElfW(Sym) * symbol; /* DT_SYMTAB */
	const char *text;         /* DT_STRTAB */
	const uint32_t *hash;     /* DT_GNU_HASH */
	const uint16_t *version;  /* DT_VERSYM, or NULL */
};

/* Finds the tables by the object's dynamic section (NULL: there is none). The loader has made its
 * pointers absolute, but for an object that it does not own: `relative`. False: no DT_GNU_HASH. */
bool at_names_read(ElfW(Addr) base, const ElfW(Dyn) * dynamic, bool relative, struct at_names *out);

/* The function of that name in its default version, or NULL. */
void *at_names_find(const struct at_names *in, const char *name);

#endif
