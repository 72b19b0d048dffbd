/*
 * The rules of a batch, with an exporter that does what it is told and a clock that stands still.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/counter.h"
#include "config/config.h"
#include "export/lane.h"

#define MS 1000000ull

/* What the fake exporter saw and shall do. */
static struct {
	unsigned sent[16];   /* spans of each batch begun */
	unsigned sends;      /* batches begun */
	bool busy;           /* do not finish */
	bool started;        /* a batch is under way */
	struct at_result as; /* what happens to a batch; all zero: delivered */
	bool refuse;         /* add() fails */
} fake;

static void *open_fake(const struct at_exporter_env *env)
{
	(void)env;
	return &fake;
}

static void begin_fake(void *self, struct at_batch *b)
{
	(void)self;
	at_out_str(&b->out, AT_STR("begin "));
}

static void add_fake(void *self, struct at_batch *b, const struct at_span *s)
{
	(void)self;
	at_out_str(&b->out, s->name);
	b->out.failed = fake.refuse;
}

static void close_fake(void *self, struct at_batch *b)
{
	(void)self;
	at_out_str(&b->out, AT_STR(" end"));
}

static enum at_step step_fake(void *self, struct at_batch *b, uint64_t now, struct at_result *ret)
{
	(void)self;
	(void)now;
	if (!fake.started)
		fake.sent[fake.sends++ % 16] = b->spans;
	fake.started = fake.busy;
	if (fake.busy)
		return AT_STEP_BUSY;
	*ret = fake.as;
	if (!ret->delivered && !ret->failed && !ret->rejected)
		ret->delivered = b->spans;
	return AT_STEP_DONE;
}

static uint64_t next_fake(void *self)
{
	(void)self;
	return 0;
}

static const struct at_exporter_ops ops = {.name = "fake",
					   .open = open_fake,
					   .begin = begin_fake,
					   .add = add_fake,
					   .close = close_fake,
					   .step = step_fake,
					   .next = next_fake};

static struct at_config config = {
	.bsp_schedule_delay_ms = 5000, .bsp_max_queue_size = 10, .bsp_max_export_batch_size = 4};
static struct at_lane lane;
static uint64_t position;

static int set_up(void **state)
{
	struct at_exporter_env env = {.config = &config};
	(void)state;
	memset(&fake, 0, sizeof(fake));
	at_counter_reset();
	position = 0;
	return at_lane_open(&lane, &ops, &env) ? 0 : -1;
}

static void free_batches(struct at_batch *b)
{
	while (b) {
		struct at_batch *next = b->next;
		at_out_free(&b->out);
		free(b);
		b = next;
	}
}

/* In a program a lane lives as long as the process. */
static int tear_down(void **state)
{
	(void)state;
	free_batches(lane.open);
	free_batches(lane.first);
	free_batches(lane.flying);
	free_batches(lane.spare);
	memset(&lane, 0, sizeof(lane));
	return 0;
}

static void add(unsigned count, uint64_t since)
{
	static struct at_span s = {.name = {"x", 1}};
	while (count--)
		at_lane_add(&lane, &s, position++, since);
}

static void test_waits_for_the_delay(void **state)
{
	(void)state;
	add(3, 1000 * MS);
	at_lane_step(&lane, 1000 * MS, false, position);
	assert_int_equal(fake.sends, 0);
	assert_int_equal(at_lane_next(&lane), 6000 * MS);
	at_lane_step(&lane, 6000 * MS - 1, false, position);
	assert_int_equal(fake.sends, 0);
	at_lane_step(&lane, 6000 * MS, false, position);
	assert_int_equal(fake.sends, 1);
	assert_int_equal(fake.sent[0], 3);
	assert_int_equal(lane.totals.delivered, 3);
	assert_int_equal(lane.settled, position);
	assert_true(at_lane_next(&lane) == UINT64_MAX);
}

static void test_goes_when_full(void **state)
{
	(void)state;
	add(4, 0);
	at_lane_step(&lane, 1, false, position);
	assert_int_equal(fake.sends, 1);
	assert_int_equal(fake.sent[0], 4);
}

static void test_goes_on_flush(void **state)
{
	(void)state;
	add(1, 0);
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(fake.sends, 1);
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(fake.sends, 1); /* nothing to send: nothing is sent */
}

static void test_one_at_a_time(void **state)
{
	(void)state;
	fake.busy = true;
	add(4, 0);
	at_lane_step(&lane, 1, false, position);
	assert_int_equal(at_lane_room(&lane), 0);
	add(9, 0);
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(fake.sends, 1);
	fake.busy = false;
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(fake.sends, 4);
	assert_int_equal(fake.sent[1], 4);
	assert_int_equal(fake.sent[2], 4);
	assert_int_equal(fake.sent[3], 1);
	assert_int_equal(lane.totals.delivered, 13);
}

static void test_drops_the_new_when_full(void **state)
{
	(void)state;
	fake.busy = true;
	add(4, 0);
	at_lane_step(&lane, 1, false, position);
	add(13, 0); /* ten wait, three find no place */
	assert_int_equal(lane.totals.dropped, 3);
	assert_int_equal(at_counter_get(AT_COUNT_drop_queue_full), 3);
	fake.busy = false;
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(lane.totals.delivered, 14);
}

static void test_counts_the_fate(void **state)
{
	(void)state;
	fake.as = (struct at_result){.delivered = 1, .rejected = 2, .failed = 1};
	add(4, 0);
	at_lane_step(&lane, 1, false, position);
	assert_int_equal(lane.totals.delivered, 1);
	assert_int_equal(lane.totals.rejected, 2);
	assert_int_equal(lane.totals.failed, 1);
	assert_int_equal(at_counter_get(AT_COUNT_spans_exported), 1);
	assert_int_equal(at_counter_get(AT_COUNT_drop_rejected), 2);
	assert_int_equal(at_counter_get(AT_COUNT_drop_export_failed), 1);
}

/* settled follows the batches, not the queue. */
static void test_settled(void **state)
{
	(void)state;
	fake.busy = true;
	add(4, 0);
	add(2, 0);
	at_lane_step(&lane, 1, false, position);
	assert_int_equal(lane.settled, 0);
	fake.busy = false;
	at_lane_step(&lane, 1, false, position);
	assert_int_equal(lane.settled, 3);
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(lane.settled, 6);
}

static void test_span_that_cannot_be_encoded(void **state)
{
	(void)state;
	add(1, 0);
	size_t n = lane.open->out.n;
	fake.refuse = true;
	add(1, 0);
	assert_int_equal(lane.open->out.n, n);
	assert_int_equal(lane.open->spans, 1);
	assert_int_equal(at_counter_get(AT_COUNT_drop_too_large), 1);
	fake.refuse = false;
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(lane.totals.delivered, 1);
}

/* An empty batch is never sent. */
static void test_nothing_but_refused(void **state)
{
	(void)state;
	fake.refuse = true;
	add(2, 0);
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(fake.sends, 0);
	assert_int_equal(lane.settled, position);
}

/* With a spool, what fails for now is sent again until it is there … */
static void test_kept(void **state)
{
	bool exiting = false;
	(void)state;
	lane.keep = true;
	lane.exiting = &exiting;
	fake.as = (struct at_result){.failed = 4, .again = true};
	add(4, 0);
	for (unsigned i = 1; i < 5; i++) {
		at_lane_step(&lane, i, false, position);
		assert_int_equal(fake.sends, i);
		assert_int_equal(lane.settled, 0);
	}
	fake.as = (struct at_result){0};
	at_lane_step(&lane, 9, false, position);
	assert_int_equal(lane.totals.delivered, 4);
	assert_int_equal(lane.totals.failed, 0);
	assert_int_equal(lane.settled, position);
}

/* … but not while the program ends. What fails for good is given up either way. */
static void test_parked(void **state)
{
	bool exiting = true;
	(void)state;
	lane.keep = true;
	lane.exiting = &exiting;
	fake.as = (struct at_result){.failed = 4};
	add(4, 0);
	at_lane_step(&lane, 1, true, position);
	assert_int_equal(lane.totals.failed, 4);
	fake.as.again = true;
	add(4, 0);
	at_lane_step(&lane, 1, true, position);
	at_lane_step(&lane, 2, true, position);
	assert_int_equal(fake.sends, 2);
	assert_true(lane.parked && at_lane_next(&lane) == UINT64_MAX);
	assert_int_equal(lane.totals.failed, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_waits_for_the_delay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_goes_when_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_goes_on_flush, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_drops_the_new_when_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_counts_the_fate, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_settled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_span_that_cannot_be_encoded, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_but_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
