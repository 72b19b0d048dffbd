/*
 * The time before the dynamic linker has relocated us. It relocates what the program is linked with
 * first, and a resolver of an indirect function (STT_GNU_IFUNC) in there may call what we
 * interpose. Our pointers are 0 then, and so is our way to the C library and to our thread-local
 * storage.
 */
#ifndef AT_LIBC_EARLY_H
#define AT_LIBC_EARLY_H

#include <link.h>
#include <stdbool.h>

/* A pointer that leads to itself as soon as we are relocated. */
extern const void *const volatile at_early_self;

/* Our own first byte; the name is the linker's. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

/* True once our pointers can be followed. Any thread, any context. */
static inline bool at_early_is_over(void)
{
	return at_early_self == (const void *)&at_early_self;
}

/* The next definition of that name behind ours in the order of loading, before it is over; NULL
 * when there is none, or no /proc to find the loaded objects by. Four system calls, the first time.
 * The one thread there is. */
void *at_early_next(const char *name);

#endif
