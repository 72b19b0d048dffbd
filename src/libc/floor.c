/*
 * floor.c: old names and places of functions that newer C libraries keep elsewhere, and what the
 * kernel itself brings.
 *
 * Who calls me: the table of originals while it is filled, the exporter before it starts its
 * thread, the clock when it is first read, and by renaming (scripts/lower-floor,
 * scripts/floor.names) every object that calls stat(). Any thread. I own nothing. Not my job:
 * functions of which the C library keeps an old version under the same name; floor.names alone
 * takes care of those.
 */
#include "libc/floor.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/auxv.h>

#include "libc/names.h"

#pragma weak dlsym
#pragma weak pthread_key_create
#pragma weak pthread_testcancel
#pragma weak pthread_setcancelstate

/* The layout of struct stat that the kernel and the C library share, as __xstat() numbers it. */
#if defined(__x86_64__)
#define STAT_LAYOUT 1
#else
#define STAT_LAYOUT 0
#endif

int __xstat(int layout, const char *path, struct stat *out);
int __lxstat(int layout, const char *path, struct stat *out);
int __fxstat(int layout, int fd, struct stat *out);

int at_floor_stat(const char *path, struct stat *out)
{
	return __xstat(STAT_LAYOUT, path, out);
}

int at_floor_lstat(const char *path, struct stat *out)
{
	return __lxstat(STAT_LAYOUT, path, out);
}

int at_floor_fstat(int fd, struct stat *out)
{
	return __fxstat(STAT_LAYOUT, fd, out);
}

bool at_floor_has_threads(void)
{
	return pthread_key_create != NULL;
}

void at_floor_cancel_here(void)
{
	if (pthread_testcancel)
		pthread_testcancel();
}

int at_floor_cancel_off(void)
{
	int state = PTHREAD_CANCEL_ENABLE;
	if (pthread_setcancelstate)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	return state;
}

void at_floor_cancel_restore(int state)
{
	if (pthread_setcancelstate)
		pthread_setcancelstate(state, NULL);
}

/* One search, handed through dl_iterate_phdr(). */
struct search {
	const char *name; /* borrowed */
	bool after_us;    /* our own object has gone by */
	void *found;      /* the answer, or NULL */
};

static const ElfW(Dyn) * dynamic_of(const struct dl_phdr_info *object)
{
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			return (const void *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
	return NULL;
}

static bool holds_us(const struct dl_phdr_info *object)
{
	uintptr_t here = (uintptr_t)at_floor_walk_next;

	for (int i = 0; i < object->dlpi_phnum; i++) {
		uintptr_t start = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;

		if (object->dlpi_phdr[i].p_type == PT_LOAD &&
		    here - start < object->dlpi_phdr[i].p_memsz)
			return true;
	}
	return false;
}

static int visit(struct dl_phdr_info *object, size_t size, void *arg)
{
	struct search *search = arg;
	struct at_names names;

	(void)size;
	if (!search->after_us)
		search->after_us = holds_us(object);
	else if (at_names_read(object->dlpi_addr, dynamic_of(object), false, &names))
		search->found = at_names_find(&names, search->name);
	return search->found != NULL;
}

void *at_floor_walk_next(const char *name)
{
	struct search search = {.name = name};

	dl_iterate_phdr(visit, &search);
	return search.found;
}

void *at_floor_walk_first(const char *name)
{
	struct search search = {.name = name, .after_us = true};

	dl_iterate_phdr(visit, &search);
	return search.found;
}

void *at_floor_dlsym_next(const char *name)
{
	return dlsym != NULL ? dlsym(RTLD_NEXT, name) : at_floor_walk_next(name);
}

void *at_floor_vdso(const char *name)
{
	const ElfW(Ehdr) *head = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct dl_phdr_info object = {0};
	struct at_names names;

	if (head == NULL)
		return NULL;
	object.dlpi_phdr = (const void *)((const char *)head + head->e_phoff);
	object.dlpi_phnum = head->e_phnum;
	object.dlpi_addr = (ElfW(Addr))head;
	for (int i = 0; i < object.dlpi_phnum; i++)
		if (object.dlpi_phdr[i].p_type == PT_LOAD) {
			object.dlpi_addr -= object.dlpi_phdr[i].p_vaddr;
			break;
		}
	if (!at_names_read(object.dlpi_addr, dynamic_of(&object), true, &names))
		return NULL;
	return at_names_find(&names, name);
}
