/*
 * The table of originals, made from calls.def. Fed by the dynamic linker's answers, feeds every
 * room that must reach the kernel as the program itself would. Owns the table.
 */
#include "libc/libc.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "libc/early.h"
#include "libc/floor.h"
#include "libc/sys.h"

static long with_errno(long rc)
{
	if (rc >= -4095 && rc < 0) {
		if (at_early_is_over())
			errno = (int)-rc;
		return -1;
	}
	return rc;
}

#define ARG6(nr, a, b, c, d, e, f, ...) \
	at_sys6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define AT_RAW(...)      with_errno(ARG6(__VA_ARGS__, 0, 0, 0, 0, 0, 0))
#define AT_RAW_VOID(...) ((void)ARG6(__VA_ARGS__, 0, 0, 0, 0, 0, 0))

/* What has no system call of its own: looked up when it is needed so early. */
static void *late(const char *name)
{
	at_libc_resolve();
	return at_floor_dlsym_next(name);
}

static FILE *at_libc_late_fdopen(int fd, const char *mode)
{
	FILE *(*fn)(int, const char *) = (FILE * (*)(int, const char *)) late("fdopen");
	return fn ? fn(fd, mode) : NULL;
}

static int at_libc_late_fclose(FILE *f)
{
	int (*fn)(FILE *) = (int (*)(FILE *))late("fclose");
	return fn ? fn(f) : EOF;
}

static int at_libc_late_pthread_create(pthread_t *id, const pthread_attr_t *attr,
				       void *(*start)(void *), void *arg)
{
	int (*fn)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		(int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))late(
			"pthread_create");
	return fn ? fn(id, attr, start, arg) : EAGAIN;
}

static int at_libc_late_pthread_setcanceltype(int type, int *old)
{
	int (*fn)(int, int *) = (int (*)(int, int *))late("pthread_setcanceltype");
	return fn ? fn(type, old) : EINVAL;
}

static void at_libc_late_quick_exit(int status)
{
	void (*fn)(int) = (void (*)(int))late("quick_exit");
	if (fn)
		fn(status);
	AT_RAW_VOID(SYS_exit_group, status);
}

/* The one trampoline whose original is younger than the floor (glibc 2.34). */
static int raw_execveat(int dir, const char *path, char *const argv[], char *const envp[],
			int flags)
{
	return (int)AT_RAW(SYS_execveat, dir, path, argv, envp, flags);
}

/* The kernel wants the mask and its size behind one pointer, and writes into the time-out. */
static int at_libc_raw_pselect(int count, fd_set *reads, fd_set *writes, fd_set *excepts,
			       const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec copy = timeout ? *timeout : (struct timespec){0};
	struct {
		const sigset_t *mask;
		size_t size;
	} six = {mask, 8};
	return (int)AT_RAW(SYS_pselect6, count, reads, writes, excepts, timeout ? &copy : NULL,
			   &six);
}

#define AT_CALL(ret, name, params, args, raw) \
	static ret raw_##name params          \
	{                                     \
		return (ret)(raw);            \
	}
#define AT_TRAMPOLINE(name)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include "libc/calls.def"
#pragma GCC diagnostic pop
#undef AT_CALL
#undef AT_TRAMPOLINE

struct at_libc at_libc = {
#define AT_CALL(ret, name, params, args, raw) .name = raw_##name,
#define AT_TRAMPOLINE(name)
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
};

#define AT_CALL(ret, name, params, args, raw)
#define AT_TRAMPOLINE(name) uintptr_t at_libc_##name;
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

#define AT_CALL(ret, name, params, args, raw) \
	ret at_true_##name params             \
	{                                     \
		return at_libc.name args;     \
	}
#define AT_TRAMPOLINE(name)
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

static void resolve_one(void **place, const char *name)
{
	void *found = at_floor_dlsym_next(name);
	if (found)
		__atomic_store_n(place, found, __ATOMIC_RELEASE);
}

/* The linker writes over it when it comes to us. Each address is computed, none is read. */
static void fill_early(void)
{
	static bool filled;
	void *found;
	if (filled)
		return;
	filled = true;
#define AT_CALL(ret, name, params, args, raw) \
	found = at_early_next(#name);         \
	at_libc.name = found ? (ret(*) params)found : raw_##name;
#define AT_TRAMPOLINE(name) at_libc_##name = (uintptr_t)at_early_next(#name);
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
}

bool at_libc_ready(void)
{
	if (at_early_is_over())
		return true;
	fill_early();
	return false;
}

void at_libc_resolve(void)
{
	static uint32_t begun;
	if (!at_libc_ready())
		return;
	int saved = errno;
	if (__atomic_exchange_n(&begun, 1, __ATOMIC_ACQ_REL))
		return;
#define AT_CALL(ret, name, params, args, raw) resolve_one((void **)&at_libc.name, #name);
#define AT_TRAMPOLINE(name)                   resolve_one((void **)&at_libc_##name, #name);
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
	if (!at_libc_execveat)
		at_libc_execveat = (uintptr_t)raw_execveat;
	errno = saved;
}
