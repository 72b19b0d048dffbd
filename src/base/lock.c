/*
 * See lock.h. Owns the fork generation.
 */
#include "base/lock.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/thread.h"
#include "libc/sys.h"

/* Tries with a pause, then tries with a yield: some ten milliseconds in the worst case. */
#define SPINS  200
#define YIELDS 2000
/* No generation: the holder has left. */
#define ORPHAN UINT64_MAX

static uint32_t generation = 1;

uint32_t at_lock_generation(void)
{
	return __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

void at_lock_after_fork(void)
{
	__atomic_add_fetch(&generation, 1, __ATOMIC_RELAXED);
}

/* A user's address has 47 bits: room for a word that no other holder, nor a former process, has. */
static uint64_t mine(void)
{
	return (uint64_t)(uintptr_t)&at_thread_self << 16 | (uint16_t)at_lock_generation();
}

static bool is_of_this_process(uint64_t word, uint64_t mine)
{
	return word != ORPHAN && (uint16_t)word == (uint16_t)mine;
}

static enum at_lock_result try(struct at_lock *l, uint64_t mine)
{
	uint64_t held = __atomic_load_n(&l->word, __ATOMIC_RELAXED);
	enum at_lock_result got = held ? AT_LOCK_STALE : AT_LOCK_OK;
	if (held && is_of_this_process(held, mine))
		return AT_LOCK_BUSY;
	return __atomic_compare_exchange_n(&l->word, &held, mine, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED)
		       ? got
		       : AT_LOCK_BUSY;
}

enum at_lock_result at_lock_at_once(struct at_lock *l)
{
	at_thread_self.held = l;
	return try(l, mine());
}

enum at_lock_result at_lock(struct at_lock *l)
{
	uint64_t word = mine();
	at_thread_self.held = l;
	for (int i = 0; i < SPINS + YIELDS; i++) {
		enum at_lock_result got = try(l, word);
		if (got != AT_LOCK_BUSY)
			return got;
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
	at_thread_self.held = NULL;
}

void at_lock_orphan(struct at_lock *l)
{
	uint64_t held = mine();
	__atomic_compare_exchange_n(&l->word, &held, ORPHAN, false, __ATOMIC_RELEASE,
				    __ATOMIC_RELAXED);
}
