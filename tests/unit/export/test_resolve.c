/*
 * URLs taken apart, and names that need no look-up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "export/lookup.h"
#include "export/resolve.h"

static void test_endpoints(void **state)
{
	static const struct {
		const char *url;
		const char *scheme;
		const char *host;
		unsigned port;
	} rows[] = {
		{"http://localhost:4318/v1/traces", "http", "localhost", 4318},
		{"https://api.honeycomb.io/v1/traces", "https", "api.honeycomb.io", 443},
		{"http://h", "http", "h", 80},
		{"http://h?x=http://y", "http", "h", 80},
		{"http://[::1]:4318/", "http", "::1", 4318},
		{"http://[fe80::1]/", "http", "fe80::1", 80},
		{"http://user:p@ss@h:99/", "http", "h", 99},
		{"proxy.example:3128", "http", "proxy.example", 3128},
		{"HTTPS://H/", "HTTPS", "H", 443},
	};
	static const char *const bad[] = {
		"", "http://", "http://:80/", "http://h:0/", "http://h:x/", "http://h:70000/"};
	struct at_resolve_target e;
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(at_resolve_read_url(&e, at_str_c(rows[i].url)));
		assert_true(at_str_eq(e.scheme, at_str_c(rows[i].scheme)));
		assert_true(at_str_eq(e.host, at_str_c(rows[i].host)));
		assert_int_equal(e.port, rows[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(at_resolve_read_url(&e, at_str_c(bad[i])));
}

static void test_no_look_up(void **state)
{
	static const char *const names[] = {"127.0.0.1", "::1", "localhost", "LOCALHOST",
					    "collector.localhost"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct at_resolve_target e = {AT_STR("http"), at_str_c(names[i]), 4318};
		struct at_str text = AT_STR("x");
		const char *error = NULL;
		assert_int_equal(at_resolve(&e, true, &text, &error), AT_RESOLVE_FOUND);
		assert_int_equal(text.n, 0);
	}
}

/* A name of RFC 6761 that exists nowhere. */
static void test_unknown(void **state)
{
	struct at_resolve_target e = {AT_STR("http"), AT_STR("no-such-host.invalid"), 4318};
	struct at_str text;
	const char *error = NULL;
	enum at_resolve_state found = AT_RESOLVE_BUSY;
	(void)state;
	for (int i = 0; i < 3000 && found == AT_RESOLVE_BUSY; i++) {
		found = at_resolve(&e, false, &text, &error);
		at_lookup_wait(10000000);
	}
	assert_int_equal(found, AT_RESOLVE_FAILED);
	assert_non_null(error);
}

static enum at_resolve_state resolve(const char *host, unsigned port, struct at_str *text)
{
	struct at_resolve_target e = {AT_STR("http"), at_str_c(host), port};
	const char *error = NULL;
	enum at_resolve_state found;
	do {
		at_lookup_wait(UINT64_MAX);
		found = at_resolve(&e, false, text, &error);
	} while (found == AT_RESOLVE_BUSY);
	return found;
}

/* Begins a look-up that is under way at the return: one that is over at once is begun anew. */
static void begin(const struct at_resolve_target *e)
{
	struct at_str text;
	const char *error = NULL;
	enum at_resolve_state found = AT_RESOLVE_FAILED;
	for (int i = 0; i < 1000 && found != AT_RESOLVE_BUSY; i++)
		found = at_resolve(e, false, &text, &error);
	assert_int_equal(found, AT_RESOLVE_BUSY);
}

/* Nobody waits for the result of a look-up any more: it is kept, and is in nobody's way. */
static void test_given_up(void **state)
{
	struct at_resolve_target e = {AT_STR("http"), AT_STR("gone.invalid"), 80};
	struct at_str text;
	(void)state;
	begin(&e);
	assert_int_equal(resolve("other.invalid", 80, &text), AT_RESOLVE_FAILED);
	assert_int_equal(at_lookup_state(), AT_LOOKUP_IDLE);
}

/* A child of a process that was looking up a name leaves names alone. */
static void test_forked(void **state)
{
	struct at_resolve_target e = {AT_STR("http"), AT_STR("gone.invalid"), 80};
	struct at_str text;
	const char *error = NULL;
	(void)state;
	begin(&e);
	pid_t pid = fork();
	if (pid == 0) {
		at_lookup_after_fork();
		_exit(at_resolve(&e, false, &text, &error) == AT_RESOLVE_FAILED && error ? 0 : 1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	resolve("gone.invalid", 80, &text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoints), cmocka_unit_test(test_no_look_up),
		cmocka_unit_test(test_unknown),   cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_forked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
