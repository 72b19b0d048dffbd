/*
 * Socket addresses as text: RFC 5952, mapped addresses, paths, and addresses of strange lengths.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "conn/conn.h"

static struct at_endpoint v6(const char *text)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(8080)};
	struct at_endpoint e;
	assert_int_equal(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
	at_endpoint_set(&e, (struct sockaddr *)&in6, sizeof(in6));
	assert_int_equal(e.port, 8080);
	return e;
}

static void is_text(const struct at_endpoint *e, const char *expected)
{
	char text[AT_ENDPOINT_TEXT + 1];
	size_t n = at_endpoint_text(e, text);
	assert_true(n <= AT_ENDPOINT_TEXT);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void ipv6_is_written_as_rfc_5952_says(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"::", "::"},
		{"::1", "::1"},
		{"1::", "1::"},
		{"2001:db8::1", "2001:db8::1"},
		{"2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"},
		{"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
		{"0:0:1:0:0:0:1:0", "0:0:1::1:0"},
		{"0:0:0:1:0:0:0:1", "::1:0:0:0:1"},
		{"1:0:0:2:0:0:0:0", "1:0:0:2::"},
		{"fe80::ABCD:EF01", "fe80::abcd:ef01"},
		{"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
		{"1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"},
		{"0:2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
		{"::2:3:4:5:6:7", "::2:3:4:5:6:7"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"::fffe:192.0.2.1", "::fffe:c000:201"},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_endpoint e = v6(rows[i].in);
		is_text(&e, rows[i].out);
		assert_int_equal(at_endpoint_is_v6(&e), strchr(rows[i].out, ':') != NULL);
	}
}

static void ipv4_and_mapped_are_dotted(void **state)
{
	static const char *const rows[] = {"0.0.0.0", "127.0.0.1", "255.255.255.255", "10.20.30.4"};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(65535)};
		struct at_endpoint e;
		inet_pton(AF_INET, rows[i], &in.sin_addr);
		at_endpoint_set(&e, (struct sockaddr *)&in, sizeof(in));
		is_text(&e, rows[i]);
		assert_int_equal(e.port, 65535);
		assert_false(at_endpoint_is_v6(&e));
	}
}

static struct at_endpoint un(const char *path, size_t n)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct at_endpoint e;
	memcpy(a.sun_path, path, n);
	at_endpoint_set(&e, (struct sockaddr *)&a,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	return e;
}

static void paths_end_where_they_end(void **state)
{
	char longest[108];
	struct at_endpoint e = un("/run/app.sock\0rest", 18);
	(void)state;
	is_text(&e, "/run/app.sock");
	e = un("/run/app.sock", 13);
	is_text(&e, "/run/app.sock");
	e = un("\0abstract", 9);
	is_text(&e, "@abstract");
	e = un("", 0);
	is_text(&e, "");
	assert_int_equal(e.family, AF_UNIX);
	memset(longest, 'x', sizeof(longest));
	e = un(longest, sizeof(longest));
	assert_int_equal(e.path_len, 108);
}

static void what_is_no_address_is_unknown(void **state)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_storage other = {.ss_family = AF_NETLINK};
	struct at_endpoint e;
	(void)state;
	at_endpoint_set(&e, NULL, 0);
	assert_int_equal(e.family, 0);
	at_endpoint_set(&e, (struct sockaddr *)&in6, 0);
	assert_int_equal(e.family, 0);
	at_endpoint_set(&e, (struct sockaddr *)&in6, sizeof(in6) - 1);
	assert_int_equal(e.family, 0);
	at_endpoint_set(&e, (struct sockaddr *)&other, sizeof(other));
	assert_int_equal(e.family, 0);
	is_text(&e, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv6_is_written_as_rfc_5952_says),
		cmocka_unit_test(ipv4_and_mapped_are_dotted),
		cmocka_unit_test(paths_end_where_they_end),
		cmocka_unit_test(what_is_no_address_is_unknown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
