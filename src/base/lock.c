/*
 * See lock.h. Owns the fork generation.
 */
#include "base/lock.h"

#include <stdbool.h>
#include <sys/syscall.h>

#include "libc/sys.h"

/* Tries with a pause, then tries with a yield: some ten milliseconds in the worst case. */
#define SPINS  200
#define YIELDS 2000

static uint32_t generation = 1;

uint32_t at_lock_generation(void)
{
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

void at_lock_after_fork(void)
{
	__atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
}

static bool take(struct at_lock *l, uint32_t expected, uint32_t now)
{
	return __atomic_compare_exchange_n(&l->word, &expected, now, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

enum at_lock_result at_lock(struct at_lock *l)
{
	uint32_t now = at_lock_generation();
	for (int i = 0; i < SPINS + YIELDS; i++) {
		if (take(l, 0, now))
			return AT_LOCK_OK;
		uint32_t held = __atomic_load_n(&l->word, __ATOMIC_RELAXED);
		if (held && held != now && take(l, held, now))
			return AT_LOCK_STALE;
		if (i < SPINS)
			__builtin_ia32_pause();
		else
			at_sys(SYS_sched_yield, 0, 0, 0);
	}
	return AT_LOCK_BUSY;
}

void at_unlock(struct at_lock *l)
{
	__atomic_store_n(&l->word, 0, __ATOMIC_RELEASE);
}
