/*
 * See names.h. Fed by floor.c and early.c, which know where objects are; any thread. Owns nothing.
 * Not my job: in which order objects are asked.
 */
#include "libc/names.h"

#include <elf.h>
#include <stddef.h>

#define VERSION_HIDDEN 0x8000 /* bit of a DT_VERSYM entry: not the default version */

bool at_names_read(ElfW(Addr) base, const ElfW(Dyn) * dynamic, bool relative, struct at_names *out)
{
	out->base = base;
	out->symbol = NULL;
	out->text = NULL;
	out->hash = NULL;
	out->version = NULL;
	for (const ElfW(Dyn) *entry = dynamic; entry && entry->d_tag != DT_NULL; entry++) {
		if (!relative && entry->d_un.d_ptr < base)
			continue;
		const void *table = (const void *)(entry->d_un.d_ptr + (relative ? base : 0));
		if (entry->d_tag == DT_SYMTAB)
			out->symbol = table;
		else if (entry->d_tag == DT_STRTAB)
			out->text = table;
		else if (entry->d_tag == DT_GNU_HASH)
			out->hash = table;
		else if (entry->d_tag == DT_VERSYM)
			out->version = table;
	}
	return out->symbol && out->text && out->hash;
}

static uint32_t gnu_hash(const char *name)
{
	uint32_t hash = 5381;
	for (; *name != '\0'; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static bool is_it(const struct at_names *in, uint32_t i, const char *name)
{
	const ElfW(Sym) *symbol = &in->symbol[i];
	return symbol->st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
	       (!in->version || !(in->version[i] & VERSION_HIDDEN)) &&
	       same(in->text + symbol->st_name, name);
}

void *at_names_find(const struct at_names *in, const char *name)
{
	uint32_t buckets = in->hash[0], first = in->hash[1], words = in->hash[2];
	const uint32_t *bucket = in->hash + 4 + words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
	const uint32_t *chain = bucket + buckets;
	uint32_t wanted = gnu_hash(name), i = buckets == 0 ? 0 : bucket[wanted % buckets];
	if (i < first)
		return NULL;
	for (;; i++) {
		uint32_t hash = chain[i - first];
		if ((hash | 1) == (wanted | 1) && is_it(in, i, name))
			return (void *)(in->base + in->symbol[i].st_value);
		if (hash & 1)
			return NULL;
	}
}
