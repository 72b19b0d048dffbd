/*
 * Tests of wire/hello.c: a ClientHello is known by its random however its bytes are cut, and what
 * is none is known at the first byte that says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/hello.h"

static const char hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
			    "0123456789abcdefghijklmnopqrstuv"
			    "\x20 and what follows";
enum { WHOLE = 43 };

/* The bytes in an own block, so that a read beyond them is seen. */
static enum at_hello_verdict feed(struct at_hello *h, const char *bytes, size_t n)
{
	char *copy = malloc(n + !n);
	memcpy(copy, bytes, n);
	enum at_hello_verdict verdict = at_hello_feed(h, copy, n);
	free(copy);
	return verdict;
}

static void assert_random(const struct at_hello *h)
{
	assert_memory_equal(h->random, "0123456789abcdefghijklmnopqrstuv", 32);
}

static void whole(void **state)
{
	struct at_hello h = {0};
	(void)state;
	assert_int_equal(feed(&h, hello, sizeof(hello) - 1), AT_HELLO_YES);
	assert_random(&h);
}

static void cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < WHOLE; cut++)
		for (size_t again = cut; again < WHOLE; again++) {
			struct at_hello h = {0};
			assert_int_equal(feed(&h, hello, cut), AT_HELLO_MORE);
			assert_int_equal(feed(&h, hello + cut, again - cut), AT_HELLO_MORE);
			assert_int_equal(feed(&h, hello + again, sizeof(hello) - 1 - again),
					 AT_HELLO_YES);
			assert_random(&h);
		}
}

static void byte_by_byte(void **state)
{
	struct at_hello h = {0};
	(void)state;
	for (size_t i = 0; i < WHOLE; i++)
		assert_int_equal(feed(&h, hello + i, 1),
				 i + 1 < WHOLE ? AT_HELLO_MORE : AT_HELLO_YES);
	assert_random(&h);
}

static void every_other_beginning_is_none(void **state)
{
	static const struct {
		size_t at;
		char byte;
	} wrong[] = {{0, 'G'}, {0, 0x17}, {1, 2}, {5, 2}, {5, 0}, {9, 2}};
	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char other[sizeof(hello)];
		struct at_hello h = {0};
		memcpy(other, hello, sizeof(hello));
		other[wrong[i].at] = wrong[i].byte;
		assert_int_equal(feed(&h, other, wrong[i].at), AT_HELLO_MORE);
		assert_int_equal(feed(&h, other + wrong[i].at, 1), AT_HELLO_NO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole),
		cmocka_unit_test(cut_at_every_byte),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(every_other_beginning_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
