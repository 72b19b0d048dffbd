/*
 * The kernel without libc: for what must work before the originals are known, in a signal handler,
 * or without touching errno. Returns the kernel's value: -errno on failure.
 */
#ifndef AT_LIBC_SYS_H
#define AT_LIBC_SYS_H

#if defined(__clang_analyzer__)
/* The analyzer does not see the kernel write; an unknown function may do anything. */
long at_sys6(long nr, ...);
#else
static inline long at_sys6(long nr, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;
	__asm__ volatile("syscall"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return ret;
#else
#error "autotrace runs on x86-64"
#endif
}
#endif

static inline long at_sys(long nr, long a, long b, long c)
{
	return at_sys6(nr, a, b, c, 0, 0, 0);
}

#endif
