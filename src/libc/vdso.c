/*
 * Fed by the kernel, feeds the clock of base and the bundled libraries. Any thread, any context.
 * Owns the place of the kernel's function. Not my job: what the instants are used for.
 */
#include "libc/vdso.h"

#include <sys/syscall.h>

#include "libc/floor.h"
#include "libc/sys.h"

static int ask(clockid_t id, struct timespec *ret)
{
	return (int)at_sys(SYS_clock_gettime, id, (long)ret, 0);
}

static int (*place)(clockid_t, struct timespec *); /* NULL: not looked for yet (atomic) */

void at_vdso_clock(clockid_t id, struct timespec *ret)
{
	int (*fn)(clockid_t, struct timespec *) = __atomic_load_n(&place, __ATOMIC_RELAXED);
	if (!fn) {
		fn = (int (*)(clockid_t, struct timespec *))at_floor_vdso("__vdso_clock_gettime");
		fn = fn ? fn : ask;
		__atomic_store_n(&place, fn, __ATOMIC_RELAXED);
	}
	if (fn(id, ret) != 0)
		*ret = (struct timespec){0};
}
