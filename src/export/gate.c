/*
 * See gate.h. Owns the lock that is held by whoever is inside, the worker or a forking thread.
 *
 *   worker:  expected -> inside <-> outside (waits)
 *   fork:    wanted -> inside -> fork -> outside, in both processes
 */
#include "export/gate.h"

#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "export/queue.h"
#include "libc/floor.h"

#define NS_PER_S      1000000000ull
#define FORK_PATIENCE (2 * NS_PER_S)
#define STEP_ASIDE    (NS_PER_S / 10000)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* somebody is inside */
uint32_t at_gate_wanted;
static uint32_t expected; /* futex word: 1 while a started worker has not entered yet (atomic) */
static bool spoiled;      /* this process was born at the wrong moment */
static __thread bool inside __attribute__((tls_model("initial-exec")));

void at_gate_enter(void)
{
	while (__atomic_load_n(&at_gate_wanted, __ATOMIC_ACQUIRE))
		at_queue_wait_word(&at_gate_wanted,
				   __atomic_load_n(&at_gate_wanted, __ATOMIC_ACQUIRE), STEP_ASIDE);
	pthread_mutex_lock(&lock);
	inside = true;
	if (__atomic_exchange_n(&expected, 0, __ATOMIC_ACQ_REL))
		at_queue_wake_word(&expected);
}

void at_gate_leave(void)
{
	inside = false;
	pthread_mutex_unlock(&lock);
}

bool at_gate_pause(void)
{
	bool was_inside = inside;
	if (was_inside)
		at_gate_leave();
	return was_inside;
}

void at_gate_resume(bool was_inside)
{
	if (was_inside)
		at_gate_enter();
}

void at_gate_expect(void)
{
	__atomic_store_n(&expected, 1, __ATOMIC_RELEASE);
}

void at_gate_unexpect(void)
{
	__atomic_store_n(&expected, 0, __ATOMIC_RELEASE);
	at_queue_wake_word(&expected);
}

/* Without libpthread (before glibc 2.34) there are no threads, and nobody to wait for. */
static bool take(const struct timespec *until)
{
	if (!at_floor_has_threads())
		return pthread_mutex_lock(&lock) == 0;
	return pthread_mutex_timedlock(&lock, until) == 0;
}

void at_gate_fork_prepare(void)
{
	uint64_t deadline = at_clock_now() + FORK_PATIENCE;
	uint64_t now;
	while (__atomic_load_n(&expected, __ATOMIC_ACQUIRE) && (now = at_clock_now()) < deadline)
		at_queue_wait_word(&expected, 1, deadline - now);
	__atomic_add_fetch(&at_gate_wanted, 1, __ATOMIC_ACQ_REL);
	now = at_clock_wall() + FORK_PATIENCE;
	struct timespec until = {
		.tv_sec = (time_t)(now / NS_PER_S),
		.tv_nsec = (long)(now % NS_PER_S),
	};
	inside = take(&until);
}

void at_gate_fork_parent(void)
{
	if (inside)
		at_gate_leave();
	__atomic_sub_fetch(&at_gate_wanted, 1, __ATOMIC_ACQ_REL);
	at_queue_wake_word(&at_gate_wanted);
}

void at_gate_fork_unseen(bool busy)
{
	inside = !busy && pthread_mutex_trylock(&lock) == 0;
}

void at_gate_fork_child(void)
{
	pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
	spoiled = spoiled || !inside;
	inside = false;
	lock = fresh;
	at_gate_wanted = 0;
	expected = 0;
}

bool at_gate_spoiled(void)
{
	return spoiled;
}
