/*
 * Whether the program's memory can be read. A system call answers a bad pointer with EFAULT; who
 * reads an argument before that call is made must be as forgiving.
 */
#ifndef AT_BASE_MEMORY_H
#define AT_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether all of [p, p+n) is readable now; n 0 is. One system call for each page but the one this
 * thread's stack pointer is in and the one in *known: the page that the last question of the same
 * call found readable (0 at first; NULL: no such thing). Any thread, any context; errno is kept. */
bool at_memory_readable(const void *p, size_t n, uintptr_t *known);

/* Stores a value as the kernel would, who gives EFAULT where nobody can write: false. For a moment
 * something else stands there. Any thread, any context; errno is kept. */
bool at_memory_store(uint64_t *p, uint64_t value);

#endif
