/*
 * The one way to read an ELF field, shared by elf.c and elf_symbols.c only. Offsets and widths come
 * from the system's <elf.h>, for the class of the file at hand; what lies outside of the file reads
 * as 0.
 */
#ifndef AT_CLI_ELF_FIELD_H
#define AT_CLI_ELF_FIELD_H

#include "cli/elf.h"

#include <elf.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

/* sizeof one structure (Ehdr, Phdr, …) in the class of this file. */
#define AT_ELF_SIZE(elf, S) ((elf)->wide ? sizeof(Elf64_##S) : sizeof(Elf32_##S))

/* Member f of the structure S at file offset at. */
#define AT_ELF_FIELD(elf, at, S, f)                                                                \
	at_elf_read((elf), (at) + ((elf)->wide ? offsetof(Elf64_##S, f) : offsetof(Elf32_##S, f)), \
		    (elf)->wide ? sizeof(((Elf64_##S *)0)->f) : sizeof(((Elf32_##S *)0)->f))

/* width (at most 8) bytes at offset at as one number in the file's byte order; 0 outside of the
 * file. */
uint64_t at_elf_read(const struct at_elf *elf, uint64_t at, size_t width);

/* The string at offset of a table of limit bytes at `at`. NULL: outside, or not terminated inside.
 */
const char *at_elf_text(const struct at_elf *elf, uint64_t at, uint64_t limit, uint64_t offset);

/* File offset of a loaded address. False: no segment holds it, or not in this file. */
bool at_elf_offset(const struct at_elf *elf, uint64_t address, uint64_t *offset);

#endif
