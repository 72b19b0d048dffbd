/*
 * New trace and span ids: never zero, never twice, the random flag.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/context.h"

static void new_traces_differ_and_are_valid(void **state)
{
	static struct at_context c[2000];
	(void)state;
	for (int i = 0; i < 2000; i++) {
		memset(&c[i], 0xff, sizeof(c[i]));
		at_context_new_trace(&c[i]);
		assert_true(at_context_valid(&c[i]));
		assert_int_equal(c[i].flags, AT_FLAG_RANDOM);
		assert_false(c[i].deferred);
		for (int k = 0; k < i; k++) {
			assert_memory_not_equal(c[k].trace_id, c[i].trace_id, 16);
			assert_memory_not_equal(c[k].span_id, c[i].span_id, 8);
		}
	}
}

/* Each of the 192 bits is set about half the time: within six standard deviations. */
static void ids_are_random_in_every_bit(void **state)
{
	enum { ROUNDS = 10000 };
	int ones[192] = {0};
	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		struct at_context c;
		at_context_new_trace(&c);
		for (int bit = 0; bit < 192; bit++) {
			uint8_t byte = bit < 128 ? c.trace_id[bit / 8] : c.span_id[bit / 8 - 16];
			ones[bit] += byte >> bit % 8 & 1;
		}
	}
	for (int bit = 0; bit < 192; bit++)
		assert_in_range(ones[bit], ROUNDS / 2 - 300, ROUNDS / 2 + 300);
}

static void a_new_span_keeps_the_rest(void **state)
{
	struct at_context c, before;
	(void)state;
	at_context_new_trace(&c);
	c.flags = AT_FLAG_SAMPLED;
	before = c;
	at_context_new_span(&c);
	assert_memory_equal(before.trace_id, c.trace_id, 16);
	assert_memory_not_equal(before.span_id, c.span_id, 8);
	assert_int_equal(c.flags, AT_FLAG_SAMPLED);
}

static void zero_ids_are_no_context(void **state)
{
	struct at_context c = {.trace_id = {0}};
	(void)state;
	assert_false(at_context_valid(&c));
	c.trace_id[15] = 1;
	assert_false(at_context_valid(&c));
	c.span_id[0] = 1;
	assert_true(at_context_valid(&c));
	c.trace_id[15] = 0;
	assert_false(at_context_valid(&c));
	c.trace_id[0] = 1;
	assert_true(at_context_valid(&c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_traces_differ_and_are_valid),
		cmocka_unit_test(ids_are_random_in_every_bit),
		cmocka_unit_test(a_new_span_keeps_the_rest),
		cmocka_unit_test(zero_ids_are_no_context),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
