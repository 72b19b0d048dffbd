/*
 * The lock: exclusion, patience with an end, what a fork leaves behind.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock.h"

enum { THREADS = 4, ROUNDS = 50000 };
static struct at_lock lock;
static uint64_t sum, busy;

static void *add(void *unused)
{
	(void)unused;
	for (int i = 0; i < ROUNDS;) {
		if (at_lock(&lock) != AT_LOCK_OK) {
			__atomic_add_fetch(&busy, 1, __ATOMIC_RELAXED);
			continue;
		}
		sum++;
		i++;
		at_unlock(&lock);
	}
	return NULL;
}

static void one_at_a_time(void **state)
{
	pthread_t id[THREADS];
	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&id[i], NULL, add, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	assert_true(sum == (uint64_t)THREADS * ROUNDS);
}

static void waiting_has_an_end(void **state)
{
	struct at_lock held = {0};
	(void)state;
	assert_int_equal(at_lock(&held), AT_LOCK_OK);
	assert_int_equal(at_lock(&held), AT_LOCK_BUSY);
	at_unlock(&held);
	assert_int_equal(at_lock(&held), AT_LOCK_OK);
}

static void a_holder_left_behind_makes_it_stale_once(void **state)
{
	struct at_lock held = {0}, free_one = {0};
	int status;
	(void)state;
	assert_int_equal(at_lock(&held), AT_LOCK_OK);
	pid_t child = fork();
	if (child == 0) {
		uint32_t before = at_lock_generation();
		at_lock_after_fork();
		int faults = at_lock_generation() == before;
		faults += at_lock(&held) != AT_LOCK_STALE;
		faults += at_lock(&held) != AT_LOCK_BUSY;
		at_unlock(&held);
		faults += at_lock(&held) != AT_LOCK_OK;
		faults += at_lock(&free_one) != AT_LOCK_OK;
		_exit(faults);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(at_lock(&held), AT_LOCK_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(waiting_has_an_end),
		cmocka_unit_test(a_holder_left_behind_makes_it_stale_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
