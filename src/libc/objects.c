/*
 * See objects.h. Fed by tls.c. Owns nothing: each question walks the loader's list anew.
 */
#include "libc/objects.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

/* Objects of one closure of needs that are looked at. */
#define NEEDS_MAX 32

#define VERSION_INDEX 0x7fff

/* ---- one object ---- */

static void read_object(const struct dl_phdr_info *info, unsigned place, struct at_object *o)
{
	*o = (struct at_object){.base = info->dlpi_addr, .begin = UINTPTR_MAX, .place = place};
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t at = o->base + p->p_vaddr;
		if (p->p_type == PT_DYNAMIC)
			o->dynamic = (const void *)at;
		if (p->p_type != PT_LOAD)
			continue;
		if (at < o->begin)
			o->begin = at;
		if (at + p->p_memsz > o->end)
			o->end = at + p->p_memsz;
	}
	o->named = at_names_read(o->base, o->dynamic, false, &o->names);
}

static bool holds(const struct at_object *o, const void *address)
{
	return (uintptr_t)address >= o->begin && (uintptr_t)address < o->end;
}

/* A table of the dynamic section; NULL: it has none. */
static const void *table(const struct at_object *o, ElfW(Sxword) tag)
{
	for (const ElfW(Dyn) *d = o->dynamic; d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == tag)
			return (const void *)(d->d_un.d_ptr < o->base ? o->base + d->d_un.d_ptr
								      : d->d_un.d_ptr);
	return NULL;
}

static bool is_named(const struct at_object *o, const char *soname)
{
	for (const ElfW(Dyn) *d = o->dynamic; o->named && d && d->d_tag != DT_NULL; d++)
		if (d->d_tag == DT_SONAME)
			return strcmp(o->names.text + d->d_un.d_val, soname) == 0;
	return false;
}

/* ---- versions ---- */

/* In which version the object asks for the name; NULL: in none, or it does not ask. Names that are
 * asked for stand in front of those that are defined. */
static const char *wanted_version(const struct at_object *o, const char *name)
{
	const struct at_names *n = &o->names;
	const ElfW(Verneed) *need = table(o, DT_VERNEED);
	uint32_t i = 1, first = n->hash[1];
	while (i < first && strcmp(n->text + n->symbol[i].st_name, name) != 0)
		i++;
	if (i >= first || !n->version || !need)
		return NULL;
	for (;; need = (const void *)((const char *)need + need->vn_next)) {
		const ElfW(Vernaux) *aux = (const void *)((const char *)need + need->vn_aux);
		for (unsigned k = 0; k < need->vn_cnt; k++) {
			if (aux->vna_other == (n->version[i] & VERSION_INDEX))
				return n->text + aux->vna_name;
			aux = (const void *)((const char *)aux + aux->vna_next);
		}
		if (!need->vn_next)
			return NULL;
	}
}

/* Whether the object has versions, and not this one. */
static bool lacks_version(const struct at_object *o, const char *version)
{
	const ElfW(Verdef) *def = table(o, DT_VERDEF);
	if (!def || !version)
		return false;
	for (;; def = (const void *)((const char *)def + def->vd_next)) {
		const ElfW(Verdaux) *aux = (const void *)((const char *)def + def->vd_aux);
		if (strcmp(o->names.text + aux->vda_name, version) == 0)
			return false;
		if (!def->vd_next)
			return true;
	}
}

/* ---- walks ---- */

/* What is looked for; which members count depends on the walk. */
struct walk {
	const char *name;        /* a function, or an object */
	const char *version;     /* of the function; NULL: any */
	const void *address;     /* in the object that is looked for */
	unsigned limit;          /* objects to look at */
	unsigned seen;           /* objects so far */
	bool after_us;           /* our own object has gone by */
	void *found;             /* the function */
	struct at_object object; /* the object */
	bool met;                /* it is */
};

static int count_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	((struct walk *)arg)->seen++;
	return 0;
}

unsigned at_objects_count(void)
{
	struct walk w = {0};
	dl_iterate_phdr(count_one, &w);
	return w.seen;
}

static int note_changes(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t *changes = arg;
	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof(info->dlpi_subs)) {
		changes[0] = info->dlpi_adds;
		changes[1] = info->dlpi_subs;
	}
	return 1;
}

uint64_t at_objects_loaded(void)
{
	uint64_t changes[2] = {0};
	dl_iterate_phdr(note_changes, changes);
	return changes[0];
}

uint64_t at_objects_unloaded(void)
{
	uint64_t changes[2] = {0};
	dl_iterate_phdr(note_changes, changes);
	return changes[1];
}

static int look_at_address(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;
	(void)size;
	read_object(info, w->seen++, &w->object);
	w->met = holds(&w->object, w->address);
	return w->met;
}

bool at_objects_at(const void *address, struct at_object *ret)
{
	struct walk w = {.address = address};
	dl_iterate_phdr(look_at_address, &w);
	*ret = w.object;
	return w.met;
}

static bool is_us(const struct at_object *o)
{
	return holds(o, (const void *)at_objects_next);
}

static void *defined(const struct at_object *o, const char *name, const char *version)
{
	bool may = o->named && !is_us(o) && !lacks_version(o, version);
	return may ? at_names_find(&o->names, name) : NULL;
}

static int look_behind_us(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;
	struct at_object o;
	(void)size;
	if (w->seen >= w->limit)
		return 1;
	read_object(info, w->seen++, &o);
	if (!w->after_us)
		w->after_us = is_us(&o);
	else
		w->found = defined(&o, w->name, w->version);
	return w->found != NULL;
}

static int look_for_soname(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;
	(void)size;
	read_object(info, w->seen++, &w->object);
	w->met = is_named(&w->object, w->name);
	return w->met;
}

/* Adds what the object needs to the list, each once. */
static unsigned add_needs(const struct at_object *o, struct at_object *list, unsigned count)
{
	for (const ElfW(Dyn) *d = o->dynamic; o->named && d && d->d_tag != DT_NULL; d++) {
		struct walk w = {0};
		unsigned i = 0;
		if (d->d_tag != DT_NEEDED || count == NEEDS_MAX)
			continue;
		w.name = o->names.text + d->d_un.d_val;
		dl_iterate_phdr(look_for_soname, &w);
		while (i < count && list[i].base != w.object.base)
			i++;
		if (w.met && i == count)
			list[count++] = w.object;
	}
	return count;
}

static void *find_in_needs(const char *name, const char *version, const struct at_object *caller)
{
	struct at_object list[NEEDS_MAX];
	unsigned count = 1;
	list[0] = *caller;
	for (unsigned i = 0; i < count; i++) {
		void *found = defined(&list[i], name, version);
		if (found)
			return found;
		count = add_needs(&list[i], list, count);
	}
	return NULL;
}

void *at_objects_next(const char *name, const struct at_object *caller, unsigned global)
{
	struct walk w = {.name = name, .limit = global};
	if (caller && caller->named)
		w.version = wanted_version(caller, name);
	dl_iterate_phdr(look_behind_us, &w);
	if (!w.found && caller && caller->place)
		w.found = find_in_needs(name, w.version, caller);
	if (w.found)
		return w.found;
	w = (struct walk){.name = name, .limit = UINT32_MAX};
	dl_iterate_phdr(look_behind_us, &w);
	return w.found;
}

static int look_for_any(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct walk *w = arg;
	struct at_object o;
	(void)size;
	if (w->seen++ == 0)
		return 0;
	read_object(info, w->seen, &o);
	w->met = defined(&o, w->name, NULL) != NULL;
	return w->met;
}

bool at_objects_have(const char *name)
{
	struct walk w = {.name = name};
	dl_iterate_phdr(look_for_any, &w);
	return w.met;
}
