/*
 * Asks the kernel whether memory can be read. Fed by flow before it looks at what a call is about
 * to write, and where it has to answer in the kernel's place; owns nothing.
 *
 * The question is rt_sigprocmask with a `how` that does not exist: the kernel copies the set first
 * (EFAULT) and refuses then (EINVAL), changing nothing. It is 50 ns dearer than the cheapest system
 * call, a fifth cheaper than process_vm_readv, and no sandbox forbids it, as every thread library
 * needs it. Remembering pages that were readable once would save it and be wrong after an munmap; a
 * handler for SIGSEGV is the program's alone.
 */
#include "base/memory.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "base/memcheck.h"
#include "libc/sys.h"

#define PAGE      ((uintptr_t)4096)
#define NO_HOW    (~0L)
#define SET_BYTES 8

static bool page_is_readable(uintptr_t page)
{
	at_memcheck_quiet(1);
	long rc = at_sys6(SYS_rt_sigprocmask, NO_HOW, (long)page, 0, SET_BYTES, 0, 0);
	at_memcheck_quiet(-1);
	return rc == -EINVAL;
}

bool at_memory_readable(const void *p, size_t n, uintptr_t *known)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0) / PAGE;
	uintptr_t before = known && *known ? *known : UINTPTR_MAX;
	uintptr_t first = (uintptr_t)p;
	if (n == 0)
		return true;
	if (p == NULL || first + (n - 1) < first)
		return false;
	uintptr_t last = (first + n - 1) / PAGE;
	for (uintptr_t i = first / PAGE; i <= last; i++)
		if (i != here && i != before && !page_is_readable(i * PAGE))
			return false;
	if (known)
		*known = last;
	return true;
}

bool at_memory_store(uint64_t *p, uint64_t value)
{
	at_memcheck_quiet(1);
	long rc = at_sys(SYS_time, (long)p, 0, 0);
	at_memcheck_quiet(-1);
	if (rc < 0 && rc != -EFAULT) /* a sandbox forbids it */
		rc = at_sys6(SYS_rt_sigprocmask, 0, 0, (long)p, SET_BYTES, 0, 0);
	if (rc < 0)
		return false;
	*p = value;
	return true;
}
