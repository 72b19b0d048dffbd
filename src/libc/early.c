/*
 * See early.h. Feeds the table of originals, on the first thread inside the dynamic linker, which
 * has relocated the C library by then. Owns the place of the loader's list. Not my job: the table.
 *
 * Nothing here follows a pointer that the linker would have to put right: no call into the C
 * library, no table of strings. The way to the list of objects: the kernel's auxiliary vector, the
 * program's headers, its dynamic section, DT_DEBUG.
 */
#include "libc/early.h"

#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "libc/names.h"
#include "libc/sys.h"

#define PAIRS 64 /* the kernel gives about twenty */

const void *const volatile at_early_self = (const void *)&at_early_self;

static const struct link_map *objects; /* the loader's list, or NULL: not looked for, not found */

static const ElfW(Phdr) * program_headers(size_t *count)
{
	static const char path[] = "/proc/self/auxv";
	ElfW(auxv_t) pairs[PAIRS];
	const ElfW(Phdr) *found = NULL;
	long fd = at_sys(SYS_open, (long)path, O_RDONLY | O_CLOEXEC, 0);
	long got = fd >= 0 ? at_sys(SYS_read, fd, (long)pairs, sizeof(pairs)) : -1;
	if (fd >= 0)
		at_sys(SYS_close, fd, 0, 0);
	*count = 0;
	for (long i = 0; i < got / (long)sizeof(pairs[0]); i++)
		if (pairs[i].a_type == AT_PHDR)
			found = (const void *)pairs[i].a_un.a_val;
		else if (pairs[i].a_type == AT_PHNUM)
			*count = pairs[i].a_un.a_val;
	return found;
}

static const struct link_map *find_objects(void)
{
	size_t count;
	const ElfW(Phdr) *headers = program_headers(&count);
	const ElfW(Dyn) *dynamic = NULL;
	ElfW(Addr) base = 0;
	for (size_t i = 0; headers && i < count; i++)
		if (headers[i].p_type == PT_PHDR)
			base = (ElfW(Addr))headers - headers[i].p_vaddr;
	for (size_t i = 0; headers && i < count; i++)
		if (headers[i].p_type == PT_DYNAMIC)
			dynamic = (const void *)(base + headers[i].p_vaddr);
	for (; dynamic && dynamic->d_tag != DT_NULL; dynamic++)
		if (dynamic->d_tag == DT_DEBUG && dynamic->d_un.d_ptr)
			return ((const struct r_debug *)dynamic->d_un.d_ptr)->r_map;
	return NULL;
}

void *at_early_next(const char *name)
{
	ElfW(Addr) here = (ElfW(Addr)) & __ehdr_start;
	bool after_us = false;
	if (!objects)
		objects = find_objects();
	for (const struct link_map *l = objects; l; l = l->l_next) {
		struct at_names names;
		void *found = NULL;
		if (after_us && at_names_read(l->l_addr, l->l_ld, false, &names))
			found = at_names_find(&names, name);
		if (found)
			return found;
		after_us = after_us || l->l_addr == here;
	}
	return NULL;
}
