/*
 * Slots of one size, blocks in size classes, and the buffer that grows in them: reuse, indexes, the
 * cap, many threads at once.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/counter.h"
#include "base/pool.h"
#include "base/fault.h"
#include "base/slab.h"

static void slots_are_distinct_aligned_and_zero_at_first(void **state)
{
	static struct at_slab s = AT_SLAB_INIT(100);
	static char zero[128];
	char *slot[3000];
	(void)state;
	assert_int_equal(s.size, 128);
	for (int i = 0; i < 3000; i++) {
		slot[i] = at_slab_get(&s);
		assert_non_null(slot[i]);
		assert_int_equal((uintptr_t)slot[i] % 64, 0);
		assert_memory_equal(slot[i], zero, 128);
		memset(slot[i], i, 128);
	}
	for (int i = 0; i < 3000; i++) {
		assert_int_equal((unsigned char)slot[i][127], i & 0xff);
		assert_ptr_equal(at_slab_at(&s, (uint32_t)i), slot[i]);
		assert_true(at_slab_handle(slot[i]) > 0);
		assert_ptr_equal(at_slab_of_handle(&s, at_slab_handle(slot[i])), slot[i]);
		assert_int_equal(at_slab_size_of(slot[i]), 128);
	}
	assert_int_equal(at_slab_used(&s), 3000);
	for (int i = 0; i < 3000; i++)
		at_slab_put(slot[i]);
	for (int i = 0; i < 3000; i++)
		assert_non_null(at_slab_get(&s));
	assert_int_equal(at_slab_used(&s), 3000);
}

/* The slab keeps its link in the first 8 bytes; generations behind them survive. */
static void a_freed_slot_keeps_what_stands_behind_the_link(void **state)
{
	static struct at_slab s = AT_SLAB_INIT(64);
	uint64_t *slot = at_slab_get(&s);
	(void)state;
	slot[1] = 0x1122334455667788u;
	at_slab_put(slot);
	assert_true(slot[1] == 0x1122334455667788u);
	assert_ptr_equal(at_slab_get(&s), slot);
	assert_true(slot[1] == 0x1122334455667788u);
}

static void an_index_never_given_out_is_null(void **state)
{
	static struct at_slab s = AT_SLAB_INIT(64);
	(void)state;
	assert_null(at_slab_at(&s, 0));
	assert_non_null(at_slab_get(&s));
	assert_null(at_slab_at(&s, 1000000));
	assert_null(at_slab_at(&s, UINT32_MAX));
}

/* Every thread takes and gives back; no slot is ever held by two at once. */
enum { THREADS = 8, HELD = 16, ROUNDS = 20000 };
static struct at_slab shared = AT_SLAB_INIT(64);

static void *exchange_slots(void *arg)
{
	uint64_t me = (uintptr_t)arg;
	uint64_t *held[HELD] = {0};
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t **place = &held[i % HELD];
		if (*place) {
			if ((*place)[1] != me)
				return "somebody else wrote into my slot";
			(*place)[1] = 0;
			at_slab_put(*place);
		}
		*place = at_slab_get(&shared);
		if (!*place)
			return "no memory";
		if (__atomic_exchange_n(&(*place)[1], me, __ATOMIC_RELAXED) != 0)
			return "the slot was not free";
	}
	for (int i = 0; i < HELD; i++) {
		held[i][1] = 0;
		at_slab_put(held[i]);
	}
	return NULL;
}

static void threads_never_share_a_slot(void **state)
{
	pthread_t id[THREADS];
	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&id[i], NULL, exchange_slots, (void *)(i + 1)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *fault;
		pthread_join(id[i], &fault);
		if (fault)
			fail_msg("%s", (char *)fault);
	}
	assert_true(at_slab_used(&shared) <= THREADS * (HELD + 1) + THREADS);
}

static void blocks_are_as_large_as_asked_for(void **state)
{
	static const size_t wanted[] = {0,     1,     256,   257,   1024,  4096,
					16384, 16385, 65536, 65600, 65601, AT_POOL_MAX};
	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		uint32_t room = 0;
		char *p = at_pool_get(wanted[i], &room);
		assert_non_null(p);
		assert_true(room >= wanted[i] && (wanted[i] == 0 || room < 5 * wanted[i] + 256));
		assert_int_equal((uintptr_t)p % 64, 0);
		memset(p, 0xa5, room);
		at_pool_put(p);
	}
	uint64_t before = at_counter_get(AT_COUNT_pool_full);
	assert_null(at_pool_get(AT_POOL_MAX + 1, NULL));
	assert_int_equal(at_counter_get(AT_COUNT_pool_full), before + 1);
	at_pool_put(NULL);
}

static void a_buffer_grows_up_to_its_cap_and_keeps_its_bytes(void **state)
{
	struct at_buf b = {0};
	(void)state;
	for (int i = 0; i < 5000; i++) {
		char c = (char)(i % 251);
		assert_true(at_buf_add(&b, &c, 1, 5000));
	}
	assert_int_equal(b.n, 5000);
	for (int i = 0; i < 5000; i++)
		assert_int_equal((unsigned char)b.p[i], i % 251);
	assert_false(at_buf_add(&b, "x", 1, 5000));
	assert_false(at_buf_add(&b, "x", SIZE_MAX, 5000));
	assert_int_equal(b.n, 5000);
	assert_true(at_buf_add(&b, NULL, 0, 0));
	at_buf_free(&b);
	assert_null(b.p);
	assert_true(at_buf_add(&b, "y", 1, 1));
	at_buf_free(&b);
	at_buf_free(&b);
}

static void a_buffer_without_memory_stays_as_it_is(void **state)
{
	struct at_buf b = {0};
	char big[70000] = {0};
	(void)state;
	assert_true(at_buf_add(&b, "abc", 3, AT_POOL_MAX + 100));
	assert_false(at_buf_add(&b, big, sizeof(big), 1000));
	assert_true(at_buf_add(&b, big, sizeof(big), AT_POOL_MAX + 100000));
	assert_false(at_buf_add(&b, big, sizeof(big), AT_POOL_MAX + 100000));
	assert_int_equal(b.n, 3 + sizeof(big));
	assert_memory_equal(b.p, "abc", 3);
	at_buf_free(&b);
}

/* Last: nothing can be mapped after it. */
static void over_the_cap_nothing_is_mapped_and_it_is_counted(void **state)
{
	static struct at_slab s = AT_SLAB_INIT(4096);
	uint64_t before = at_counter_get(AT_COUNT_pool_full);
	void *slot[64];
	int n = 0;
	(void)state;
	at_slab_limit(at_slab_mapped() + AT_SLAB_CHUNK);
	while (n < 64 && (slot[n] = at_slab_get(&s)))
		n++;
	assert_int_equal(n, (AT_SLAB_CHUNK - AT_SLAB_HEADER) / 4096);
	assert_int_equal(at_counter_get(AT_COUNT_pool_full), before + 1);
	at_slab_put(slot[5]);
	assert_ptr_equal(at_slab_get(&s), slot[5]);
	assert_null(at_slab_get(&s));
}

/* Somebody wrote to what he had given back. */
static void a_free_slot_that_was_written_to_is_noticed(void **state)
{
	static struct at_slab slab = AT_SLAB_INIT(128);
	char *slot = at_slab_get(&slab), *next;
	(void)state;
	at_slab_put(slot);
	memset(slot, 0x77, 128);
	assert_ptr_equal(at_slab_get(&slab), slot);
	assert_false(at_fault_raised());
	next = at_slab_get(&slab);
	assert_true(at_fault_raised());
	assert_ptr_not_equal(next, slot);
	at_fault_word = 0;
}

static void what_is_no_slot_is_not_taken_back(void **state)
{
	static struct at_slab slab = AT_SLAB_INIT(128);
	char *slot = at_slab_get(&slab);
	(void)state;
	assert_false(at_fault_raised());
	at_slab_put(slot + 8);
	assert_true(at_fault_raised());
	at_fault_word = 0;
	at_slab_put((char *)((uintptr_t)slot & ~(uintptr_t)(AT_SLAB_CHUNK - 1)) + 8);
	assert_true(at_fault_raised());
	at_fault_word = 0;
	assert_ptr_not_equal(at_slab_get(&slab), slot + 8);
	at_slab_put(slot);
	assert_false(at_fault_raised());
	assert_ptr_equal(at_slab_get(&slab), slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_slot_is_not_taken_back),
		cmocka_unit_test(a_free_slot_that_was_written_to_is_noticed),
		cmocka_unit_test(slots_are_distinct_aligned_and_zero_at_first),
		cmocka_unit_test(a_freed_slot_keeps_what_stands_behind_the_link),
		cmocka_unit_test(an_index_never_given_out_is_null),
		cmocka_unit_test(threads_never_share_a_slot),
		cmocka_unit_test(blocks_are_as_large_as_asked_for),
		cmocka_unit_test(a_buffer_grows_up_to_its_cap_and_keeps_its_bytes),
		cmocka_unit_test(a_buffer_without_memory_stays_as_it_is),
		cmocka_unit_test(over_the_cap_nothing_is_mapped_and_it_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
