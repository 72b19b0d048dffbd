/*
 * The limits of an answer, and heads that end too early.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "export/http_take.h"

static struct at_http_take take;

static size_t line(const char *text)
{
	struct at_str s = at_str_c(text);
	return at_http_take_line((char *)s.p, 1, s.n, &take);
}

static int begin(void **state)
{
	(void)state;
	at_http_take_begin(&take);
	return 0;
}

static void test_whole_head(void **state)
{
	(void)state;
	assert_int_equal(line("HTTP/1.1 200 OK\r\n"), 17);
	assert_true(take.in_head);
	assert_int_equal(line("Content-Length: 2\r\n"), 19);
	assert_true(take.in_head);
	line("\r\n");
	assert_false(take.in_head);
	assert_int_equal(at_http_take_body("ok", 1, 2, &take), 2);
	assert_memory_equal(take.body.p, "ok", 2);
	assert_null(at_http_take_limit(&take));
}

static void test_interim_answer(void **state)
{
	(void)state;
	line("HTTP/1.1 100 Continue\r\n");
	line("\r\n");
	assert_false(take.in_head);
	line("HTTP/1.1 200 OK\n");
	assert_true(take.in_head);
	line("\n");
	assert_false(take.in_head);
	line("X-Trailer: 1\r\n");
	assert_false(take.in_head);
}

/* As many lines as one wants, of whatever kind. */
static void test_endless_head(void **state)
{
	static const char *const kinds[] = {"X-Many: yes\r\n", "HTTP/1.1 100 Continue\r\n", "\r\n"};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t taken = 0;
		size_t n;
		begin(state);
		while ((n = line(kinds[i])) && taken < 1u << 20)
			taken += n;
		assert_in_range(taken, 65500, 65536);
		assert_non_null(at_http_take_limit(&take));
	}
}

static void test_large_body(void **state)
{
	static char piece[1u << 20];
	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(at_http_take_body(piece, 1, sizeof(piece), &take), sizeof(piece));
	assert_null(at_http_take_limit(&take));
	assert_int_equal(at_http_take_body(piece, 1, 1, &take), 0);
	assert_non_null(at_http_take_limit(&take));
	at_http_take_begin(&take);
	assert_null(at_http_take_limit(&take));
	assert_int_equal(take.body.room, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole_head, begin),
		cmocka_unit_test_setup(test_interim_answer, begin),
		cmocka_unit_test_setup(test_endless_head, begin),
		cmocka_unit_test_setup(test_large_body, begin),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	at_out_free(&take.body);
	return failed;
}
