/*
 * ELF symbol tables and symbol versions.
 *
 * Fed by elf.c's opened file; feeds examine.c. Runs in the programs only. Owns nothing.
 */
#include "cli/elf_field.h"

#include <string.h>

/* Most versions looked at in one file; glibc itself defines about fifty. */
#define VERSIONS_MAX 4096

/* Shrinks the table to what lies inside the file. */
static bool settle(const struct at_elf *elf, struct at_elf_table *table)
{
	uint64_t most;

	if (table->symbols_at >= elf->size || table->strings_at >= elf->size)
		return false;
	most = (elf->size - table->symbols_at) / AT_ELF_SIZE(elf, Sym);
	if (table->count > most)
		table->count = most;
	if (table->strings_size > elf->size - table->strings_at)
		table->strings_size = elf->size - table->strings_at;
	return table->count > 0 && table->strings_size > 0;
}

static bool from_section(const struct at_elf *elf, uint32_t type, struct at_elf_table *table)
{
	for (uint32_t i = 0; i < elf->section_count; i++) {
		uint64_t at = elf->sections_at + i * AT_ELF_SIZE(elf, Shdr);
		uint64_t link = AT_ELF_FIELD(elf, at, Shdr, sh_link);
		uint64_t strings = elf->sections_at + link * AT_ELF_SIZE(elf, Shdr);

		if (AT_ELF_FIELD(elf, at, Shdr, sh_type) != type || link >= elf->section_count)
			continue;
		table->symbols_at = AT_ELF_FIELD(elf, at, Shdr, sh_offset);
		table->count = AT_ELF_FIELD(elf, at, Shdr, sh_size) / AT_ELF_SIZE(elf, Sym);
		table->strings_at = AT_ELF_FIELD(elf, strings, Shdr, sh_offset);
		table->strings_size = AT_ELF_FIELD(elf, strings, Shdr, sh_size);
		return settle(elf, table);
	}
	return false;
}

/* Symbols in a GNU hash table at this offset: the highest chain is walked to its last entry. */
static uint64_t gnu_hash_count(const struct at_elf *elf, uint64_t at)
{
	uint64_t buckets = at_elf_read(elf, at, 4);
	uint64_t first = at_elf_read(elf, at + 4, 4);
	uint64_t bloom = at_elf_read(elf, at + 8, 4);
	uint64_t table = at + 16 + bloom * (elf->wide ? 8 : 4);
	uint64_t chains = table + buckets * 4;
	uint64_t last = 0;

	if (chains > elf->size)
		return 0;
	for (uint64_t i = 0; i < buckets; i++) {
		uint64_t symbol = at_elf_read(elf, table + i * 4, 4);

		if (symbol > last)
			last = symbol;
	}
	if (last < first)
		return first;
	for (; chains + (last - first) * 4 < elf->size; last++)
		if (at_elf_read(elf, chains + (last - first) * 4, 4) & 1)
			return last + 1;
	return 0;
}

static uint64_t count_by_hash(const struct at_elf *elf)
{
	uint64_t address, at;

	if (at_elf_dynamic(elf, DT_HASH, 0, &address) && at_elf_offset(elf, address, &at))
		return at_elf_read(elf, at + 4, 4);
	if (at_elf_dynamic(elf, DT_GNU_HASH, 0, &address) && at_elf_offset(elf, address, &at))
		return gnu_hash_count(elf, at);
	return 0;
}

bool at_elf_dynamic_symbols(const struct at_elf *elf, struct at_elf_table *table)
{
	uint64_t address;

	if (from_section(elf, SHT_DYNSYM, table))
		return true;
	if (!at_elf_dynamic(elf, DT_SYMTAB, 0, &address))
		return false;
	if (!at_elf_offset(elf, address, &table->symbols_at))
		return false;
	table->count = count_by_hash(elf);
	table->strings_at = elf->strings_at;
	table->strings_size = elf->strings_size;
	return settle(elf, table);
}

bool at_elf_full_symbols(const struct at_elf *elf, struct at_elf_table *table)
{
	return from_section(elf, SHT_SYMTAB, table);
}

bool at_elf_symbol(const struct at_elf *elf, const struct at_elf_table *table, uint64_t index,
		   struct at_elf_symbol *symbol)
{
	uint64_t at = table->symbols_at + index * AT_ELF_SIZE(elf, Sym);
	uint64_t binding = ELF64_ST_BIND(AT_ELF_FIELD(elf, at, Sym, st_info));
	uint64_t visibility = ELF64_ST_VISIBILITY(AT_ELF_FIELD(elf, at, Sym, st_other));

	if (index >= table->count)
		return false;
	symbol->name = at_elf_text(elf, table->strings_at, table->strings_size,
				   AT_ELF_FIELD(elf, at, Sym, st_name));
	symbol->defined = AT_ELF_FIELD(elf, at, Sym, st_shndx) != SHN_UNDEF;
	symbol->global =
		binding != STB_LOCAL && (visibility == STV_DEFAULT || visibility == STV_PROTECTED);
	return symbol->name && symbol->name[0] != '\0';
}

/* File offset of the version table that the tag names, 0 if there is none. */
static uint64_t version_table(const struct at_elf *elf, int64_t tag)
{
	uint64_t address, at;

	if (!at_elf_dynamic(elf, tag, 0, &address) || !at_elf_offset(elf, address, &at))
		return 0;
	return at;
}

bool at_elf_version_needed(const struct at_elf *elf, unsigned index, const char **library,
			   const char **version)
{
	uint64_t at = version_table(elf, DT_VERNEED);
	unsigned budget = VERSIONS_MAX;

	for (; at != 0 && at < elf->size && budget > 0; budget--) {
		uint64_t file = AT_ELF_FIELD(elf, at, Verneed, vn_file);
		uint64_t next = AT_ELF_FIELD(elf, at, Verneed, vn_next);
		uint64_t count = AT_ELF_FIELD(elf, at, Verneed, vn_cnt);
		uint64_t aux = at + AT_ELF_FIELD(elf, at, Verneed, vn_aux);

		for (; count > 0 && budget > 1; count--, budget--) {
			uint64_t name = AT_ELF_FIELD(elf, aux, Vernaux, vna_name);
			uint64_t flags = AT_ELF_FIELD(elf, aux, Vernaux, vna_flags);

			*library = at_elf_text(elf, elf->strings_at, elf->strings_size, file);
			*version = at_elf_text(elf, elf->strings_at, elf->strings_size, name);
			if (*library && *version && !(flags & VER_FLG_WEAK) && index-- == 0)
				return true;
			aux += AT_ELF_FIELD(elf, aux, Vernaux, vna_next);
		}
		if (next == 0)
			return false;
		at += next;
	}
	return false;
}

bool at_elf_version_defined(const struct at_elf *elf, const char *version)
{
	uint64_t at = version_table(elf, DT_VERDEF);
	unsigned budget = VERSIONS_MAX;

	for (; at != 0 && at < elf->size && budget > 0; budget--) {
		uint64_t next = AT_ELF_FIELD(elf, at, Verdef, vd_next);
		uint64_t aux = at + AT_ELF_FIELD(elf, at, Verdef, vd_aux);
		uint64_t name = AT_ELF_FIELD(elf, aux, Verdaux, vda_name);
		const char *found = at_elf_text(elf, elf->strings_at, elf->strings_size, name);

		if (found && strcmp(found, version) == 0)
			return true;
		if (next == 0)
			return false;
		at += next;
	}
	return false;
}
