/*
 * B3, the single header and the several, in both directions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/b3.h"

#define TRACE "80f198ee56343ba864fe8b2a57d3eff7"
#define SPAN  "e457b5a2e4d86bd1"

static void single_headers(void **state)
{
	static const struct {
		const char *value;
		bool valid, deferred;
		uint8_t flags;
	} cases[] = {
		{TRACE "-" SPAN "-1", true, false, AT_FLAG_SAMPLED},
		{TRACE "-" SPAN "-0", true, false, 0},
		{TRACE "-" SPAN "-d", true, false, AT_FLAG_SAMPLED | AT_FLAG_DEBUG},
		{TRACE "-" SPAN "-1-05e3ac9a4f6e3b90", true, false, AT_FLAG_SAMPLED},
		{TRACE "-" SPAN, true, true, 0},
		{" " TRACE "-" SPAN "-1 ", true, false, AT_FLAG_SAMPLED},
		{"80F198EE56343BA864FE8B2A57D3EFF7-E457B5A2E4D86BD1-1", true, false,
		 AT_FLAG_SAMPLED},
		{"", false, false, 0},
		{"0", false, false, 0},
		{"1", false, false, 0},
		{"d", false, false, 0},
		{TRACE, false, false, 0},
		{TRACE "-", false, false, 0},
		{TRACE "-" SPAN "-", false, false, 0},
		{TRACE "-" SPAN "-2", false, false, 0},
		{TRACE "-" SPAN "-11", false, false, 0},
		{TRACE "-" SPAN "-true", false, false, 0},
		{TRACE "-" SPAN "-1-", false, false, 0},
		{TRACE "-" SPAN "-1-05e3ac9a4f6e3b9", false, false, 0},
		{TRACE "-" SPAN "-1-05e3ac9a4f6e3b9x", false, false, 0},
		{TRACE "-" SPAN "-1-05e3ac9a4f6e3b90-", false, false, 0},
		{TRACE "-0000000000000000-1", false, false, 0},
		{"00000000000000000000000000000000-" SPAN "-1", false, false, 0},
		{"80f198ee56343ba864fe8b2a57d3eff-" SPAN "-1", false, false, 0},
		{"x0f198ee56343ba864fe8b2a57d3eff7-" SPAN "-1", false, false, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct at_context c;
		bool got = at_propagate_parse_b3(at_str_c(cases[i].value), &c);
		if (got != cases[i].valid)
			fail_msg("%s: %d", cases[i].value, got);
		if (!got)
			continue;
		assert_memory_equal(c.trace_id,
				    "\x80\xf1\x98\xee\x56\x34\x3b\xa8\x64\xfe\x8b\x2a"
				    "\x57\xd3\xef\xf7",
				    16);
		assert_memory_equal(c.span_id, "\xe4\x57\xb5\xa2\xe4\xd8\x6b\xd1", 8);
		assert_int_equal(c.flags, cases[i].flags);
		assert_int_equal(c.deferred, cases[i].deferred);
	}
}

static void short_trace_ids_are_padded(void **state)
{
	struct at_context c;
	(void)state;
	assert_true(at_propagate_parse_b3(AT_STR("64fe8b2a57d3eff7-" SPAN "-1"), &c));
	assert_memory_equal(c.trace_id, "\0\0\0\0\0\0\0\0\x64\xfe\x8b\x2a\x57\xd3\xef\xf7", 16);
}

static void several_headers(void **state)
{
	static const struct {
		const char *trace, *span, *sampled, *flags;
		bool valid, deferred;
		uint8_t want;
	} cases[] = {
		{TRACE, SPAN, "1", NULL, true, false, AT_FLAG_SAMPLED},
		{TRACE, SPAN, "0", NULL, true, false, 0},
		{TRACE, SPAN, "true", NULL, true, false, AT_FLAG_SAMPLED},
		{TRACE, SPAN, "False", NULL, true, false, 0},
		{TRACE, SPAN, NULL, NULL, true, true, 0},
		{TRACE, SPAN, NULL, "1", true, false, AT_FLAG_SAMPLED | AT_FLAG_DEBUG},
		{TRACE, SPAN, "0", "1", true, false, AT_FLAG_SAMPLED | AT_FLAG_DEBUG},
		{TRACE, SPAN, "1", "0", true, false, AT_FLAG_SAMPLED},
		{TRACE, SPAN, "yes", NULL, false, false, 0},
		{TRACE, NULL, "1", NULL, false, false, 0},
		{NULL, SPAN, "1", NULL, false, false, 0},
		{TRACE "0", SPAN, "1", NULL, false, false, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct at_context c;
		struct at_carrier in = {.x_b3_traceid = at_str_c(cases[i].trace),
					.x_b3_spanid = at_str_c(cases[i].span),
					.x_b3_sampled = at_str_c(cases[i].sampled),
					.x_b3_flags = at_str_c(cases[i].flags)};
		assert_int_equal(at_b3_parse_multi(&in, &c), cases[i].valid);
		if (!cases[i].valid)
			continue;
		assert_int_equal(c.flags, cases[i].want);
		assert_int_equal(c.deferred, cases[i].deferred);
	}
}

static const char *write_with(size_t (*write)(char *, const struct at_context *), uint8_t flags,
			      bool deferred)
{
	static char out[AT_B3_MAX + 1];
	struct at_context c;
	assert_true(at_propagate_parse_b3(AT_STR(TRACE "-" SPAN "-1"), &c));
	c.flags = flags;
	c.deferred = deferred;
	memset(out, 0, sizeof(out));
	size_t n = write(out, &c);
	assert_int_equal(strlen(out), n);
	assert_true(n <= AT_B3_MAX);
	return out;
}

static void written_headers(void **state)
{
	(void)state;
	assert_string_equal(write_with(at_b3_write_single, AT_FLAG_SAMPLED | AT_FLAG_RANDOM, false),
			    "b3: " TRACE "-" SPAN "-1\r\n");
	assert_string_equal(write_with(at_b3_write_single, 0, false),
			    "b3: " TRACE "-" SPAN "-0\r\n");
	assert_string_equal(write_with(at_b3_write_single, AT_FLAG_SAMPLED | AT_FLAG_DEBUG, false),
			    "b3: " TRACE "-" SPAN "-d\r\n");
	assert_string_equal(write_with(at_b3_write_single, 0, true), "b3: " TRACE "-" SPAN "\r\n");
	assert_string_equal(write_with(at_b3_write_multi, AT_FLAG_SAMPLED, false),
			    "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN
			    "\r\nX-B3-Sampled: 1\r\n");
	assert_string_equal(write_with(at_b3_write_multi, 0, false),
			    "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN
			    "\r\nX-B3-Sampled: 0\r\n");
	assert_string_equal(write_with(at_b3_write_multi, AT_FLAG_DEBUG, false),
			    "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN
			    "\r\nX-B3-Flags: 1\r\n");
	assert_string_equal(write_with(at_b3_write_multi, 0, true),
			    "X-B3-TraceId: " TRACE "\r\nX-B3-SpanId: " SPAN "\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(single_headers),
		cmocka_unit_test(short_trace_ids_are_padded),
		cmocka_unit_test(several_headers),
		cmocka_unit_test(written_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
