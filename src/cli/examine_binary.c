/*
 * Examiners of the program's file: can a dynamic loader put our library into it? Fed by examine.c.
 */
#include "cli/examine.h"
#include "cli/path.h"

#include <elf.h>
#include <stdint.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Why secure execution matters. */
static const char secure_why[] =
	"secure execution: the loader drops LD_PRELOAD from programs that gain privileges";

void at_examine_format(const struct at_subject *subject, struct at_report *report)
{
	const struct at_module *file = &subject->files.items[0];

	if (file->result == AT_ELF_TRUNCATED)
		at_report_add(report, AT_LEVEL_CANNOT, "format", NULL,
			      "damaged: %s ends in the middle of its ELF headers", file->path);
	else if (file->result == AT_ELF_BAD)
		at_report_add(report, AT_LEVEL_CANNOT, "format", NULL,
			      "damaged: the ELF headers of %s make no sense", file->path);
	else if (file->elf.type != ET_EXEC && file->elf.type != ET_DYN)
		at_report_add(report, AT_LEVEL_CANNOT, "format", NULL,
			      "not a program: %s is an object file or a core dump", file->path);
}

void at_examine_machine(const struct at_subject *subject, struct at_report *report)
{
	const struct at_module *program = at_subject_program(subject);
	const struct at_elf *ours = &subject->library.elf;
	char a[32], b[32];

	if (!program)
		return;
	if (!subject->library.path) {
		at_report_add(report, AT_LEVEL_NOTE, "library",
			      "name it with --lib; its machine and libc were not compared",
			      "libautotrace.so was not found: %s",
			      at_text_get(&subject->library_where));
		return;
	}
	if (subject->library.result != AT_ELF_OK) {
		at_report_add(report, AT_LEVEL_CANNOT, "library", NULL,
			      "out of reach: %s is not a shared library", subject->library.path);
		return;
	}
	if (ours->machine == program->elf.machine && ours->wide == program->elf.wide)
		return;
	at_report_add(report, AT_LEVEL_CANNOT, "machine",
		      "a process loads libraries of its own machine only",
		      "built for %s while libautotrace.so is built for %s",
		      at_elf_machine_name(&program->elf, a, sizeof(a)),
		      at_elf_machine_name(ours, b, sizeof(b)));
}

void at_examine_linking(const struct at_subject *subject, struct at_report *report)
{
	static const char why[] = "no dynamic loader runs, so LD_PRELOAD has no effect";
	const struct at_module *program = at_subject_program(subject);
	const char *interpreter = program ? program->elf.interpreter : NULL;
	uint64_t flags = 0;

	if (!program)
		return;
	if (!interpreter) {
		at_elf_dynamic(&program->elf, DT_FLAGS_1, 0, &flags);
		if (program->elf.type == ET_EXEC)
			at_report_add(report, AT_LEVEL_CANNOT, "linking", why, "statically linked");
		else if (flags & DF_1_PIE)
			at_report_add(report, AT_LEVEL_CANNOT, "linking", why,
				      "statically linked, as a static-pie");
		else
			at_report_add(report, AT_LEVEL_CANNOT, "linking", NULL,
				      "a shared library, not a program");
	} else if (strstr(interpreter, "/ld-musl")) {
		report->harmful = true;
		at_report_add(report, AT_LEVEL_CANNOT, "linking",
			      "libautotrace.so is built for glibc; musl's loader cannot load it",
			      "linked with musl libc");
	} else if (subject->process.pid == 0 && access(interpreter, F_OK) != 0) {
		at_report_add(report, AT_LEVEL_CANNOT, "linking", "it does not run either",
			      "without its dynamic loader: there is no file %s", interpreter);
	}
}

void at_examine_golang(const struct at_subject *subject, struct at_report *report)
{
	const struct at_module *program = at_subject_program(subject);

	if (!program)
		return;
	if (at_elf_has_section(&program->elf, ".note.go.buildid") ||
	    at_elf_has_section(&program->elf, ".go.buildinfo") ||
	    at_elf_has_note(&program->elf, "Go"))
		at_report_add(report, AT_LEVEL_CANNOT, "language",
			      "its runtime asks the kernel itself and does not call libc",
			      "written in Go");
}

/* Secure execution as the kernel decides it at exec; a running process carries the decision with
 * it. */
void at_examine_privilege(const struct at_subject *subject, struct at_report *report)
{
	const struct at_module *program = at_subject_program(subject);
	const struct stat *status = program ? &program->status : NULL;
	bool mine = subject->launching;

	if (!program)
		return;
	if (subject->process.pid != 0) {
		if (at_process_secure(&subject->process, program->elf.wide))
			at_report_add(report, AT_LEVEL_CANNOT, "privilege", secure_why,
				      "in secure execution");
		return;
	}
	if ((status->st_mode & S_ISUID) && !(mine && status->st_uid == getuid()))
		at_report_add(report, AT_LEVEL_CANNOT, "privilege", secure_why,
			      "set-uid to user %u", (unsigned)status->st_uid);
	if ((status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
	    !(mine && status->st_gid == getgid()))
		at_report_add(report, AT_LEVEL_CANNOT, "privilege", secure_why,
			      "set-gid to group %u", (unsigned)status->st_gid);
	if (getxattr(program->path, "security.capability", NULL, 0) > 0 && !(mine && getuid() == 0))
		at_report_add(report, AT_LEVEL_CANNOT, "privilege", secure_why,
			      "given file capabilities");
}

/* A library that asks for a version the C library lacks keeps the whole program from starting. */
void at_examine_libc(const struct at_subject *subject, struct at_report *report)
{
	const struct at_module *libc = at_subject_library(subject, "libc.so.6");
	const char *library, *version;

	if (!libc || subject->library.result != AT_ELF_OK || !subject->library.path)
		return;
	for (unsigned i = 0; at_elf_version_needed(&subject->library.elf, i, &library, &version);
	     i++) {
		if (strcmp(library, "libc.so.6") != 0 ||
		    at_elf_version_defined(&libc->elf, version))
			continue;
		report->harmful = true;
		at_report_add(report, AT_LEVEL_CANNOT, "libc",
			      "with the preload it would not start",
			      "linked with a C library that is too old: libautotrace.so needs %s, "
			      "%s does not have it",
			      version, libc->path);
		return;
	}
}
