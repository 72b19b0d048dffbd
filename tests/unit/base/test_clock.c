/*
 * Two clocks and the anchor between them; random numbers in threads and forked children; counters.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/entropy.h"

static uint64_t wall(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void instants_are_told_in_unix_time(void **state)
{
	(void)state;
	at_clock_anchor();
	for (int i = 0; i < 100; i++) {
		uint64_t before = wall();
		uint64_t told = at_clock_unix(at_clock_now());
		uint64_t after = wall();
		assert_true(told + 1000000 > before && told < after + 1000000);
	}
	uint64_t start = at_clock_now();
	assert_true(at_clock_now() >= start);
	assert_true(at_clock_unix(start + 5000) - at_clock_unix(start) == 5000);
}

static void other_clocks_are_the_kernels(void **state)
{
	struct timespec boot;
	(void)state;
	uint64_t before = wall();
	uint64_t told = at_clock_wall();
	assert_true(before / 1000000000u <= told / 1000000000u && told <= wall() + 1000000);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	assert_true(at_clock_since_boot() / 1000000000u >= (uint64_t)boot.tv_sec);
	assert_true(at_clock_since_boot() >= at_clock_now() - 1000000000u);
}

static void *draw(void *place)
{
	*(uint64_t *)place = at_entropy_u64();
	return NULL;
}

static void threads_draw_different_numbers(void **state)
{
	uint64_t drawn[16];
	(void)state;
	for (int i = 0; i < 16; i++) {
		pthread_t id;
		assert_int_equal(pthread_create(&id, NULL, draw, &drawn[i]), 0);
		pthread_join(id, NULL);
		for (int k = 0; k < i; k++)
			assert_true(drawn[k] != drawn[i]);
	}
}

static void a_child_parts_ways_with_its_parent(void **state)
{
	int ends[2];
	uint64_t childs[2], parents[2];
	(void)state;
	at_entropy_u64();
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		at_entropy_after_fork();
		childs[0] = at_entropy_u64();
		childs[1] = at_entropy_u64();
		_exit(write(ends[1], childs, sizeof(childs)) != sizeof(childs));
	}
	assert_int_equal(read(ends[0], childs, sizeof(childs)), sizeof(childs));
	parents[0] = at_entropy_u64();
	parents[1] = at_entropy_u64();
	assert_int_equal(waitpid(child, NULL, 0), child);
	for (int i = 0; i < 4; i++)
		assert_true(childs[i / 2] != parents[i % 2]);
	close(ends[0]);
	close(ends[1]);
}

static void counters_have_words_and_losses_are_summed(void **state)
{
	(void)state;
	at_counter_reset();
	for (int i = 0; i < AT_COUNTERS; i++) {
		assert_true(strlen(at_counter_text((enum at_counter)i)) > 3);
		at_counter_add((enum at_counter)i, (uint64_t)1 << i);
	}
	uint64_t lost = 0;
	for (int i = 0; i < AT_COUNTERS; i++) {
		assert_true(at_counter_get((enum at_counter)i) == (uint64_t)1 << i);
		lost += at_counter_is_loss((enum at_counter)i) ? (uint64_t)1 << i : 0;
	}
	assert_true(lost != 0 && at_counter_lost() == lost);
	assert_true(at_counter_is_loss(AT_COUNT_drop_queue_full));
	assert_false(at_counter_is_loss(AT_COUNT_spans_finished));
	at_counter_reset();
	assert_true(at_counter_lost() == 0);
}

static void *count(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100000; i++)
		at_count(injected, 1);
	return NULL;
}

static void threads_count_together(void **state)
{
	pthread_t id[4];
	(void)state;
	at_counter_reset();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&id[i], NULL, count, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(id[i], NULL);
	assert_int_equal(at_counter_get(AT_COUNT_injected), 400000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(instants_are_told_in_unix_time),
		cmocka_unit_test(other_clocks_are_the_kernels),
		cmocka_unit_test(threads_draw_different_numbers),
		cmocka_unit_test(a_child_parts_ways_with_its_parent),
		cmocka_unit_test(counters_have_words_and_losses_are_summed),
		cmocka_unit_test(threads_count_together),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
