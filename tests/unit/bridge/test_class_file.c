/*
 * Class files: one that is made of nothing, and calls that are added to a small one, cut
 * everywhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bridge/class_file.h"

/* class C { void m(Object o) { CODE } }, with a handler, a line, a variable and stack maps. */
struct sample {
	uint8_t bytes[400];
	size_t n;
	size_t code; /* where the code is */
};

static void add(struct sample *s, uint32_t value, unsigned bytes)
{
	while (bytes--)
		s->bytes[s->n++] = (uint8_t)(value >> 8 * bytes);
}

static void add_text(struct sample *s, const char *text)
{
	add(s, 1, 1);
	add(s, (uint32_t)strlen(text), 2);
	memcpy(s->bytes + s->n, text, strlen(text));
	s->n += strlen(text);
}

enum { C = 1, CLASS, M, TYPE, CODE, LINES, MAPS, LONG, END = LONG + 2 };

static void add_head(struct sample *s)
{
	add(s, 0xcafebabe, 4);
	add(s, 61, 4);
	add(s, END, 2);
	add_text(s, "C");
	add(s, 7, 1);
	add(s, C, 2);
	add_text(s, "m");
	add_text(s, "(Ljava/lang/Object;)V");
	add_text(s, "Code");
	add_text(s, "LineNumberTable");
	add_text(s, "StackMapTable");
	add(s, 5, 1);
	add(s, 1, 4);
	add(s, 2, 4);
	add(s, 0x21, 2);
	add(s, CLASS, 2);
	add(s, 0, 2);
	add(s, 0, 4); /* interfaces, fields */
	add(s, 1, 2);
}

/* Frames: one that stays narrow or not, by its place, and one that names the place of a `new`. */
static void add_maps(struct sample *s, uint8_t first)
{
	static const uint8_t rest[] = {252, 0, 3, 8,     0, 5, 255, 0,   1, 0,
				       1,   7, 0, CLASS, 0, 1, 1,   250, 0, 2};
	add(s, MAPS, 2);
	add(s, 3 + sizeof(rest), 4);
	add(s, 4, 2);
	add(s, first, 1);
	memcpy(s->bytes + s->n, rest, sizeof(rest));
	s->n += sizeof(rest);
}

static struct sample sample(const uint8_t *code, size_t n, uint8_t first_frame)
{
	struct sample s = {.n = 0};
	add_head(&s);
	add(&s, 0, 2);
	add(&s, M, 2);
	add(&s, TYPE, 2);
	add(&s, 1, 2);
	add(&s, CODE, 2);
	size_t size = s.n;
	add(&s, 0, 4);
	add(&s, 0, 2); /* stack */
	add(&s, 2, 2);
	add(&s, (uint32_t)n, 4);
	s.code = s.n;
	memcpy(s.bytes + s.n, code, n);
	s.n += n;
	add(&s, 1, 2);
	add(&s, 0x00000001, 4); /* from 0 to 1 */
	add(&s, 0x00010000, 4); /* at 1, anything */
	add(&s, 2, 2);
	add(&s, LINES, 2);
	add(&s, 6, 4);
	add(&s, 1, 2);
	add(&s, 0x00010007, 4); /* at 1, line 7 */
	add_maps(&s, first_frame);
	s.bytes[size + 3] = (uint8_t)(s.n - size - 4);
	add(&s, 0, 2);
	return s;
}

static const struct at_class_call at_start = {"m", "(Ljava/lang/Object;)V", 1, "hey", NULL};
static const struct at_class_call at_both = {"m", "(Ljava/lang/Object;)V", 1, "hey", "bye"};

/* Through blocks of the exact size, which a sanitizer watches. */
static size_t change(const struct sample *s, size_t n, const struct at_class_call *call,
		     uint8_t *out)
{
	uint8_t *in = malloc(n + 1);
	uint8_t *made = malloc(n + 512);
	memcpy(in + 1, s->bytes, n);
	size_t size = at_class_with_calls(in + 1, n, "Helper", call, 1, made, n + 512);
	memcpy(out, made, size);
	free(in);
	free(made);
	return size;
}

static const uint8_t plain[] = {0x00, 0xb1};                   /* nop, return */
static const uint8_t jumps[] = {0x2b, 0xc6, 0, 4, 0x00, 0xb1}; /* ifnull +4 */
static const uint8_t twice[] = {0x2b, 0xc6, 0, 4, 0xb1, 0xb1}; /* return, return */
static const uint8_t number[] = {0x03, 0xac};                  /* iconst_0, ireturn */
static const uint8_t table[] = {0x03, 0xaa, 0, 0, 0, 0, 0, 19, 0,  0,   0,
				0,    0,    0, 0, 0, 0, 0, 0,  19, 0xb1};
static const uint8_t wide[] = {0xc4, 0x84, 0, 1, 0, 1, 0xb1};
static const uint8_t hidden[] = {0x10, 0xb1, 0x57, 0xb1}; /* bipush 0xb1, pop, return */

/* What stands behind the code of n bytes: `count` bytes of these. */
static void behind(const uint8_t *out, const struct sample *s, size_t code, const char *hex)
{
	static const char digits[] = "0123456789abcdef";
	(void)s;
	for (size_t i = 0; hex[2 * i]; i++) {
		uint8_t wanted = (uint8_t)(strchr(digits, hex[2 * i]) - digits) << 4 |
				 (uint8_t)(strchr(digits, hex[2 * i + 1]) - digits);
		assert_int_equal(out[code + i], wanted);
	}
}

static size_t find(const uint8_t *out, size_t n, const uint8_t *part, size_t count)
{
	for (size_t i = 0; i + count <= n; i++)
		if (memcmp(out + i, part, count) == 0)
			return i;
	fail_msg("the code is not there");
	return 0;
}

static void a_call_is_the_first_thing(void **state)
{
	uint8_t out[1000];
	(void)state;
	struct sample s = sample(plain, sizeof(plain), 3);
	size_t n = change(&s, s.n, &at_start, out);
	assert_true(n > s.n);
	/* Entry END + 5 of the pool is the method called. */
	const uint8_t code[] = {0, 1, 0, 2, 0, 0, 0, 6, 0x2b, 0xb8, 0, END + 5, 0x00, 0xb1};
	size_t at = find(out, n, code, sizeof(code)) + sizeof(code);
	behind(out, &s, at,
	       "0001"
	       "000400050005"
	       "0000"
	       "0002");
	/* The line's place, and frames: 3 becomes 7, the place of `new` 5 becomes 9. */
	behind(out, &s, at + 12,
	       "0006"
	       "00000006"
	       "0001"
	       "00050007");
	behind(out, &s, at + 24,
	       "0007"
	       "00000017"
	       "0004"
	       "07"
	       "fc0003080009"
	       "ff0001000107000200010"
	       "1"
	       "fa0002");
}

static void frames_that_become_too_far_are_written_wide(void **state)
{
	uint8_t out[1000];
	(void)state;
	struct sample s = sample(plain, sizeof(plain), 61);
	size_t n = change(&s, s.n, &at_start, out);
	const uint8_t same[] = {0, 4, 251, 0, 65, 252};
	const uint8_t grown[] = {0, 7, 0, 0, 0, 0x19};
	find(out, n, same, sizeof(same));
	find(out, n, grown, sizeof(grown));
	s = sample(plain, sizeof(plain), 63);
	n = change(&s, s.n, &at_start, out);
	const uint8_t last[] = {0, 4, 251, 0, 67, 252};
	find(out, n, last, sizeof(last));
}

static void a_second_call_stands_before_the_only_return(void **state)
{
	uint8_t out[1000];
	(void)state;
	struct sample s = sample(jumps, sizeof(jumps), 3);
	size_t n = change(&s, s.n, &at_both, out);
	const uint8_t code[] = {0,    0, 0, 14,   0x2b, 0xb8, 0, END + 5, 0x2b,
				0xc6, 0, 4, 0x00, 0x2b, 0xb8, 0, END + 8, 0xb1};
	find(out, n, code, sizeof(code));
	const struct {
		const uint8_t *code;
		size_t n;
		bool fine;
	} rows[] = {
		{plain, sizeof(plain), true},
		{table, sizeof(table), true},
		{wide, sizeof(wide), true},
		{hidden, sizeof(hidden), true},
		{twice, sizeof(twice), false},
		{number, sizeof(number), false},
		{plain, 1, false},
		{table, sizeof(table) - 1, false},
		{wide, sizeof(wide) - 2, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		s = sample(rows[i].code, rows[i].n, 3);
		assert_int_equal(change(&s, s.n, &at_both, out) > 0, rows[i].fine);
		assert_true(change(&s, s.n, &at_start, out) > 0);
	}
}

static void what_is_missing_or_malformed_is_refused(void **state)
{
	uint8_t out[1000];
	(void)state;
	struct sample s = sample(jumps, sizeof(jumps), 3);
	struct at_class_call other = at_start;
	other.method = "n";
	assert_int_equal(change(&s, s.n, &other, out), 0);
	other = at_start;
	other.descriptor = "()V";
	assert_int_equal(change(&s, s.n, &other, out), 0);
	for (size_t n = 0; n < s.n; n++)
		assert_int_equal(change(&s, n, &at_both, out), 0);
	for (size_t i = 0; i < s.n; i++) {
		struct sample broken = s;
		broken.bytes[i] ^= 0xff;
		change(&broken, broken.n, &at_both, out);
	}
	size_t full = change(&s, s.n, &at_both, out);
	for (size_t room = 0; room < full; room++)
		assert_int_equal(
			at_class_with_calls(s.bytes, s.n, "Helper", &at_both, 1, out, room), 0);
}

static void a_class_of_natives_is_a_class(void **state)
{
	static const char *const names[] = {"m", "hey"};
	uint8_t made[300], out[1000];
	(void)state;
	size_t n = at_class_of_natives("p/Helper", names, 2, made, sizeof(made));
	assert_true(n > 0);
	for (size_t room = 0; room < n; room++)
		assert_int_equal(at_class_of_natives("p/Helper", names, 2, made, room), 0);
	/* Its methods are there, and have no code. */
	assert_int_equal(at_class_with_calls(made, n, "H", &at_start, 1, out, sizeof(out)), 0);
	assert_true(at_class_with_calls(made, n, "H", &at_start, 0, out, sizeof(out)) > 0);
	const uint8_t method[] = {1, 9, 0, 6, 0, 5, 0, 0};
	find(made, n, method, sizeof(method));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_is_the_first_thing),
		cmocka_unit_test(frames_that_become_too_far_are_written_wide),
		cmocka_unit_test(a_second_call_stands_before_the_only_return),
		cmocka_unit_test(what_is_missing_or_malformed_is_refused),
		cmocka_unit_test(a_class_of_natives_is_a_class),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
