/*
 * The kernel's clocks, past whoever stands between the program and libc: a preload that fakes the
 * time has it for the program, and may count or break at a look of ours.
 */
#ifndef AT_LIBC_VDSO_H
#define AT_LIBC_VDSO_H

#include <time.h>

/* clock_gettime(2) for a clock that exists. Any thread, any context; errno is kept. */
void at_vdso_clock(clockid_t id, struct timespec *ret);

#endif
