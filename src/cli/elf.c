/*
 * ELF headers, segments, the dynamic table and its strings.
 *
 * Fed by module.c, which maps files; feeds examine.c and needed.c. Runs in the programs only, never
 * inside a traced process. Owns nothing. Symbols and versions are elf_symbols.c's.
 */
#include "cli/elf.h"

#include "cli/elf_field.h"

#include <stdio.h>
#include <string.h>

uint64_t at_elf_read(const struct at_elf *elf, uint64_t at, size_t width)
{
	uint64_t value = 0;

	if (at > elf->size || width > elf->size - at)
		return 0;
	for (size_t i = 0; i < width; i++) {
		size_t byte = elf->big_endian ? i : width - 1 - i;

		value = value << 8 | elf->data[at + byte];
	}
	return value;
}

const char *at_elf_text(const struct at_elf *elf, uint64_t at, uint64_t limit, uint64_t offset)
{
	if (at > elf->size || limit > elf->size - at || offset >= limit)
		return NULL;
	if (!memchr(elf->data + at + offset, '\0', limit - offset))
		return NULL;
	return (const char *)elf->data + at + offset;
}

/* True if count entries of width bytes at this offset lie inside the file. */
static bool inside(const struct at_elf *elf, uint64_t at, uint64_t count, uint64_t width)
{
	return at <= elf->size && count <= (elf->size - at) / width;
}

bool at_elf_offset(const struct at_elf *elf, uint64_t address, uint64_t *offset)
{
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		uint64_t at = elf->segments_at + i * AT_ELF_SIZE(elf, Phdr);
		uint64_t start = AT_ELF_FIELD(elf, at, Phdr, p_vaddr);
		uint64_t size = AT_ELF_FIELD(elf, at, Phdr, p_filesz);

		if (AT_ELF_FIELD(elf, at, Phdr, p_type) != PT_LOAD)
			continue;
		if (address < start || address - start >= size)
			continue;
		*offset = AT_ELF_FIELD(elf, at, Phdr, p_offset) + (address - start);
		return *offset < elf->size;
	}
	return false;
}

static enum at_elf_result read_segments(struct at_elf *elf)
{
	uint64_t width = AT_ELF_FIELD(elf, 0, Ehdr, e_phentsize);

	elf->segments_at = AT_ELF_FIELD(elf, 0, Ehdr, e_phoff);
	elf->segment_count = (uint32_t)AT_ELF_FIELD(elf, 0, Ehdr, e_phnum);
	if (elf->segment_count == 0)
		return AT_ELF_OK;
	if (width != AT_ELF_SIZE(elf, Phdr))
		return AT_ELF_BAD;
	if (!inside(elf, elf->segments_at, elf->segment_count, width))
		return AT_ELF_TRUNCATED;
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		uint64_t at = elf->segments_at + i * width;
		uint64_t type = AT_ELF_FIELD(elf, at, Phdr, p_type);
		uint64_t offset = AT_ELF_FIELD(elf, at, Phdr, p_offset);
		uint64_t size = AT_ELF_FIELD(elf, at, Phdr, p_filesz);

		if (type == PT_INTERP) {
			elf->interpreter = at_elf_text(elf, offset, size, 0);
			if (!elf->interpreter)
				return AT_ELF_TRUNCATED;
		}
		if (type == PT_DYNAMIC) {
			elf->dynamic_at = offset;
			elf->dynamic_count = size / AT_ELF_SIZE(elf, Dyn);
			if (!inside(elf, offset, size, 1))
				return AT_ELF_TRUNCATED;
		}
	}
	return AT_ELF_OK;
}

/* The section table is a convenience: where it is missing or broken, the file still runs. */
static void read_sections(struct at_elf *elf)
{
	uint64_t at = AT_ELF_FIELD(elf, 0, Ehdr, e_shoff);
	uint64_t count = AT_ELF_FIELD(elf, 0, Ehdr, e_shnum);
	uint64_t names = AT_ELF_FIELD(elf, 0, Ehdr, e_shstrndx);

	if (AT_ELF_FIELD(elf, 0, Ehdr, e_shentsize) != AT_ELF_SIZE(elf, Shdr) || names >= count)
		return;
	if (!inside(elf, at, count, AT_ELF_SIZE(elf, Shdr)))
		return;
	elf->sections_at = at;
	elf->section_count = (uint32_t)count;
	at += names * AT_ELF_SIZE(elf, Shdr);
	elf->names_at = AT_ELF_FIELD(elf, at, Shdr, sh_offset);
	elf->names_size = AT_ELF_FIELD(elf, at, Shdr, sh_size);
}

static void read_strings(struct at_elf *elf)
{
	uint64_t address;

	if (!at_elf_dynamic(elf, DT_STRTAB, 0, &address))
		return;
	if (!at_elf_offset(elf, address, &elf->strings_at))
		return;
	if (!at_elf_dynamic(elf, DT_STRSZ, 0, &elf->strings_size))
		return;
	if (!inside(elf, elf->strings_at, elf->strings_size, 1))
		elf->strings_size = 0;
}

enum at_elf_result at_elf_open(struct at_elf *elf, const void *data, size_t size)
{
	const uint8_t *ident = data;
	enum at_elf_result result;

	memset(elf, 0, sizeof(*elf));
	elf->data = data;
	elf->size = size;
	if (size < SELFMAG || memcmp(ident, ELFMAG, SELFMAG) != 0)
		return AT_ELF_NOT_ELF;
	if (size < EI_NIDENT)
		return AT_ELF_TRUNCATED;
	if (ident[EI_CLASS] != ELFCLASS32 && ident[EI_CLASS] != ELFCLASS64)
		return AT_ELF_BAD;
	if (ident[EI_DATA] != ELFDATA2LSB && ident[EI_DATA] != ELFDATA2MSB)
		return AT_ELF_BAD;
	elf->wide = ident[EI_CLASS] == ELFCLASS64;
	elf->big_endian = ident[EI_DATA] == ELFDATA2MSB;
	if (size < AT_ELF_SIZE(elf, Ehdr))
		return AT_ELF_TRUNCATED;
	elf->type = (uint16_t)AT_ELF_FIELD(elf, 0, Ehdr, e_type);
	elf->machine = (uint16_t)AT_ELF_FIELD(elf, 0, Ehdr, e_machine);
	result = read_segments(elf);
	if (result != AT_ELF_OK)
		return result;
	read_sections(elf);
	read_strings(elf);
	return AT_ELF_OK;
}

bool at_elf_dynamic(const struct at_elf *elf, int64_t tag, unsigned index, uint64_t *value)
{
	for (uint64_t i = 0; i < elf->dynamic_count; i++) {
		uint64_t at = elf->dynamic_at + i * AT_ELF_SIZE(elf, Dyn);
		uint64_t found = AT_ELF_FIELD(elf, at, Dyn, d_tag);

		if (found == DT_NULL)
			return false;
		if (found != (uint64_t)tag || index-- > 0)
			continue;
		*value = AT_ELF_FIELD(elf, at, Dyn, d_un);
		return true;
	}
	return false;
}

const char *at_elf_dynamic_string(const struct at_elf *elf, int64_t tag, unsigned index)
{
	uint64_t offset;

	if (!at_elf_dynamic(elf, tag, index, &offset))
		return NULL;
	return at_elf_text(elf, elf->strings_at, elf->strings_size, offset);
}

/* File offset of the header of the section with this name, 0 if there is none. */
static uint64_t find_section(const struct at_elf *elf, const char *name)
{
	for (uint32_t i = 0; i < elf->section_count; i++) {
		uint64_t at = elf->sections_at + i * AT_ELF_SIZE(elf, Shdr);
		uint64_t offset = AT_ELF_FIELD(elf, at, Shdr, sh_name);
		const char *found = at_elf_text(elf, elf->names_at, elf->names_size, offset);

		if (found && strcmp(found, name) == 0)
			return at;
	}
	return 0;
}

bool at_elf_has_section(const struct at_elf *elf, const char *name)
{
	return find_section(elf, name) != 0;
}

const uint8_t *at_elf_section(const struct at_elf *elf, const char *name, size_t *size)
{
	uint64_t header = find_section(elf, name);
	uint64_t at, length;

	if (header == 0 || AT_ELF_FIELD(elf, header, Shdr, sh_type) == SHT_NOBITS)
		return NULL;
	at = AT_ELF_FIELD(elf, header, Shdr, sh_offset);
	length = AT_ELF_FIELD(elf, header, Shdr, sh_size);
	if (!inside(elf, at, length, 1))
		return NULL;
	*size = length;
	return elf->data + at;
}

/* Walks the notes in size bytes at this offset. Names and descriptions are padded to four bytes. */
static bool notes_hold(const struct at_elf *elf, uint64_t at, uint64_t size, const char *owner)
{
	uint64_t length = strlen(owner) + 1;
	uint64_t end = at + size;

	if (!inside(elf, at, size, 1))
		return false;
	while (end - at >= sizeof(Elf64_Nhdr)) {
		uint64_t name = AT_ELF_FIELD(elf, at, Nhdr, n_namesz);
		uint64_t rest = AT_ELF_FIELD(elf, at, Nhdr, n_descsz);
		uint64_t whole = sizeof(Elf64_Nhdr) + ((name + 3) & ~3ULL) + ((rest + 3) & ~3ULL);

		if (whole > end - at)
			return false;
		if (name == length &&
		    memcmp(elf->data + at + sizeof(Elf64_Nhdr), owner, length) == 0)
			return true;
		at += whole;
	}
	return false;
}

bool at_elf_has_note(const struct at_elf *elf, const char *owner)
{
	for (uint32_t i = 0; i < elf->segment_count; i++) {
		uint64_t at = elf->segments_at + i * AT_ELF_SIZE(elf, Phdr);

		if (AT_ELF_FIELD(elf, at, Phdr, p_type) != PT_NOTE)
			continue;
		if (notes_hold(elf, AT_ELF_FIELD(elf, at, Phdr, p_offset),
			       AT_ELF_FIELD(elf, at, Phdr, p_filesz), owner))
			return true;
	}
	return false;
}

const char *at_elf_machine_name(const struct at_elf *elf, char *buffer, size_t size)
{
	static const struct {
		uint16_t machine; /* EM_… */
		bool wide;        /* 64-bit class */
		const char *name; /* as uname -m and the distributions call it */
	} names[] = {
		{EM_X86_64, true, "x86_64"},     {EM_X86_64, false, "x32"},
		{EM_386, false, "i386"},         {EM_AARCH64, true, "aarch64"},
		{EM_ARM, false, "arm"},          {EM_RISCV, true, "riscv64"},
		{EM_PPC64, true, "ppc64"},       {EM_S390, true, "s390x"},
		{EM_MIPS, false, "mips"},        {EM_MIPS, true, "mips64"},
		{EM_LOONGARCH, true, "loong64"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].machine == elf->machine && names[i].wide == elf->wide)
			return names[i].name;
	snprintf(buffer, size, "machine %u", elf->machine);
	return buffer;
}
