/*
 * Every question at_elf can be asked, of any bytes. The input is copied to a block of its exact
 * size, so that a read past its end is seen.
 */
#include <elf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/elf.h"
#include "cli/script.h"

/* Most answers of one kind that are asked for. */
#define ANSWERS_MAX 4096

/* Adds up what was read, so that no read is optimised away. */
static volatile unsigned long sum;

static void use(const char *string)
{
	if (string)
		sum += strlen(string);
}

static void read_table(const struct at_elf *elf, const struct at_elf_table *table)
{
	struct at_elf_symbol symbol;

	for (uint64_t i = 0; i < table->count && i < ANSWERS_MAX; i++)
		if (at_elf_symbol(elf, table, i, &symbol))
			use(symbol.name);
}

static void read_all(const struct at_elf *elf)
{
	struct at_elf_table table;
	const char *library, *version;
	const uint8_t *section;
	char name[32];
	size_t size;

	use(elf->interpreter);
	for (unsigned i = 0; i < ANSWERS_MAX && at_elf_dynamic_string(elf, DT_NEEDED, i); i++)
		use(at_elf_dynamic_string(elf, DT_NEEDED, i));
	use(at_elf_dynamic_string(elf, DT_RUNPATH, 0));
	sum += at_elf_has_section(elf, ".go.buildinfo") + at_elf_has_note(elf, "Go");
	section = at_elf_section(elf, ".rodata", &size);
	if (section && size > 0)
		sum += section[0] + section[size - 1];
	if (at_elf_dynamic_symbols(elf, &table))
		read_table(elf, &table);
	if (at_elf_full_symbols(elf, &table))
		read_table(elf, &table);
	for (unsigned i = 0; i < 64 && at_elf_version_needed(elf, i, &library, &version); i++) {
		use(library);
		use(version);
	}
	sum += at_elf_version_defined(elf, "GLIBC_2.34");
	use(at_elf_machine_name(elf, name, sizeof(name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);
	char command[AT_SCRIPT_LINE_MAX];
	struct at_script script;
	struct at_elf elf;

	if (!exact)
		return 0;
	memcpy(exact, data, size);
	if (at_elf_open(&elf, exact, size) == AT_ELF_OK)
		read_all(&elf);
	if (at_script_parse(exact, size, &script)) {
		use(script.interpreter);
		use(script.argument);
		if (at_script_env_command(&script, command))
			use(command);
	}
	free(exact);
	return 0;
}
