/*
 * Examiners of what the program calls: which interposed functions, which TLS library, io_uring.
 * They compare the symbols of the program and its libraries with what our library interposes. Fed
 * by examine.c.
 */
#include "cli/examine.h"
#include "cli/library.h"
#include "cli/path.h"

#include <stdint.h>
#include <string.h>

/* Names listed of one file before "and N more". */
#define NAMES_SHOWN 12

/* Beginnings of files that make up the C library: their own calls stay inside. */
static const char *const libc_files[] = {"libc.so.", "ld-linux", "libpthread.so.", "libresolv.so.",
					 AT_LIBRARY_NAME};

static bool begins(const char *string, const char *with)
{
	return strncmp(string, with, strlen(with)) == 0;
}

static bool part_of_libc(const struct at_module *file)
{
	const char *name = at_path_base(file->path);

	for (size_t i = 0; i < sizeof(libc_files) / sizeof(libc_files[0]); i++)
		if (begins(name, libc_files[i]))
			return true;
	return false;
}

/* True if the table holds the symbol, defined or wanted as asked. */
static bool table_has(const struct at_elf *elf, const struct at_elf_table *table, const char *name,
		      bool defined)
{
	struct at_elf_symbol symbol;

	for (uint64_t i = 0; i < table->count; i++)
		if (at_elf_symbol(elf, table, i, &symbol) && symbol.defined == defined &&
		    strcmp(symbol.name, name) == 0)
			return true;
	return false;
}

static bool imports(const struct at_module *file, const char *name)
{
	struct at_elf_table table;

	return at_elf_dynamic_symbols(&file->elf, &table) &&
	       table_has(&file->elf, &table, name, false);
}

static bool defines(const struct at_module *file, const char *name)
{
	struct at_elf_table table;

	if (at_elf_dynamic_symbols(&file->elf, &table) && table_has(&file->elf, &table, name, true))
		return true;
	return at_elf_full_symbols(&file->elf, &table) && table_has(&file->elf, &table, name, true);
}

/* Says which interposed functions one file imports. */
static void list_calls(const struct at_subject *subject, const struct at_module *file,
		       struct at_report *report)
{
	struct at_elf_table table;
	struct at_elf_symbol symbol;
	struct at_text names = {0};
	unsigned count = 0;

	if (!at_elf_dynamic_symbols(&file->elf, &table))
		return;
	for (uint64_t i = 0; i < table.count; i++) {
		if (!at_elf_symbol(&file->elf, &table, i, &symbol) || symbol.defined ||
		    !at_subject_interposes(subject, symbol.name))
			continue;
		if (count++ < NAMES_SHOWN)
			at_text_addf(&names, " %s", symbol.name);
	}
	if (count > NAMES_SHOWN)
		at_text_addf(&names, " and %u more", count - NAMES_SHOWN);
	if (count > 0)
		at_report_add(report, AT_LEVEL_NOTE, "calls", NULL, "%s calls%s",
			      at_path_base(file->path), at_text_get(&names));
	at_text_free(&names);
}

void at_examine_calls(const struct at_subject *subject, struct at_report *report)
{
	bool serves = false, asks = false;

	if (subject->missing.size > 0)
		at_report_add(report, AT_LEVEL_NOTE, "libraries", "it would not start here",
			      "not found: %.*s", (int)strcspn(subject->missing.data, "\n"),
			      subject->missing.data);
	for (unsigned i = 0; i < subject->files.count; i++) {
		const struct at_module *file = &subject->files.items[i];

		if (part_of_libc(file))
			continue;
		serves = serves || imports(file, "accept") || imports(file, "accept4");
		asks = asks || imports(file, "connect");
	}
	at_report_add(report, AT_LEVEL_NOTE, "network", NULL, "%s",
		      serves && asks ? "takes connections and makes connections"
		      : serves       ? "takes connections, makes none"
		      : asks         ? "makes connections, takes none"
				     : "no network calls in the files it is started with; what is "
				       "loaded later may make some");
	for (unsigned i = 0; i < subject->files.count; i++)
		if (!part_of_libc(&subject->files.items[i]))
			list_calls(subject, &subject->files.items[i], report);
}

/* rustls leaves no symbols, but the paths of its sources stay in the panic messages. */
static bool holds_rustls(const struct at_module *program)
{
	size_t size;
	const uint8_t *data = at_elf_section(&program->elf, ".rodata", &size);

	return data && memmem(data, size, "/rustls-0.", 10);
}

static void found_tls(const struct at_subject *subject, const struct at_module *file,
		      const char *function, const char *name, struct at_report *report)
{
	if (at_subject_interposes(subject, function))
		at_report_add(report, AT_LEVEL_NOTE, "TLS", NULL, "%s in %s: its plaintext is seen",
			      name, file->path);
	else
		at_report_add(report, AT_LEVEL_NOTE, "TLS", NULL,
			      "%s in %s: this version does not look inside TLS connections", name,
			      file->path);
}

void at_examine_tls(const struct at_subject *subject, struct at_report *report)
{
	static const struct {
		const char *file;     /* beginning of the shared library's file name */
		const char *function; /* what reads plaintext from it */
		const char *name;     /* for people */
	} libraries[] = {
#define X(file, function, name) {file, function, name},
#include "cli/tls.def"
#undef X
	};
	const struct at_module *program = at_subject_program(subject);
	bool found = false;

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		for (unsigned n = 1; n < subject->files.count; n++) {
			if (!begins(at_path_base(subject->files.items[n].path), libraries[i].file))
				continue;
			found_tls(subject, &subject->files.items[n], libraries[i].function,
				  libraries[i].name, report);
			found = true;
		}
		if (!defines(program, libraries[i].function))
			continue;
		found = true;
		/* What the bridge to Node finds its way by. */
		if (defines(program, "napi_run_script") && defines(program, "ssl3_read")) {
			at_report_add(report, AT_LEVEL_NOTE, "TLS", NULL,
				      "%s is inside Node, whose bridge sees its plaintext",
				      libraries[i].name);
			continue;
		}
		at_report_add(
			report, AT_LEVEL_PARTLY, "TLS",
			"no call of it goes through the loader, so TLS connections stay unseen",
			"%s is inside the executable", libraries[i].name);
	}
	if (holds_rustls(program))
		at_report_add(report, AT_LEVEL_PARTLY, "TLS", "TLS connections stay unseen",
			      "rustls is inside the executable");
	else if (!found)
		at_report_add(report, AT_LEVEL_NOTE, "TLS", NULL,
			      "no TLS library among the files it is started with");
}

void at_examine_uring(const struct at_subject *subject, struct at_report *report)
{
	for (unsigned i = 0; i < subject->files.count; i++) {
		const struct at_module *file = &subject->files.items[i];

		if (!begins(at_path_base(file->path), "liburing.so") &&
		    !defines(file, "io_uring_queue_init") && !imports(file, "io_uring_queue_init"))
			continue;
		at_report_add(report, AT_LEVEL_PARTLY, "io_uring",
			      "what it reads and writes that way goes past libc and stays unseen",
			      "can use io_uring, through %s", at_path_base(file->path));
		return;
	}
}
