/*
 * Which segments of a path are identifiers, and the routes that follow from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "processor/guess.h"

static void test_ids(void **state)
{
	static const char *const ids[] = {
		"1",
		"42",
		"2024",
		"20240501",
		"2024-05-01",
		"1.2.3",
		"10:30",
		"-5",
		"550e8400-e29b-41d4-a716-446655440000",
		"550E8400-E29B-41D4-A716-446655440000",
		"507f1f77bcf86cd799439011",
		"da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"deadbeefdeadbeef",
		"3f2a9c1b",
		"app.3f2a9c1b.js",
		"user-12345",
		"order_48213",
		"dQw4w9WgXcQ",
		"cus_9s6XKzkNRiz8i3",
		"01ARZ3NDEKTSV4RRFFQ69G5FAV",
		"me@example.org",
		"me%40example.org",
		"caf%C3%A9",
		"12345.html",
		"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
		"an-unusually-long-segment-that-nobody-would-choose-as-a-part-of-an-api",
	};
	static const char *const words[] = {
		"",
		"api",
		"v1",
		"v2",
		"users",
		"index.html",
		"style.css",
		"main.js",
		"report-2024",
		"oauth2",
		"s3",
		"web3",
		"login",
		"facade",
		"dead",
		"user_profile",
		"getUserById",
		"iPhone15ProMax",
		"graphql",
		"favicon.ico",
		"robots.txt",
		"jquery-3.min.js",
		"sub-item",
		"{id}",
		"~user",
		"deadbeef",
		"internationalization",
		"HealthCheckEndpoint",
		"2fa",
		"co2",
		"x86",
		"utf8",
		"terms-and-conditions",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (!at_guess_is_id(at_str_c(ids[i])))
			fail_msg("%s is an id", ids[i]);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (at_guess_is_id(at_str_c(words[i])))
			fail_msg("%s is no id", words[i]);
}

static void test_routes(void **state)
{
	static const char *const rows[][2] = {
		{"/", "/"},
		{"/users", "/users"},
		{"/users/", "/users"},
		{"/users/42", "/users/{id}"},
		{"/users/42/orders/550e8400-e29b-41d4-a716-446655440000/items",
		 "/users/{id}/orders/{id}/items"},
		{"//x", "//x"},
		{"/a;jsessionid=1234567/b", "/a/b"},
		{"/1/2/3/4/5/6/7/8", "/{id}/{id}/{id}/{id}/{id}/{id}/{id}/{id}"},
		{"/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/*"},
		{"", ""},
		{"*", ""},
		{"example.org:443", ""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char dst[512];
		size_t n = at_guess_route(dst, at_str_c(rows[i][0]));
		if (!at_str_eq(at_str(dst, n), at_str_c(rows[i][1])))
			fail_msg("%s gives %.*s", rows[i][0], (int)n, dst);
	}
}

/* No route is longer than the room that is promised to be enough. */
static void test_room(void **state)
{
	char path[4096];
	char dst[sizeof(path) + 8 * AT_GUESS_SEGMENTS];
	(void)state;
	for (size_t n = 1; n < sizeof(path); n += 7) {
		memset(path, '/', sizeof(path));
		for (size_t i = 1; i < n; i += 2)
			path[i] = '1';
		assert_true(at_guess_route(dst, at_str(path, n)) <= n + 8 * AT_GUESS_SEGMENTS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
