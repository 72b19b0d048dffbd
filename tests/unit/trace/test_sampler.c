/*
 * The six samplers: truth table, share, and that a lower ratio keeps a subset of a higher one's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/sampler.h"

static struct at_sampler sampler(const char *name, double ratio)
{
	struct at_sampler s;
	assert_true(at_sampler_init(&s, at_str_c(name), ratio));
	return s;
}

/* A trace id whose last 56 bits are all ones (kept by every ratio over 0) or zeros (by none < 1).
 */
static const uint8_t high[16] = {0, 0,    0,    0,    0,    0,    0,    1,
				 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t low[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void truth_table(void **state)
{
	enum { NO_PARENT, SAMPLED, UNSAMPLED, DEFERRED, PARENTS };
	static const struct {
		const char *name;
		double ratio;
		bool high[PARENTS], low[PARENTS];
	} cases[] = {
		{"always_on", 0, {1, 1, 1, 1}, {1, 1, 1, 1}},
		{"always_off", 1, {0, 0, 0, 0}, {0, 0, 0, 0}},
		{"traceidratio", 0.5, {1, 1, 1, 1}, {0, 0, 0, 0}},
		{"traceidratio", 1, {1, 1, 1, 1}, {1, 1, 1, 1}},
		{"traceidratio", 0, {0, 0, 0, 0}, {0, 0, 0, 0}},
		{"parentbased_always_on", 0, {1, 1, 0, 1}, {1, 1, 0, 1}},
		{"parentbased_always_off", 1, {0, 1, 0, 0}, {0, 1, 0, 0}},
		{"parentbased_traceidratio", 0.5, {1, 1, 0, 1}, {0, 1, 0, 0}},
		{"PARENTBASED_TRACEIDRATIO", 0, {0, 1, 0, 0}, {0, 1, 0, 0}},
	};
	struct at_context parent[PARENTS] = {[SAMPLED] = {.flags = AT_FLAG_SAMPLED},
					     [UNSAMPLED] = {.flags = AT_FLAG_RANDOM},
					     [DEFERRED] = {.deferred = true}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct at_sampler s = sampler(cases[i].name, cases[i].ratio);
		for (int p = 0; p < PARENTS; p++) {
			const struct at_context *with = p ? &parent[p] : NULL;
			assert_int_equal(at_sampler_decide(&s, high, with), cases[i].high[p]);
			assert_int_equal(at_sampler_decide(&s, low, with), cases[i].low[p]);
		}
	}
}

static void thresholds(void **state)
{
	(void)state;
	assert_true(sampler("traceidratio", 1).threshold == 0);
	assert_true(sampler("traceidratio", 2).threshold == 0);
	assert_true(sampler("traceidratio", 0.25).threshold == 0xc0000000000000);
	assert_true(sampler("traceidratio", 0.5).threshold == 0x80000000000000);
	assert_true(sampler("traceidratio", 0).threshold == (uint64_t)1 << 56);
	assert_true(sampler("traceidratio", -1).threshold == (uint64_t)1 << 56);
	assert_true(sampler("traceidratio", 0x1p-56).threshold == 0xffffffffffffff);
	assert_true(sampler("traceidratio", 0x1p-57).threshold == (uint64_t)1 << 56);
}

static void the_share_is_kept_and_nested(void **state)
{
	enum { ROUNDS = 100000 };
	static const double ratios[] = {0, 0.001, 0.1, 0.25, 0.5, 0.9, 1};
	enum { RATIOS = sizeof(ratios) / sizeof(ratios[0]) };
	struct at_sampler s[RATIOS];
	int kept[RATIOS] = {0};
	(void)state;
	for (int r = 0; r < RATIOS; r++)
		s[r] = sampler("traceidratio", ratios[r]);
	for (int i = 0; i < ROUNDS; i++) {
		struct at_context c;
		bool before = false;
		at_context_new_trace(&c);
		for (int r = 0; r < RATIOS; r++) {
			bool now = at_sampler_decide(&s[r], c.trace_id, NULL);
			assert_true(now || !before);
			assert_int_equal(now, at_sampler_decide(&s[r], c.trace_id, NULL));
			kept[r] += now;
			before = now;
		}
	}
	for (int r = 0; r < RATIOS; r++) {
		double expected = ratios[r] * ROUNDS;
		assert_true(kept[r] > expected * 0.95 - 40 && kept[r] < expected * 1.05 + 40);
	}
	assert_int_equal(kept[0], 0);
	assert_int_equal(kept[RATIOS - 1], ROUNDS);
}

static void unknown_names_are_refused(void **state)
{
	struct at_sampler s;
	(void)state;
	assert_false(at_sampler_init(&s, AT_STR("xray"), 1));
	assert_false(at_sampler_init(&s, AT_STR(""), 1));
	assert_false(at_sampler_init(&s, AT_STR("always_on "), 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(truth_table),
		cmocka_unit_test(thresholds),
		cmocka_unit_test(the_share_is_kept_and_nested),
		cmocka_unit_test(unknown_names_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
