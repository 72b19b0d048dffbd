/*
 * See process.h. Owns the page.
 */
#include "base/process.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "libc/sys.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

union at_process at_process __attribute__((aligned(AT_PROCESS_PAGE)));

static void (*on_birth)(void); /* not on the page: a child knows by it that it was live */

void at_process_begin_again(void)
{
	at_process.is.pid = (uint32_t)at_sys(SYS_getpid, 0, 0, 0);
	__atomic_store_n(&at_process.is.live, 1, __ATOMIC_RELEASE);
}

void at_process_begin(void (*reborn)(void))
{
	at_sys(SYS_madvise, (long)&at_process, sizeof(at_process), MADV_WIPEONFORK);
	on_birth = reborn;
	at_process_begin_again();
}

void at_process_end(void)
{
	on_birth = NULL;
	__atomic_store_n(&at_process.is.live, 0, __ATOMIC_RELEASE);
}

bool at_process_sleeps(void)
{
	int saved = errno;
	if (at_process_is_live())
		return false;
	if (!on_birth)
		return true;
	on_birth();
	errno = saved;
	return false;
}

bool at_process_is_guest(void)
{
	return (uint32_t)at_sys(SYS_getpid, 0, 0, 0) != at_process.is.pid;
}
