/*
 * The HTTP/1 engine when there is no memory for heads in pieces: such a stream is given up,
 * everything else goes on. A program of its own, because it uses the pool up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "http1_play.h"

/* One block of the smallest size, to be given back when a test wants one. */
static void *small;

/* Takes all blocks the pool has. */
static int use_up(void **state)
{
	(void)state;
	at_pool_limit(8 << 20);
	small = at_pool_get(1, NULL);
	for (size_t n = AT_POOL_MAX; n; n /= 2)
		while (at_pool_get(n, NULL))
			;
	return small ? 0 : -1;
}

static void test_whole_heads_need_none(void **state)
{
	static const char in[] = "GET / HTTP/1.1\r\n\r\n";
	struct at_http1 h;
	struct at_http1_plan plan;
	struct play l = {0};
	(void)state;
	at_http1_init(&h, AT_WIRE_REQUEST);
	assert_true(at_http1_look(&h, in, sizeof(in) - 1, 0, &plan));
	play_feed(&l, &h, in, sizeof(in) - 1);
	assert_int_equal(h.messages, 1);
	at_http1_plan_free(&plan);
	play_free(&l);
}

static void test_pieces_are_given_up(void **state)
{
	struct at_http1 h;
	struct play l = {0};
	(void)state;
	at_http1_init(&h, AT_WIRE_REQUEST);
	play_feed(&l, &h, "GET / HT", 8);
	play_end(&l, &h, false);
	assert_string_equal(l.text, "begin\nstop over-cap messages=0\n");
	play_free(&l);
}

/* With one small block left, what fits into it goes on and what must grow is given up. */
static void test_growth_is_given_up(void **state)
{
	static const char first[] = "GET / HTTP/1.1\r\n";
	static char lines[700];
	(void)state;
	for (size_t i = 0; i < sizeof(lines); i += 7)
		memcpy(lines + i, "a: bcd\n", 7);
	at_pool_put(small);
	for (size_t piece = 1; piece <= sizeof(lines); piece += sizeof(lines) - 1) {
		struct at_http1 h;
		struct at_http1_plan plan;
		struct play l = {0};
		at_http1_init(&h, AT_WIRE_REQUEST);
		play_feed(&l, &h, first, sizeof(first) - 1);
		assert_int_equal(h.state, AT_HTTP1_HEAD);
		assert_false(at_http1_look(&h, "\r\n", 2, 0, &plan));
		at_http1_plan_free(&plan);
		for (size_t at = 0; at < sizeof(lines); at += piece)
			play_feed(&l, &h, lines + at, piece);
		play_end(&l, &h, false);
		assert_string_equal(l.text, "begin\nstop over-cap messages=0\n");
		play_free(&l);
	}
	small = at_pool_get(1, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_heads_need_none),
		cmocka_unit_test(test_pieces_are_given_up),
		cmocka_unit_test(test_growth_is_given_up),
	};
	return cmocka_run_group_tests(tests, use_up, NULL);
}
