/*
 * Library search; see needed.h. Fed by subject.c and examine.c. Candidates for another class or
 * machine are passed over, as the loader does. Owns nothing. Not its job: dlopen'ed plug-ins, which
 * no file announces.
 */
#include "cli/needed.h"

#include "cli/path.h"

#include <dirent.h>
#include <elf.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How deep ld.so.conf files may include each other. */
#define INCLUDE_DEPTH 4

/* A search in progress. */
struct search {
	const struct at_module
		*program; /* the candidate must fit it, and its RPATH holds for all */
	const struct at_module *wanting; /* the file that names the library */
	const char *name;                /* file name wanted */
	struct at_module *found;         /* filled on success */
};

/* The C library's own directories, by the machine they hold code for. */
static const struct {
	uint16_t machine;        /* EM_… */
	bool wide;               /* 64-bit class */
	const char *directories; /* colon separated */
} defaults[] = {
	{EM_X86_64, true, "/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:/lib64:/usr/lib64"},
	{EM_AARCH64, true, "/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:/lib64:/usr/lib64"},
	{EM_386, false, "/lib/i386-linux-gnu:/usr/lib/i386-linux-gnu:/lib32:/usr/lib32"},
	{EM_ARM, false, "/lib/arm-linux-gnueabihf:/usr/lib/arm-linux-gnueabihf"},
	{EM_RISCV, true, "/lib/riscv64-linux-gnu:/usr/lib/riscv64-linux-gnu:/lib64/lp64d"},
	{EM_PPC64, true, "/lib/powerpc64le-linux-gnu:/usr/lib/powerpc64le-linux-gnu:/lib64"},
	{EM_S390, true, "/lib/s390x-linux-gnu:/usr/lib/s390x-linux-gnu:/lib64:/usr/lib64"},
};

static bool try_file(const struct search *search, const char *path)
{
	const struct at_elf *program = &search->program->elf;
	struct at_module candidate;

	if (at_module_open(&candidate, path) != 0)
		return false;
	if (candidate.result != AT_ELF_OK || candidate.elf.wide != program->wide ||
	    candidate.elf.machine != program->machine) {
		at_module_close(&candidate);
		return false;
	}
	*search->found = candidate;
	return true;
}

/* Adds one directory with $ORIGIN and $LIB replaced; origin is the file that carries the path. */
static void add_expanded(struct at_text *out, const char *at, size_t size, const char *origin)
{
	const char *end = at + size;

	while (at < end) {
		size_t left = (size_t)(end - at);

		if (left >= 7 && memcmp(at, "$ORIGIN", 7) == 0) {
			at_text_addf(out, "%.*s", (int)(at_path_base(origin) - origin), origin);
			at += 7;
		} else if (left >= 9 && memcmp(at, "${ORIGIN}", 9) == 0) {
			at_text_addf(out, "%.*s", (int)(at_path_base(origin) - origin), origin);
			at += 9;
		} else {
			at_text_add(out, at++, 1);
		}
	}
}

/* Tries each directory of a list separated by colons (or semicolons). */
static bool try_list(const struct search *search, const char *list, const char *origin)
{
	while (list && *list) {
		size_t size = strcspn(list, ":;");
		struct at_text path = {0};
		bool found;

		add_expanded(&path, list, size, origin);
		at_text_addf(&path, "%s%s", size > 0 ? "/" : "", search->name);
		found = try_file(search, path.data);
		at_text_free(&path);
		if (found)
			return true;
		list += size + (list[size] != '\0');
	}
	return false;
}

static bool try_conf(const struct search *search, const char *path, int depth);

/* The pattern's last part may hold wildcards, as in /etc/ld.so.conf.d; its directory may not. */
static bool try_include(const struct search *search, const char *pattern, int depth)
{
	const char *base = at_path_base(pattern);
	struct at_text directory = {0};
	struct dirent **entries = NULL;
	bool found = false;
	int count;

	at_text_addf(&directory, "%.*s", (int)(base - pattern), pattern);
	count = scandir(at_text_get(&directory), &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		struct at_text path = {0};

		at_text_addf(&path, "%s%s", at_text_get(&directory), entries[i]->d_name);
		if (!found && fnmatch(base, entries[i]->d_name, FNM_PERIOD) == 0)
			found = try_conf(search, path.data, depth - 1);
		at_text_free(&path);
		free(entries[i]);
	}
	free(entries);
	at_text_free(&directory);
	return found;
}

/* Tries the directories that a file like /etc/ld.so.conf lists. */
static bool try_conf(const struct search *search, const char *path, int depth)
{
	FILE *file = depth > 0 ? fopen(path, "re") : NULL;
	char line[4096];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file)) {
		char *word = line + strspn(line, " \t");

		word[strcspn(word, "#\n")] = '\0';
		if (strncmp(word, "include", 7) == 0 && (word[7] == ' ' || word[7] == '\t')) {
			word += 7 + strspn(word + 7, " \t");
			word[strcspn(word, " \t")] = '\0';
			found = try_include(search, word, depth);
		} else if (*word != '\0') {
			word[strcspn(word, " \t=")] = '\0';
			found = try_list(search, word, path);
		}
	}
	fclose(file);
	return found;
}

static bool try_defaults(const struct search *search)
{
	const struct at_elf *elf = &search->program->elf;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (defaults[i].machine == elf->machine && defaults[i].wide == elf->wide &&
		    try_list(search, defaults[i].directories, "/"))
			return true;
	return try_list(search, "/lib:/usr/lib", "/");
}

/* RPATH counts only where there is no RUNPATH. */
static const char *rpath_of(const struct at_module *module)
{
	if (at_elf_dynamic_string(&module->elf, DT_RUNPATH, 0))
		return NULL;
	return at_elf_dynamic_string(&module->elf, DT_RPATH, 0);
}

static bool find(const struct search *search, const char *library_path)
{
	const struct at_module *program = search->program;
	const struct at_module *wanting = search->wanting;
	const char *runpath = at_elf_dynamic_string(&wanting->elf, DT_RUNPATH, 0);

	if (strchr(search->name, '/'))
		return try_file(search, search->name);
	if (!runpath && (try_list(search, rpath_of(wanting), wanting->path) ||
			 try_list(search, rpath_of(program), program->path)))
		return true;
	return try_list(search, library_path, program->path) ||
	       try_list(search, runpath, wanting->path) ||
	       try_conf(search, "/etc/ld.so.conf", INCLUDE_DEPTH) || try_defaults(search);
}

bool at_needed_find(const struct at_module *program, const char *name, const char *library_path,
		    struct at_module *found)
{
	struct search search = {program, program, name, found};

	return find(&search, library_path);
}

/* True if a library of this name is in the list: asked first, so that a file is searched for once.
 */
static bool known(const struct at_module_list *list, const char *name)
{
	for (unsigned i = 1; i < list->count; i++) {
		const char *soname = at_elf_dynamic_string(&list->items[i].elf, DT_SONAME, 0);

		if (strcmp(at_path_base(list->items[i].path), name) == 0)
			return true;
		if (soname && strcmp(soname, name) == 0)
			return true;
	}
	return false;
}

void at_needed_load(struct at_module_list *list, const char *library_path, struct at_text *missing)
{
	for (unsigned i = 0; i < list->count; i++) {
		for (unsigned n = 0; n < AT_MODULE_MAX; n++) {
			struct at_elf *elf = &list->items[i].elf;
			const char *name = at_elf_dynamic_string(elf, DT_NEEDED, n);
			struct at_module found;
			struct search search;

			if (!name)
				break;
			if (known(list, name))
				continue;
			search = (struct search){&list->items[0], &list->items[i], name, &found};
			if (find(&search, library_path))
				at_module_list_add(list, &found);
			else
				at_text_addf(missing, "%s\n", name);
		}
	}
}
