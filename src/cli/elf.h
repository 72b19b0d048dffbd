/*
 * A reader of ELF files: the little of a program or library that decides whether a preload reaches
 * it.
 *
 * Pure: works on a range of bytes in memory, allocates nothing, follows nothing outside of the
 * range. All bytes are foreign: every field is read through one bounds-checked function, every loop
 * is bounded, and what lies outside reads as 0 or NULL. 32 and 64 bit, both byte orders. Any
 * thread. Follows the System V ABI's "Object Files" chapter and the GNU extensions (GNU hash,
 * symbol versions).
 */
#ifndef AT_CLI_ELF_H
#define AT_CLI_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What at_elf_open says about the bytes. */
enum at_elf_result {
	AT_ELF_OK,        /* a complete header and complete header tables */
	AT_ELF_NOT_ELF,   /* does not begin with the ELF magic */
	AT_ELF_TRUNCATED, /* begins like one, but a header or table lies outside the file */
	AT_ELF_BAD,       /* a class, byte order or entry size that the format does not know */
};

/* One opened file. The bytes belong to the caller and must outlive it. */
struct at_elf {
	const uint8_t *data;     /* the whole file */
	size_t size;             /* bytes in data */
	bool wide;               /* 64-bit class */
	bool big_endian;         /* byte order of the fields */
	uint16_t type;           /* e_type: ET_EXEC, ET_DYN, … */
	uint16_t machine;        /* e_machine: EM_X86_64, … */
	uint64_t segments_at;    /* file offset of the program header table */
	uint32_t segment_count;  /* entries in it */
	uint64_t sections_at;    /* file offset of the section header table; 0: stripped off */
	uint32_t section_count;  /* entries in it */
	uint64_t names_at;       /* file offset of the section names */
	uint64_t names_size;     /* bytes in them */
	const char *interpreter; /* PT_INTERP: the dynamic loader; NULL: none */
	uint64_t dynamic_at;     /* file offset of the dynamic table */
	uint64_t dynamic_count;  /* entries in it, 0: none */
	uint64_t strings_at;     /* file offset of the dynamic string table */
	uint64_t strings_size;   /* bytes in it */
};

/* A symbol table with its strings, both within the file. */
struct at_elf_table {
	uint64_t symbols_at;   /* file offset of entry 0 */
	uint64_t count;        /* entries */
	uint64_t strings_at;   /* file offset of the names */
	uint64_t strings_size; /* bytes of names */
};

/* One symbol. */
struct at_elf_symbol {
	const char *name; /* terminated, inside the file */
	bool defined;     /* false: wanted from another object */
	bool global;      /* bound global, weak or unique, and of default visibility */
};

/* Reads the headers of size bytes at data. On anything but AT_ELF_OK *elf must not be used. */
enum at_elf_result at_elf_open(struct at_elf *elf, const void *data, size_t size);

/* The index-th entry with this tag (DT_…) of the dynamic table. False: there is none. */
bool at_elf_dynamic(const struct at_elf *elf, int64_t tag, unsigned index, uint64_t *value);

/* The same for an entry that is a string (DT_NEEDED, DT_RUNPATH, …). NULL: none, or not a string.
 */
const char *at_elf_dynamic_string(const struct at_elf *elf, int64_t tag, unsigned index);

/* True if a section has this name. Finds nothing in files whose section table is stripped. */
bool at_elf_has_section(const struct at_elf *elf, const char *name);

/* The bytes of the named section; NULL: none, or it lies outside of the file. */
const uint8_t *at_elf_section(const struct at_elf *elf, const char *name, size_t *size);

/* True if a PT_NOTE segment holds a note of this owner ("Go", "GNU", …). Works on stripped files.
 */
bool at_elf_has_note(const struct at_elf *elf, const char *owner);

/* The symbols the dynamic loader sees. False: none. Works without a section table. */
bool at_elf_dynamic_symbols(const struct at_elf *elf, struct at_elf_table *table);

/* The full symbol table of a file that is not stripped. False: none. */
bool at_elf_full_symbols(const struct at_elf *elf, struct at_elf_table *table);

/* Symbol number index of table. False: no such symbol, or it has no name. */
bool at_elf_symbol(const struct at_elf *elf, const struct at_elf_table *table, uint64_t index,
		   struct at_elf_symbol *symbol);

/*
 * The index-th symbol version the file needs: *library is the name it needs it from ("libc.so.6"),
 * *version the version ("GLIBC_2.34"). False: no more. Versions marked weak are left out.
 */
bool at_elf_version_needed(const struct at_elf *elf, unsigned index, const char **library,
			   const char **version);

/* True if the file defines symbols of this version. */
bool at_elf_version_defined(const struct at_elf *elf, const char *version);

/* "x86_64", "aarch64", … with the class where the machine alone does not say it; "machine N" else.
 */
const char *at_elf_machine_name(const struct at_elf *elf, char *buffer, size_t size);

#endif
