/*
 * See roster.h. Fed by boot.c and by the shore with threads that are made; told of their ends by a
 * thread-specific value, whichever way they end. Owns the count and the key.
 *
 *   expect -> join -> [returns, pthread_exit, cancelled] -> leave: the last one calls exit(0)
 *
 * Threads that nobody announced (libc's own for timers, some made inside our work) are not on the
 * roster. The kernel's count knows them: while it is larger than ours the process does not end.
 */
#include "flow/roster.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/process.h"
#include "base/thread.h"
#include "flow/causality.h"
#include "libc/floor.h"
#include "libc/sys.h"

/* Threads that have left the roster may still be on their way out. */
#define LOOKS 200
#define PAUSE 5000000L /* ns between two looks */

static pthread_key_t key;
static bool open_for_all; /* the key is there */
static uint32_t present;  /* threads of the program (atomic) */

/* The number of threads the kernel knows, 0: it does not say. */
static unsigned kernel_count(void)
{
	char buf[1024];
	long fd = at_sys6(SYS_openat, AT_FDCWD, (long)"/proc/self/stat", O_RDONLY | O_CLOEXEC, 0, 0,
			  0);
	long n = fd < 0 ? -1 : at_sys(SYS_read, fd, (long)buf, sizeof(buf) - 1);
	if (fd >= 0)
		at_sys(SYS_close, fd, 0, 0);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	/* Behind the name, which may hold anything: the state is field 3, the count field 20. */
	const char *p = strrchr(buf, ')');
	for (unsigned field = 2; p && field < 20; field++)
		p = strchr(p + 1, ' ');
	return p ? (unsigned)strtoul(p, NULL, 10) : 0;
}

/* Nobody but the calling thread, ours, and a first thread that left before. Where the kernel does
 * not say (no /proc) somebody may be there: better a process that stays than a thread cut off. */
static bool is_alone(void)
{
	struct timespec pause = {0, PAUSE};
	for (unsigned i = 0; i < LOOKS; i++) {
		bool first = at_sys(SYS_gettid, 0, 0, 0) == at_sys(SYS_getpid, 0, 0, 0);
		unsigned n = kernel_count();
		if (!n)
			return false;
		if (n <= at_thread_ours() + (first ? 1u : 2u))
			return true;
		at_sys(SYS_nanosleep, (long)&pause, 0, 0);
	}
	return false;
}

/* Called by libc when a thread ends, in each of its rounds: other destructors come first. */
static void leave(void *round)
{
	uintptr_t n = (uintptr_t)round;
	at_thread_end();
	if (n < PTHREAD_DESTRUCTOR_ITERATIONS && pthread_setspecific(key, (void *)(n + 1)) == 0)
		return;
	at_thread_enter_margin();
	at_causality_gone();
	at_thread_leave_margin();
	if (__atomic_sub_fetch(&present, 1, __ATOMIC_ACQ_REL) == 0 && at_thread_ours() &&
	    !at_process_is_guest() && is_alone())
		exit(0);
}

void at_roster_join(void)
{
	if (open_for_all && at_thread_first_steps())
		pthread_setspecific(key, (void *)1);
}

void at_roster_start(void)
{
	open_for_all = at_floor_has_threads() && pthread_key_create(&key, leave) == 0;
	present = 1;
	at_roster_join();
}

void at_roster_expect(void)
{
	__atomic_add_fetch(&present, 1, __ATOMIC_RELAXED);
}

void at_roster_unexpect(void)
{
	__atomic_sub_fetch(&present, 1, __ATOMIC_RELAXED);
}

void at_roster_after_fork(void)
{
	at_thread_after_fork();
	present = 1;
	at_roster_join();
}
