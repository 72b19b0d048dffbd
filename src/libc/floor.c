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
#include <string.h>
#include <sys/auxv.h>

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

#define VERSION_HIDDEN 0x8000 /* bit of a DT_VERSYM entry: not the default version */

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

/* The tables of one loaded object. */
struct tables {
	ElfW(Addr) base;          /* what symbol values are relative to */
	const ElfW(Sym) * symbol; /* DT_SYMTAB */
	const char *text;         /* DT_STRTAB */
	const uint32_t *hash;     /* DT_GNU_HASH */
	const uint16_t *version;  /* DT_VERSYM, or NULL */
};

/* One search, handed through dl_iterate_phdr(). */
struct search {
	const char *name; /* borrowed */
	uint32_t hash;    /* of name, as DT_GNU_HASH computes it */
	bool after_us;    /* our own object has gone by */
	void *found;      /* the answer, or NULL */
};

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;

	for (; *name != '\0'; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

/* The loader has made the pointers absolute, but for an object it does not own: `relative`. */
static bool read_tables(const struct dl_phdr_info *object, bool relative, struct tables *out)
{
	const ElfW(Dyn) *entry = NULL;

	memset(out, 0, sizeof(*out));
	out->base = object->dlpi_addr;
	for (int i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = (const void *)(out->base + object->dlpi_phdr[i].p_vaddr);
	for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
		if (!relative && entry->d_un.d_ptr < out->base)
			continue;
		const void *table = (const void *)(entry->d_un.d_ptr + (relative ? out->base : 0));

		if (entry->d_tag == DT_SYMTAB)
			out->symbol = table;
		else if (entry->d_tag == DT_STRTAB)
			out->text = table;
		else if (entry->d_tag == DT_GNU_HASH)
			out->hash = table;
		else if (entry->d_tag == DT_VERSYM)
			out->version = table;
	}
	return out->symbol != NULL && out->text != NULL && out->hash != NULL;
}

static bool is_it(const struct tables *in, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &in->symbol[i];

	return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
	       (in->version == NULL || (in->version[i] & VERSION_HIDDEN) == 0) &&
	       strcmp(in->text + symbol->st_name, name) == 0;
}

static void *look_up(const struct tables *in, const struct search *search)
{
	uint32_t buckets = in->hash[0], first = in->hash[1], words = in->hash[2];
	const uint32_t *bucket = in->hash + 4 + words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chain = bucket + buckets;
	uint32_t i = buckets == 0 ? 0 : bucket[search->hash % buckets];

	if (i < first)
		return NULL;
	for (;; i++) {
		uint32_t hash = chain[i - first];

		if ((hash | 1) == (search->hash | 1) && is_it(in, i, search->name))
			return (void *)(in->base + in->symbol[i].st_value);
		if (hash & 1)
			return NULL;
	}
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
	struct tables tables;

	(void)size;
	if (!search->after_us)
		search->after_us = holds_us(object);
	else if (read_tables(object, false, &tables))
		search->found = look_up(&tables, search);
	return search->found != NULL;
}

void *at_floor_walk_next(const char *name)
{
	struct search search = {.name = name, .hash = gnu_hash(name)};

	dl_iterate_phdr(visit, &search);
	return search.found;
}

void *at_floor_walk_first(const char *name)
{
	struct search search = {.name = name, .hash = gnu_hash(name), .after_us = true};

	dl_iterate_phdr(visit, &search);
	return search.found;
}

void *at_floor_dlsym_next(const char *name)
{
	return dlsym != NULL ? dlsym(RTLD_NEXT, name) : at_floor_walk_next(name);
}

void *at_floor_vdso(const char *name)
{
	struct search search = {.name = name, .hash = gnu_hash(name)};
	const ElfW(Ehdr) *head = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct dl_phdr_info object = {0};
	struct tables tables;

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
	return read_tables(&object, true, &tables) ? look_up(&tables, &search) : NULL;
}
