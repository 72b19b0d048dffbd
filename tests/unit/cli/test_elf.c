/*
 * Tests of cli/elf.c and cli/elf_symbols.c: files of this system and files made up here, in both
 * classes and byte orders, whole, cut at every byte, and with every byte of their headers changed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/elf.h"
#include "cli/elf_field.h"

/* A file of this system, mapped. */
struct file {
	const uint8_t *data; /* its bytes */
	size_t size;         /* how many */
};

static struct file open_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &status), 0);
	data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_true(data != MAP_FAILED);
	close(fd);
	return (struct file){data, (size_t)status.st_size};
}

static void close_file(struct file file)
{
	munmap((void *)file.data, file.size);
}

/* True if the table holds the name, defined or wanted as asked. */
static bool holds(const struct at_elf *elf, const struct at_elf_table *table, const char *name,
		  bool defined)
{
	struct at_elf_symbol symbol;

	for (uint64_t i = 0; i < table->count; i++)
		if (at_elf_symbol(elf, table, i, &symbol) && symbol.defined == defined &&
		    strcmp(symbol.name, name) == 0)
			return true;
	return false;
}

static bool needs(const struct at_elf *elf, const char *library)
{
	const char *name;

	for (unsigned i = 0; (name = at_elf_dynamic_string(elf, DT_NEEDED, i)); i++)
		if (strcmp(name, library) == 0)
			return true;
	return false;
}

/* Reads everything that can be asked for; a read outside of the file is the sanitizers' to find. */
static void ask_all(const struct at_elf *elf)
{
	struct at_elf_table table;
	const char *library, *version;
	char name[32];
	size_t size;

	for (unsigned i = 0; i < 64 && at_elf_dynamic_string(elf, DT_NEEDED, i); i++)
		;
	at_elf_has_section(elf, ".go.buildinfo");
	at_elf_section(elf, ".rodata", &size);
	at_elf_has_note(elf, "Go");
	if (at_elf_dynamic_symbols(elf, &table))
		holds(elf, &table, "no such symbol", true);
	if (at_elf_full_symbols(elf, &table))
		holds(elf, &table, "no such symbol", true);
	for (unsigned i = 0; i < 64 && at_elf_version_needed(elf, i, &library, &version); i++)
		;
	at_elf_version_defined(elf, "GLIBC_0");
	at_elf_machine_name(elf, name, sizeof(name));
}

static void a_dynamic_program_of_the_system(void **state)
{
	struct file file = open_file("/bin/true");
	struct at_elf_table table;
	const char *library, *version;
	struct at_elf elf;
	char name[32];

	(void)state;
	assert_int_equal(at_elf_open(&elf, file.data, file.size), AT_ELF_OK);
	assert_non_null(elf.interpreter);
	assert_non_null(strstr(elf.interpreter, "/ld"));
	assert_true(needs(&elf, "libc.so.6"));
	assert_false(needs(&elf, "libssl.so.3"));
	assert_true(at_elf_dynamic_symbols(&elf, &table));
	assert_true(holds(&elf, &table, "__libc_start_main", false));
	assert_false(holds(&elf, &table, "__libc_start_main", true));
	assert_true(at_elf_has_section(&elf, ".dynamic"));
	assert_false(at_elf_has_section(&elf, ".go.buildinfo"));
	assert_true(at_elf_has_note(&elf, "GNU"));
	assert_false(at_elf_has_note(&elf, "Go"));
	assert_true(at_elf_version_needed(&elf, 0, &library, &version));
	assert_string_equal(library, "libc.so.6");
	assert_int_equal(strncmp(version, "GLIBC_", 6), 0);
	assert_string_not_equal(at_elf_machine_name(&elf, name, sizeof(name)), "");
	close_file(file);
}

/* This test program is not stripped, so it has both tables. */
static void the_program_itself(void **state)
{
	struct file file = open_file("/proc/self/exe");
	struct at_elf_table table;
	struct at_elf elf;

	(void)state;
	assert_int_equal(at_elf_open(&elf, file.data, file.size), AT_ELF_OK);
	assert_true(needs(&elf, "libcmocka.so.0"));
	assert_true(at_elf_full_symbols(&elf, &table));
	assert_true(holds(&elf, &table, "at_elf_open", true));
	assert_true(at_elf_dynamic_symbols(&elf, &table));
	assert_false(holds(&elf, &table, "at_elf_open", true));
	close_file(file);
}

/* Takes the section table away: what the loader itself uses must do. */
static void symbols_without_a_section_table(void **state)
{
	struct file file = open_file("/proc/self/exe");
	uint8_t *copy = malloc(file.size);
	struct at_elf_table with, without;
	struct at_elf elf;

	(void)state;
	assert_non_null(copy);
	memcpy(copy, file.data, file.size);
	assert_int_equal(at_elf_open(&elf, copy, file.size), AT_ELF_OK);
	assert_true(at_elf_dynamic_symbols(&elf, &with));
	if (elf.wide)
		memset(copy + offsetof(Elf64_Ehdr, e_shoff), 0, sizeof(Elf64_Off));
	else
		memset(copy + offsetof(Elf32_Ehdr, e_shoff), 0, sizeof(Elf32_Off));
	memset(copy + (elf.wide ? offsetof(Elf64_Ehdr, e_shnum) : offsetof(Elf32_Ehdr, e_shnum)), 0,
	       sizeof(Elf64_Half));
	assert_int_equal(at_elf_open(&elf, copy, file.size), AT_ELF_OK);
	assert_false(at_elf_full_symbols(&elf, &without));
	assert_true(at_elf_dynamic_symbols(&elf, &without));
	assert_int_equal(with.count, without.count);
	assert_true(holds(&elf, &without, "_cmocka_run_group_tests", false));
	free(copy);
	close_file(file);
}

static void the_c_library_defines_its_versions(void **state)
{
	struct file file = {0};
	struct at_elf elf;
	char line[1024], path[1024];
	FILE *maps = fopen("/proc/self/maps", "re");

	(void)state;
	assert_non_null(maps);
	while (!file.data && fgets(line, sizeof(line), maps))
		if (strstr(line, "/libc.so.6") &&
		    sscanf(line, "%*s %*s %*s %*s %*s %1023s", path) == 1)
			file = open_file(path);
	fclose(maps);
	assert_non_null(file.data);
	assert_int_equal(at_elf_open(&elf, file.data, file.size), AT_ELF_OK);
	assert_true(at_elf_version_defined(&elf, "GLIBC_2.17"));
	assert_false(at_elf_version_defined(&elf, "GLIBC_9.99"));
	assert_string_equal(at_elf_dynamic_string(&elf, DT_SONAME, 0), "libc.so.6");
	close_file(file);
}

/* A file made up of a header, PT_INTERP, PT_NOTE and two sections, in any class and byte order. */
struct image {
	uint8_t data[1024]; /* the file */
	size_t size;        /* bytes of it */
	bool wide;          /* 64-bit class */
	bool big;           /* most significant byte first */
};

static void add(struct image *image, uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++) {
		size_t shift = 8 * (image->big ? width - 1 - i : i);

		image->data[image->size++] = (uint8_t)(value >> shift);
	}
}

/* A number as wide as an address. */
static void add_word(struct image *image, uint64_t value)
{
	add(image, value, image->wide ? 8 : 4);
}

static void add_text(struct image *image, const char *text, size_t size)
{
	memcpy(image->data + image->size, text, size);
	image->size += size;
}

static void add_segment(struct image *image, uint32_t type, uint64_t at, uint64_t size)
{
	add(image, type, 4);
	if (image->wide)
		add(image, PF_R, 4);
	add_word(image, at);
	add_word(image, 0);
	add_word(image, 0);
	add_word(image, size);
	add_word(image, size);
	if (!image->wide)
		add(image, PF_R, 4);
	add_word(image, 4);
}

static void add_section(struct image *image, uint32_t name, uint32_t type, uint64_t at,
			uint64_t size)
{
	add(image, name, 4);
	add(image, type, 4);
	add_word(image, 0);
	add_word(image, 0);
	add_word(image, at);
	add_word(image, size);
	add(image, 0, 4);
	add(image, 0, 4);
	add_word(image, 1);
	add_word(image, 0);
}

#define INTERPRETER "/lib/ld-musl-test.so.1"
#define NAMES       "\0.names\0.go.buildinfo"

static struct image make_image(bool wide, bool big)
{
	struct image image = {.wide = wide, .big = big};
	size_t header = wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr);
	size_t segment = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
	size_t section = wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
	size_t interpreter = header + 2 * segment;
	size_t note = interpreter + sizeof(INTERPRETER);
	size_t names = note + 16;
	size_t sections = names + sizeof(NAMES);

	add_text(&image, ELFMAG, SELFMAG);
	add(&image, wide ? ELFCLASS64 : ELFCLASS32, 1);
	add(&image, big ? ELFDATA2MSB : ELFDATA2LSB, 1);
	add(&image, EV_CURRENT, 1);
	add_text(&image, "\0\0\0\0\0\0\0\0\0", 9);
	add(&image, ET_EXEC, 2);
	add(&image, EM_S390, 2);
	add(&image, EV_CURRENT, 4);
	add_word(&image, 0);
	add_word(&image, header);
	add_word(&image, sections);
	add(&image, 0, 4);
	add(&image, header, 2);
	add(&image, segment, 2);
	add(&image, 2, 2);
	add(&image, section, 2);
	add(&image, 3, 2);
	add(&image, 1, 2);
	add_segment(&image, PT_INTERP, interpreter, sizeof(INTERPRETER));
	add_segment(&image, PT_NOTE, note, 16);
	add_text(&image, INTERPRETER, sizeof(INTERPRETER));
	add(&image, 3, 4);
	add(&image, 0, 4);
	add(&image, 4, 4);
	add_text(&image, "Go\0\0", 4);
	add_text(&image, NAMES, sizeof(NAMES));
	add_section(&image, 0, SHT_NULL, 0, 0);
	add_section(&image, 1, SHT_STRTAB, names, sizeof(NAMES));
	add_section(&image, 8, SHT_PROGBITS, names, 4);
	return image;
}

static void every_class_and_byte_order(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct image image = make_image(kind & 1, kind & 2);
		struct at_elf elf;
		size_t size = 0;
		char name[32];

		assert_int_equal(at_elf_open(&elf, image.data, image.size), AT_ELF_OK);
		assert_int_equal(elf.wide, (bool)(kind & 1));
		assert_int_equal(elf.machine, EM_S390);
		assert_int_equal(elf.type, ET_EXEC);
		assert_string_equal(elf.interpreter, INTERPRETER);
		assert_true(at_elf_has_note(&elf, "Go"));
		assert_false(at_elf_has_note(&elf, "GNU"));
		assert_true(at_elf_has_section(&elf, ".go.buildinfo"));
		assert_false(at_elf_has_section(&elf, ".go"));
		assert_non_null(at_elf_section(&elf, ".go.buildinfo", &size));
		assert_int_equal(size, 4);
		assert_string_equal(at_elf_machine_name(&elf, name, sizeof(name)),
				    kind & 1 ? "s390x" : "machine 22");
	}
}

static void what_is_no_elf_file(void **state)
{
	struct at_elf elf;

	(void)state;
	assert_int_equal(at_elf_open(&elf, NULL, 0), AT_ELF_NOT_ELF);
	assert_int_equal(at_elf_open(&elf, "#!/bin/sh\n", 10), AT_ELF_NOT_ELF);
	assert_int_equal(at_elf_open(&elf, "\177EL", 3), AT_ELF_NOT_ELF);
	assert_int_equal(at_elf_open(&elf, "\177ELF", 4), AT_ELF_TRUNCATED);
	assert_int_equal(at_elf_open(&elf, "\177ELF\3\1\1\0\0\0\0\0\0\0\0\0", 16), AT_ELF_BAD);
	assert_int_equal(at_elf_open(&elf, "\177ELF\2\3\1\0\0\0\0\0\0\0\0\0", 16), AT_ELF_BAD);
}

static void a_string_without_an_end(void **state)
{
	struct image image = make_image(true, false);
	struct at_elf elf;

	(void)state;
	image.data[sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) + sizeof(INTERPRETER) - 1] = 'x';
	assert_int_equal(at_elf_open(&elf, image.data, image.size), AT_ELF_TRUNCATED);
}

static void reading_at_the_edge(void **state)
{
	const struct at_elf elf = {.data = (const uint8_t *)"\1\2\3\4", .size = 4};

	(void)state;
	assert_int_equal(at_elf_read(&elf, 0, 4), 0x04030201);
	assert_int_equal(at_elf_read(&elf, 1, 4), 0);
	assert_int_equal(at_elf_read(&elf, 4, 1), 0);
	assert_int_equal(at_elf_read(&elf, UINT64_MAX, 2), 0);
	assert_null(at_elf_text(&elf, 0, 4, 0));
	assert_null(at_elf_text(&elf, 0, 5, 0));
	assert_null(at_elf_text(&elf, UINT64_MAX, 1, 0));
	assert_null(at_elf_text(&elf, 0, 4, 4));
}

/* Each cut lies at the end of a block of its own, so that a read past it is seen by the sanitizers.
 */
static void cut_at_every_byte(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct image image = make_image(kind & 1, kind & 2);

		for (size_t size = 0; size < image.size; size++) {
			uint8_t *cut = malloc(size ? size : 1);
			enum at_elf_result result;
			struct at_elf elf;

			assert_non_null(cut);
			memcpy(cut, image.data, size);
			result = at_elf_open(&elf, cut, size);
			assert_true(size >= SELFMAG || result == AT_ELF_NOT_ELF);
			assert_false(at_elf_open(&elf, cut, size) == AT_ELF_OK &&
				     at_elf_has_section(&elf, ".go.buildinfo"));
			if (result == AT_ELF_OK)
				ask_all(&elf);
			free(cut);
		}
	}
}

/* The real program cut at every byte of its first pages and of its end, where the tables are. */
static void a_real_program_cut(void **state)
{
	struct file file = open_file("/bin/true");
	struct at_elf elf;

	(void)state;
	for (size_t size = 0; size < file.size;
	     size += size < 4096 || size + 4096 > file.size ? 1 : 61) {
		uint8_t *cut = malloc(size ? size : 1);

		assert_non_null(cut);
		memcpy(cut, file.data, size);
		if (at_elf_open(&elf, cut, size) == AT_ELF_OK)
			ask_all(&elf);
		free(cut);
	}
	close_file(file);
}

static void every_header_byte_changed(void **state)
{
	static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct image image = make_image(kind & 1, kind & 2);
		uint8_t *copy = malloc(image.size);

		assert_non_null(copy);
		for (size_t at = 0; at < image.size; at++) {
			for (size_t i = 0; i < sizeof(values); i++) {
				struct at_elf elf;

				memcpy(copy, image.data, image.size);
				copy[at] = values[i];
				if (at_elf_open(&elf, copy, image.size) == AT_ELF_OK)
					ask_all(&elf);
			}
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dynamic_program_of_the_system),
		cmocka_unit_test(the_program_itself),
		cmocka_unit_test(symbols_without_a_section_table),
		cmocka_unit_test(the_c_library_defines_its_versions),
		cmocka_unit_test(every_class_and_byte_order),
		cmocka_unit_test(what_is_no_elf_file),
		cmocka_unit_test(a_string_without_an_end),
		cmocka_unit_test(reading_at_the_edge),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(a_real_program_cut),
		cmocka_unit_test(every_header_byte_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
