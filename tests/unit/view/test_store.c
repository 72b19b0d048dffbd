/*
 * Keeping traces: bounds, who goes first, what is counted.
 */
#include "unit/view/sample.h"

#include "view/store.h"

static struct at_store store;

static void start(size_t traces, size_t spans, size_t bytes)
{
	const struct at_store_config config = {.max_traces = traces,
					       .max_spans = spans,
					       .max_bytes = bytes,
					       .keep_attributes = true,
					       .keep_links = true};

	assert_true(at_store_init(&store, &config));
}

static void add(unsigned char trace, unsigned char id, uint64_t now)
{
	struct at_view_span span = sample_span(id, 0, "shop", "name", 2, 0, 1);

	span.trace_id = sample_trace_id(trace);
	at_store_add(&store, &span, now);
}

static unsigned int next(void)
{
	struct at_trace *trace = at_store_next(&store);

	return trace ? trace->id[15] : 0;
}

static void the_trace_longest_without_news_comes_first(void **state)
{
	(void)state;
	start(10, 100, 1u << 20);
	assert_int_equal(next(), 0);
	add(1, 1, 10);
	add(2, 1, 11);
	add(1, 2, 12);
	assert_int_equal(next(), 2);
	at_store_mark_drawn(&store, at_store_next(&store));
	assert_int_equal(next(), 1);
	assert_int_equal(at_store_next(&store)->n, 2);
	at_store_mark_drawn(&store, at_store_next(&store));
	assert_int_equal(next(), 0);
	add(2, 2, 13);
	assert_int_equal(next(), 2);
	assert_int_equal(at_store_next(&store)->drawn, 1);
	at_store_free(&store);
}

static void drawn_traces_are_evicted_first_and_not_counted(void **state)
{
	(void)state;
	start(2, 100, 1u << 20);
	add(1, 1, 1);
	add(2, 1, 2);
	at_store_mark_drawn(&store, at_store_next(&store)); /* trace 1 */
	add(3, 1, 3);
	assert_int_equal(store.evicted_traces, 0);
	assert_int_equal(store.traces, 2);
	assert_int_equal(next(), 2);
	add(4, 1, 4);
	assert_int_equal(store.evicted_traces, 1);
	assert_int_equal(store.evicted_spans, 1);
	assert_int_equal(next(), 3);
	at_store_free(&store);
}

static void spans_are_bounded_at_the_cost_of_other_traces(void **state)
{
	(void)state;
	start(10, 4, 1u << 20);
	add(1, 1, 1);
	add(1, 2, 1);
	add(2, 1, 2);
	add(2, 2, 2);
	add(2, 3, 3);
	assert_int_equal(store.traces, 1);
	assert_int_equal(store.spans, 3);
	assert_int_equal(store.evicted_traces, 1);
	assert_int_equal(store.evicted_spans, 2);
	at_store_free(&store);
}

static void a_trace_alone_loses_its_later_spans(void **state)
{
	(void)state;
	start(10, 2, 1u << 20);
	for (unsigned char i = 1; i <= 5; i++)
		add(1, i, i);
	assert_int_equal(at_store_next(&store)->n, 2);
	assert_int_equal(at_store_next(&store)->dropped, 3);
	assert_int_equal(store.evicted_spans, 3);
	assert_int_equal(store.evicted_traces, 0);
	at_store_free(&store);
}

static void bytes_are_bounded(void **state)
{
	enum { LIMIT = 64 << 10 };
	static char text[1000];
	struct at_view_span span = sample_span(1, 0, "shop", "n", 2, 0, 1);
	struct at_member attribute = {AT_STR("k"), {.type = AT_VALUE_STRING}};

	(void)state;
	memset(text, 'x', sizeof(text));
	attribute.value.text = at_str(text, sizeof(text));
	span.attributes = (struct at_attributes){.at = &attribute, .n = 1};
	start(1000, 100000, LIMIT);
	for (int i = 0; i < 1000; i++) {
		span.trace_id = sample_trace_id((unsigned char)(i % 200 + 1));
		at_store_add(&store, &span, (uint64_t)i);
		/* The trace being added to may grow once past the limit. */
		assert_true(store.bytes < 2 * LIMIT);
	}
	assert_true(store.evicted_traces > 0);
	at_store_free(&store);
	assert_int_equal(store.bytes, 0);
	assert_int_equal(store.spans, 0);
	assert_int_equal(store.traces, 0);
}

static void what_is_kept_of_a_span(void **state)
{
	struct at_value elements[] = {{.type = AT_VALUE_INT, .integer = 1},
				      {.type = AT_VALUE_STRING, .text = AT_STR("two")}};
	struct at_member attributes[] = {
		{AT_STR("http.response.status_code"), {.type = AT_VALUE_INT, .integer = 503}},
		{AT_STR("list"), {.type = AT_VALUE_LIST, .n = 2, .list = elements}},
		{AT_STR("error.type"), {.type = AT_VALUE_STRING, .text = AT_STR("503")}},
	};
	struct at_view_link link = {.trace_id = sample_trace_id(9), .span_id = sample_span_id(8)};
	struct at_view_span span = sample_span(1, 7, "shop", "name", 2, 0, 1);
	struct at_stored_span *kept;

	(void)state;
	start(1, 1, 1u << 20);
	span.attributes = (struct at_attributes){.at = attributes, .n = 3};
	span.links = &link;
	span.n_links = 1;
	at_store_add(&store, &span, 1);
	kept = at_store_next(&store)->spans[0];
	assert_true(at_str_eq(kept->service, AT_STR("shop")));
	assert_true(at_str_eq(kept->pid, AT_STR("71")));
	assert_true(at_str_eq(kept->http_status, AT_STR("503")));
	assert_true(at_str_eq(kept->error_type, AT_STR("503")));
	assert_true(kept->has_parent);
	assert_int_equal(kept->parent_id[7], 7);
	assert_int_equal(kept->n_attributes, 3);
	assert_true(at_str_eq(kept->attributes[1].value, AT_STR("[1,\"two\"]")));
	assert_int_equal(kept->n_links, 1);
	assert_true(at_str_eq(kept->links[0].key,
			      AT_STR("00000000000000000000000000000009/0000000000000008")));
	at_store_free(&store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_trace_longest_without_news_comes_first),
		cmocka_unit_test(drawn_traces_are_evicted_first_and_not_counted),
		cmocka_unit_test(spans_are_bounded_at_the_cost_of_other_traces),
		cmocka_unit_test(a_trace_alone_loses_its_later_spans),
		cmocka_unit_test(bytes_are_bounded),
		cmocka_unit_test(what_is_kept_of_a_span),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
