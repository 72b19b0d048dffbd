/*
 * Looks through the relocations of one object for a function's name, and writes another address
 * there. Tables that the loader has made read-only are opened for the moment of the write.
 */
#include "bridge/import_table.h"

#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "libc/sys.h"

#define PAGE 4096ul

/* What is looked for. */
struct wish {
	const char *object, *name;
	void *function;
	bool met;
};

/* The tables of one object. */
struct tables {
	uintptr_t base; /* what its addresses are relative to */
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * rela[2]; /* data and functions */
	size_t bytes[2];
	uintptr_t relro, relro_end; /* made read-only by the loader */
};

static bool holds(const char *text, const char *part)
{
	return text && strstr(text, part);
}

/* The dynamic section's addresses are absolute after loading with glibc, relative with others. */
static const void *at(const struct tables *t, ElfW(Addr) address)
{
	return (const void *)(address < t->base ? t->base + address : address);
}

static bool read_tables(const struct dl_phdr_info *info, struct tables *t)
{
	const ElfW(Dyn) *dynamic = NULL;
	*t = (struct tables){.base = info->dlpi_addr};
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_DYNAMIC)
			dynamic = (const ElfW(Dyn) *)(t->base + p->p_vaddr);
		if (p->p_type == PT_GNU_RELRO) {
			t->relro = (t->base + p->p_vaddr) & ~(PAGE - 1);
			t->relro_end = (t->base + p->p_vaddr + p->p_memsz) & ~(PAGE - 1);
		}
	}
	for (const ElfW(Dyn) *d = dynamic; d && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			t->symbols = at(t, d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			t->names = at(t, d->d_un.d_ptr);
		else if (d->d_tag == DT_RELA)
			t->rela[0] = at(t, d->d_un.d_ptr);
		else if (d->d_tag == DT_RELASZ)
			t->bytes[0] = d->d_un.d_val;
		else if (d->d_tag == DT_JMPREL)
			t->rela[1] = at(t, d->d_un.d_ptr);
		else if (d->d_tag == DT_PLTRELSZ)
			t->bytes[1] = d->d_un.d_val;
	}
	return t->symbols && t->names;
}

static bool put(const struct tables *t, void **place, void *function)
{
	uintptr_t page = (uintptr_t)place & ~(PAGE - 1);
	bool closed = page >= t->relro && page < t->relro_end;
	if (closed && at_sys(SYS_mprotect, (long)page, PAGE, PROT_READ | PROT_WRITE) != 0)
		return false;
	__atomic_store_n(place, function, __ATOMIC_RELEASE);
	if (closed)
		at_sys(SYS_mprotect, (long)page, PAGE, PROT_READ);
	return true;
}

static void look_through(const struct tables *t, int which, struct wish *wish)
{
	for (size_t i = 0; t->rela[which] && i < t->bytes[which] / sizeof(ElfW(Rela)); i++) {
		const ElfW(Rela) *r = &t->rela[which][i];
		unsigned long type = ELF64_R_TYPE(r->r_info);
		if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT)
			continue;
		const char *name = t->names + t->symbols[ELF64_R_SYM(r->r_info)].st_name;
		if (strcmp(name, wish->name) == 0 &&
		    put(t, (void **)(t->base + r->r_offset), wish->function))
			wish->met = true;
	}
}

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct wish *wish = arg;
	struct tables t;
	(void)size;
	if (!holds(info->dlpi_name, wish->object) || !read_tables(info, &t))
		return 0;
	look_through(&t, 0, wish);
	look_through(&t, 1, wish);
	return 1;
}

bool at_import_table_set(const char *object, const char *name, void *function)
{
	struct wish wish = {object, name, function, false};
	dl_iterate_phdr(look_at, &wish);
	return wish.met;
}
