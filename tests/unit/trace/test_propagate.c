/*
 * Which propagator is heard, and which lines go out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "trace/propagate.h"

#define TP  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
#define B3  "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"
#define ALL 15u

static uint8_t first_byte(unsigned set, const struct at_carrier *in)
{
	struct at_context c = {.trace_id = {0xee}};
	bool found = at_propagate_extract(set, in, &c);
	assert_int_equal(found, c.trace_id[0] != 0xee);
	return c.trace_id[0];
}

static void extraction_by_set(void **state)
{
	struct at_carrier in = {.traceparent = AT_STR(TP),
				.traceparent_count = 1,
				.b3 = AT_STR(B3),
				.x_b3_traceid = AT_STR("463ac35c9f6413ad48485a3953bb6124"),
				.x_b3_spanid = AT_STR("a2fb4a1d1a96d312")};
	(void)state;
	assert_int_equal(first_byte(AT_PROPAGATE_TRACECONTEXT, &in), 0x0a);
	assert_int_equal(first_byte(AT_PROPAGATE_B3, &in), 0x80);
	assert_int_equal(first_byte(AT_PROPAGATE_B3MULTI, &in), 0x80);
	assert_int_equal(first_byte(ALL, &in), 0x80);
	assert_int_equal(first_byte(AT_PROPAGATE_BAGGAGE, &in), 0xee);
	assert_int_equal(first_byte(0, &in), 0xee);
	in.b3 = AT_STR("malformed");
	assert_int_equal(first_byte(ALL, &in), 0x46);
	assert_int_equal(first_byte(AT_PROPAGATE_B3, &in), 0x46);
	in.x_b3_traceid = AT_STR("malformed");
	assert_int_equal(first_byte(ALL, &in), 0x0a);
	in.traceparent_count = 2;
	assert_int_equal(first_byte(ALL, &in), 0xee);
	in.traceparent_count = 0;
	assert_int_equal(first_byte(ALL, &in), 0xee);
}

static struct at_context context(void)
{
	struct at_context c;
	assert_true(at_propagate_parse_traceparent(AT_STR(TP), &c));
	return c;
}

static const char *inject(unsigned set, unsigned present, const char *tracestate,
			  const char *baggage, size_t cap)
{
	static char out[1024];
	struct at_context c = context();
	memset(out, 0x5a, sizeof(out));
	size_t n = at_propagate_inject(set, present, &c, at_str_c(tracestate), at_str_c(baggage),
				       out, cap);
	assert_true(n <= cap);
	for (size_t i = cap; i < sizeof(out); i++)
		assert_int_equal(out[i], 0x5a);
	out[n] = 0;
	return out;
}

#define LINE_TP "traceparent: " TP "\r\n"
#define LINE_B3 "b3: 0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1\r\n"
#define LINE_X                                               \
	"X-B3-TraceId: 0af7651916cd43dd8448eb211c80319c\r\n" \
	"X-B3-SpanId: b7ad6b7169203331\r\nX-B3-Sampled: 1\r\n"

static void injection_by_set(void **state)
{
	(void)state;
	assert_string_equal(inject(3, 0, "", "", 1000), LINE_TP);
	assert_string_equal(inject(3, 0, "a=b, c=d,", "k=v", 1000),
			    LINE_TP "tracestate: a=b,c=d\r\nbaggage: k=v\r\n");
	assert_string_equal(inject(ALL, 0, "a=b", "k=v", 1000),
			    LINE_TP LINE_B3 LINE_X "tracestate: a=b\r\nbaggage: k=v\r\n");
	assert_string_equal(inject(0, 0, "a=b", "k=v", 1000), "");
	assert_string_equal(inject(1, 0, "a=b", "k=v", 1000), LINE_TP "tracestate: a=b\r\n");
	assert_string_equal(inject(2, 0, "a=b", "k=v", 1000), "baggage: k=v\r\n");
	assert_string_equal(inject(4, 0, "a=b", "", 1000), LINE_B3);
}

static void of_no_context_only_baggage_leaves(void **state)
{
	struct at_context none = {0};
	char lines[200];
	(void)state;
	size_t n = at_propagate_inject(ALL, 0, &none, AT_STR("a=b"), AT_STR("k=v"), lines,
				       sizeof(lines));
	assert_true(at_str_eq(at_str(lines, n), AT_STR("baggage: k=v\r\n")));
}

static void what_the_application_sent_stays_its_own(void **state)
{
	(void)state;
	assert_string_equal(inject(3, 1, "a=b", "k=v", 1000), "baggage: k=v\r\n");
	assert_string_equal(inject(3, 2, "a=b", "k=v", 1000), LINE_TP "tracestate: a=b\r\n");
	assert_string_equal(inject(ALL, ALL, "a=b", "k=v", 1000), "");
}

static void nothing_breaks_out_of_a_line(void **state)
{
	(void)state;
	assert_string_equal(inject(3, 0, "a=b\r\nX: y", "k=v\r\nX: y", 1000), LINE_TP);
	assert_string_equal(inject(3, 0, "a=b\r", "k=v\n", 1000), LINE_TP);
}

/* With every size of room: whole lines only, and traceparent whenever it fits. */
static void lines_are_whole_at_every_cap(void **state)
{
	(void)state;
	for (size_t cap = 0; cap < 400; cap++) {
		const char *out = inject(ALL, 0, "a=b,c=d", "k=v", cap);
		size_t n = strlen(out);
		assert_true(n == 0 || strcmp(out + n - 2, "\r\n") == 0);
		assert_int_equal(strncmp(out, LINE_TP, 70) == 0, cap >= 70);
		assert_true(!strstr(out, "X-B3-TraceId") || strstr(out, "X-B3-Sampled: 1\r\n"));
		assert_true(!strstr(out, "tracestate") || strstr(out, LINE_TP));
	}
	assert_string_equal(inject(1, 0, "a=b,c=d", "", 70 + 12 + 3 + 2),
			    LINE_TP "tracestate: a=b\r\n");
}

/* config may not include trace: the numbers have to agree by themselves. */
static void settings_and_propagators_mean_the_same_bits(void **state)
{
	static const struct {
		const char *entry;
		unsigned bit;
	} cases[] = {{"OTEL_PROPAGATORS=tracecontext", AT_PROPAGATE_TRACECONTEXT},
		     {"OTEL_PROPAGATORS=baggage", AT_PROPAGATE_BAGGAGE},
		     {"OTEL_PROPAGATORS=b3", AT_PROPAGATE_B3},
		     {"OTEL_PROPAGATORS=b3multi", AT_PROPAGATE_B3MULTI}};
	static char arena[AT_CONFIG_ARENA];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *envp[] = {cases[i].entry, NULL};
		struct at_config c;
		assert_true(at_config_load(&c, envp, arena, sizeof(arena)));
		assert_int_equal(c.propagators, cases[i].bit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(extraction_by_set),
		cmocka_unit_test(injection_by_set),
		cmocka_unit_test(of_no_context_only_baggage_leaves),
		cmocka_unit_test(what_the_application_sent_stays_its_own),
		cmocka_unit_test(nothing_breaks_out_of_a_line),
		cmocka_unit_test(lines_are_whole_at_every_cap),
		cmocka_unit_test(settings_and_propagators_mean_the_same_bits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
