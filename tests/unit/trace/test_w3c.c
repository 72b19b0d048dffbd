/*
 * traceparent and tracestate against the rules and examples of W3C Trace Context.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/propagate.h"

#define IDS "12345678901234567890123456789012-1234567890123456"

static bool parse(const char *value, struct at_context *c)
{
	return at_propagate_parse_traceparent(at_str_c(value), c);
}

static void valid_traceparents(void **state)
{
	static const struct {
		const char *value;
		uint8_t flags;
	} cases[] = {
		{"00-" IDS "-00", 0},
		{"00-" IDS "-01", 1},
		{"00-" IDS "-02", 2},
		{"00-" IDS "-03", 3},
		{"00-" IDS "-ff", 3},
		{"00-" IDS "-fc", 0},
		{" \t00-" IDS "-01\t ", 1},
		{"cc-" IDS "-01", 1},
		{"cc-" IDS "-01-what-the-future-will-be-like", 1},
		{"01-" IDS "-ff-", 3},
		{"fe-" IDS "-01", 1},
	};
	struct at_context c;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(&c, 0xee, sizeof(c));
		if (!parse(cases[i].value, &c))
			fail_msg("refused: %s", cases[i].value);
		assert_int_equal(c.flags, cases[i].flags);
		assert_memory_equal(c.trace_id,
				    "\x12\x34\x56\x78\x90\x12\x34\x56\x78\x90\x12\x34"
				    "\x56\x78\x90\x12",
				    16);
		assert_memory_equal(c.span_id, "\x12\x34\x56\x78\x90\x12\x34\x56", 8);
		assert_false(c.deferred);
	}
}

static void invalid_traceparents(void **state)
{
	static const char *const cases[] = {
		"",
		"00",
		"ff-" IDS "-01",
		"FF-" IDS "-01",
		"0A-" IDS "-01",
		"0-" IDS "-001",
		".0-" IDS "-01",
		"00-" IDS "-01.",
		"00-" IDS "-01-",
		"00-" IDS "-01-what-the-future-will-be-like",
		"00-" IDS "-01\v",
		"cc-" IDS "-01.what-the-future-will-not-be-like",
		"cc-" IDS "-011",
		"00-" IDS "-.0",
		"00-" IDS "-0.",
		"00-" IDS "-0G",
		"00-" IDS "-0",
		"00-" IDS "-0A",
		"00-" IDS,
		"00_" IDS "-01",
		"00-" IDS "_01",
		"00-00000000000000000000000000000000-1234567890123456-01",
		"00-12345678901234567890123456789012-0000000000000000-01",
		"00-.2345678901234567890123456789012-1234567890123456-01",
		"00-1234567890123456789012345678901.-1234567890123456-01",
		"00-12345678901234567890123456789012-.234567890123456-01",
		"00-12345678901234567890123456789012-123456789012345.-01",
		"00-ABCDEF78901234567890123456789012-1234567890123456-01",
		"00-12345678901234567890123456789012-123456789012345F-01",
		"00-12345678901234567890123456789012_1234567890123456-01",
		"00-1234567890123456789012345678901-1234567890123456-01",
		"00-123456789012345678901234567890123-1234567890123456-01",
		"00-" IDS "-01,00-" IDS "-01",
	};
	struct at_context c, before;
	(void)state;
	memset(&c, 0xee, sizeof(c));
	before = c;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (parse(cases[i], &c))
			fail_msg("accepted: %s", cases[i]);
		assert_memory_equal(&before, &c, sizeof(c));
	}
}

/* Each byte of a valid value replaced by each byte: accepted exactly when the grammar says so. */
static void every_byte_matters(void **state)
{
	static const char good[] = "00-" IDS "-01";
	(void)state;
	for (size_t i = 0; i < 55; i++) {
		for (int byte = 0; byte < 256; byte++) {
			struct at_context c;
			char v[55];
			memcpy(v, good, 55);
			v[i] = (char)byte;
			bool dash = i == 2 || i == 35 || i == 52;
			bool hex = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
			bool got = at_propagate_parse_traceparent(at_str(v, 55), &c);
			assert_int_equal(got, dash ? byte == '-' : hex);
		}
	}
}

static void written_traceparents(void **state)
{
	struct at_context c;
	char out[56] = "";
	(void)state;
	assert_true(parse("cc-" IDS "-ff-x", &c));
	at_propagate_write_traceparent(out, &c);
	assert_string_equal(out, "00-" IDS "-03");
	c.flags = AT_FLAG_DEBUG | AT_FLAG_SAMPLED;
	at_propagate_write_traceparent(out, &c);
	assert_string_equal(out, "00-" IDS "-01");
}

static void assert_state(const char *in, const char *out)
{
	char dst[AT_STATE_MAX + 1];
	size_t n = at_propagate_state(at_str_c(in), dst, AT_STATE_MAX);
	dst[n] = 0;
	assert_string_equal(dst, out);
}

static void tracestates(void **state)
{
	(void)state;
	assert_state("", "");
	assert_state("foo=1", "foo=1");
	assert_state("foo=1,bar=2", "foo=1,bar=2");
	assert_state("foo=1, \t bar=2 ", "foo=1,bar=2");
	assert_state("foo=1,", "foo=1");
	assert_state(",,foo=1, ,bar=2,", "foo=1,bar=2");
	assert_state(" , ", "");
	assert_state("foo@=1,bar=2", "foo@=1,bar=2");
	assert_state("foo@@bar=1,a@b@c=2", "foo@@bar=1,a@b@c=2");
	assert_state("0a*/_-=1", "0a*/_-=1");
	assert_state("foo= 1", "foo= 1");
	assert_state("foo=a b;c:d\"~!", "foo=a b;c:d\"~!");
	assert_state("foo=1,foo=2", "foo=1,foo=2");
	assert_state("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7",
		     "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
}

static void illegal_tracestates_are_discarded_whole(void **state)
{
	static const char *const cases[] = {
		"foo =1",      "FOO=1",        "foo.bar=1",    "foo",         "foo=",
		"foo=bar=baz", "@foo=1",       "@foo=1,bar=2", "foo=,bar=3",  "=1",
		"_a=1",        "-a=1",         "*a=1",         "/a=1",        "foo=a\tb",
		"foo=\x7f",    "foo=\xc3\xa4", "bar=1,foo",    "foo=1,b r=2", "foo=1 ,bar=\n",
	};
	char dst[64];
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (at_propagate_state(at_str_c(cases[i]), dst, sizeof(dst)))
			fail_msg("accepted: %s", cases[i]);
}

static char *repeat(char *p, char c, size_t n)
{
	memset(p, c, n);
	return p + n;
}

static void lengths_of_members(void **state)
{
	char in[1024], dst[1024];
	(void)state;
	for (size_t key = 255; key <= 257; key++) {
		char *p = repeat(in, 'k', key);
		*p++ = '=';
		*p++ = 'v';
		size_t n = at_propagate_state(at_str(in, (size_t)(p - in)), dst, sizeof(dst));
		assert_int_equal(n, key <= 256 ? key + 2 : 0);
	}
	for (size_t value = 255; value <= 257; value++) {
		memcpy(in, "k=", 2);
		char *p = repeat(in + 2, 'v', value);
		size_t n = at_propagate_state(at_str(in, (size_t)(p - in)), dst, sizeof(dst));
		assert_int_equal(n, value <= 256 ? value + 2 : 0);
	}
}

static void thirty_two_members_at_most(void **state)
{
	(void)state;
	for (int members = 31; members <= 33; members++) {
		char in[512] = "", dst[512];
		size_t n = 0;
		for (int i = 0; i < members; i++)
			n += (size_t)sprintf(in + n, "%sbar%02d=%02d", i ? "," : "", i, i);
		assert_int_equal(at_propagate_state(at_str(in, n), dst, sizeof(dst)),
				 members <= 32 ? n : 0);
		n += (size_t)sprintf(in + n, ",,");
		assert_int_equal(at_propagate_state(at_str(in, n), dst, sizeof(dst)),
				 members <= 32 ? n - 2 : 0);
	}
}

static void too_long_loses_long_members_first(void **state)
{
	char in[512], dst[512], *p = in;
	struct at_str s;
	(void)state;
	memcpy(p, "a=1,b=", 6);
	p = repeat(p + 6, 'x', 127); /* 129 bytes with its key */
	memcpy(p, ",c=", 3);
	p = repeat(p + 3, 'y', 126); /* 128 bytes */
	memcpy(p, ",d=4", 4);
	s = at_str(in, (size_t)(p + 4 - in));
	assert_int_equal(at_propagate_state(s, dst, s.n), s.n);
	assert_int_equal(at_propagate_state(s, dst, s.n - 1), 3 + 1 + 128 + 1 + 3);
	assert_memory_equal(dst, "a=1,c=yyy", 9);
	assert_int_equal(at_propagate_state(s, dst, 135), 132);
	assert_memory_equal(dst, "a=1,c=yyy", 9);
	assert_int_equal(at_propagate_state(s, dst, 131), 3);
	assert_memory_equal(dst, "a=1", 3);
	assert_int_equal(at_propagate_state(s, dst, 2), 0);
	assert_int_equal(at_propagate_state(s, dst, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_traceparents),
		cmocka_unit_test(invalid_traceparents),
		cmocka_unit_test(every_byte_matters),
		cmocka_unit_test(written_traceparents),
		cmocka_unit_test(tracestates),
		cmocka_unit_test(illegal_tracestates_are_discarded_whole),
		cmocka_unit_test(lengths_of_members),
		cmocka_unit_test(thirty_two_members_at_most),
		cmocka_unit_test(too_long_loses_long_members_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
