/*
 * Joining: parents before children, siblings in time, orphans, doubles and loops.
 */
#include "unit/view/sample.h"

#include "view/tree.h"

#include <stdio.h>
#include <stdlib.h>

static struct at_store store;

static int set_up(void **state)
{
	const struct at_store_config config = {
		.max_traces = 10, .max_spans = 200000, .max_bytes = 1u << 28};

	(void)state;
	return at_store_init(&store, &config) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	at_store_free(&store);
	return 0;
}

static void add(unsigned char id, unsigned char parent, double from)
{
	char name[2] = {(char)('a' + id - 1), 0};
	struct at_view_span span = sample_span(id, parent, "s", name, 1, from, 100);

	at_store_add(&store, &span, 1);
}

/* The rows as text: name, depth, '.' for the last child, '?' for an orphan. */
static const char *rows(void)
{
	static char text[256];
	struct at_tree_row row[32];
	size_t n = at_tree_order(at_store_next(&store), row);
	char *end = text;

	*end = '\0';
	for (size_t i = 0; i < n; i++)
		end += sprintf(end, "%s%.*s%zu%s%s", i ? " " : "", AT_STR_ARG(row[i].span->name),
			       row[i].depth, row[i].last && row[i].depth ? "." : "",
			       row[i].orphan ? "?" : "");
	return text;
}

static void children_follow_their_parent_in_time(void **state)
{
	(void)state;
	add(5, 2, 20);
	add(3, 1, 30);
	add(4, 2, 15);
	add(2, 1, 10);
	add(1, 0, 0);
	assert_string_equal(rows(), "a0 b1 d2 e2. c1.");
}

static void equal_times_keep_the_order_of_arrival(void **state)
{
	(void)state;
	add(1, 0, 0);
	add(4, 1, 5);
	add(2, 1, 5);
	add(3, 1, 5);
	assert_string_equal(rows(), "a0 d1 b1 c1.");
}

static void a_missing_parent_makes_an_orphan(void **state)
{
	(void)state;
	add(1, 0, 0);
	add(3, 9, 2);
	add(4, 3, 3);
	assert_string_equal(rows(), "a0 c0? d1.");
}

static void a_double_has_one_row(void **state)
{
	(void)state;
	add(1, 0, 0);
	add(2, 1, 1);
	add(2, 1, 1);
	add(2, 1, 1);
	assert_string_equal(rows(), "a0 b1.");
}

static void a_loop_is_opened_at_its_earliest_span(void **state)
{
	(void)state;
	add(1, 0, 0);
	add(2, 4, 30);
	add(3, 2, 20);
	add(4, 3, 40);
	add(5, 2, 5); /* hangs on the loop and is earlier than all of it */
	assert_string_equal(rows(), "a0 c0? d1. b2. e3.");
}

static void a_chain_of_many_spans_does_no_harm(void **state)
{
	enum { N = 100000 };
	struct at_view_span span = sample_span(1, 0, "s", "n", 1, 0, 100);
	struct at_tree_row *row = calloc(N, sizeof(*row));
	char ids[2][8] = {"0000000", "0000000"};

	(void)state;
	for (int i = 0; i < N; i++) {
		snprintf(ids[0], 8, "%07d", i);
		snprintf(ids[1], 8, "%07d", i - 1);
		span.span_id = at_str(ids[0], 8);
		span.parent_id = i ? at_str(ids[1], 8) : AT_STR_NONE;
		at_store_add(&store, &span, 1);
	}
	assert_int_equal(at_tree_order(at_store_next(&store), row), N);
	assert_int_equal(row[N - 1].depth, N - 1);
	free(row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(children_follow_their_parent_in_time),
		TEST(equal_times_keep_the_order_of_arrival),
		TEST(a_missing_parent_makes_an_orphan),
		TEST(a_double_has_one_row),
		TEST(a_loop_is_opened_at_its_earliest_span),
		TEST(a_chain_of_many_spans_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
