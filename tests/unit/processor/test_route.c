/*
 * Templates, routes of server and client spans, and their names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "config/config.h"
#include "processor/chain.h"
#include "processor/template.h"
#include "support/span.h"

static struct at_config config;
static char arena[AT_CONFIG_ARENA];
static struct at_span span;
static struct at_scratch scratch;

static void test_fits(void **state)
{
	static const struct {
		const char *template;
		const char *path;
		bool want;
	} rows[] = {
		{"/", "/", true},
		{"/", "/x", false},
		{"/users/{id}", "/users/7", true},
		{"/users/{id}", "/users/7/", true},
		{"/users/{id}/", "/users/7", true},
		{"/users/{id}", "/users/", false},
		{"/users/{id}", "/users", false},
		{"/users/{id}", "/users/7/x", false},
		{"/users/{id}/orders/{order}", "/users/a b/orders/9", true},
		{"/users/{id}/orders", "/users//orders", false},
		{"/static/*", "/static/a/b.css", true},
		{"/static/*", "/static/", true},
		{"/static/*", "/static", true},
		{"/static/*", "/statics", false},
		{"/*", "/", true},
		{"/*", "/anything/at/all", true},
		{"/a/*/b", "/a/x/b", false},
		{"/a/{}", "/a/{}", true},
		{"/a/{}", "/a/x", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (at_template_fits(at_str_c(rows[i].template), at_str_c(rows[i].path)) !=
		    rows[i].want)
			fail_msg("%s and %s", rows[i].template, rows[i].path);
}

static void *open_with(const char *routes, const char *heuristic)
{
	static char one[400], two[80];
	const char *env[] = {one, two, NULL};
	snprintf(one, sizeof(one), "AUTOTRACE_ROUTES=%s", routes);
	snprintf(two, sizeof(two), "AUTOTRACE_ROUTE_HEURISTIC=%s", heuristic);
	assert_true(at_config_load(&config, env, arena, sizeof(arena)));
	void *self = at_route_ops.open(&config);
	assert_non_null(self);
	return self;
}

static void run(void *self)
{
	scratch.n = 0;
	assert_true(at_route_ops.run(self, &span, &scratch));
}

static void server(void *self, const char *method, const char *path, int status)
{
	span_reset(&span, AT_SPAN_SERVER);
	span.name = at_str_c(strcmp(method, "_OTHER") ? method : "HTTP");
	span_text(&span, AT_KEY_url_path, path);
	span_int(&span, AT_KEY_http_response_status_code, status);
	run(self);
}

static void assert_route(enum at_key key, const char *route, const char *name)
{
	struct at_attr *a = at_span_attr(&span, key);
	if (route) {
		assert_non_null(a);
		assert_true(at_str_eq(a->str, at_str_c(route)));
	} else {
		assert_null(a);
	}
	assert_true(at_str_eq(span.name, at_str_c(name)));
}

static void test_server(void **state)
{
	void *self = open_with("/users/me;/users/{name};/static/*", "true");
	(void)state;
	server(self, "GET", "/users/me", 200);
	assert_route(AT_KEY_http_route, "/users/me", "GET /users/me");
	server(self, "POST", "/users/joe", 200);
	assert_route(AT_KEY_http_route, "/users/{name}", "POST /users/{name}");
	server(self, "GET", "/users/joe", 404);
	assert_route(AT_KEY_http_route, "/users/{name}", "GET /users/{name}");
	server(self, "GET", "/static/1/2/3.css", 200);
	assert_route(AT_KEY_http_route, "/static/*", "GET /static/*");
	server(self, "GET", "/orders/77", 200);
	assert_route(AT_KEY_http_route, "/orders/{id}", "GET /orders/{id}");
	server(self, "GET", "/orders/77", 404);
	assert_route(AT_KEY_http_route, NULL, "GET");
	server(self, "_OTHER", "/x", 200);
	assert_route(AT_KEY_http_route, "/x", "HTTP /x");
	server(self, "OPTIONS", "*", 200);
	assert_route(AT_KEY_http_route, NULL, "OPTIONS");
	at_route_ops.close(self);
}

static void test_heuristic_off(void **state)
{
	void *self = open_with("/a/{b}", "false");
	(void)state;
	server(self, "GET", "/a/1", 200);
	assert_route(AT_KEY_http_route, "/a/{b}", "GET /a/{b}");
	server(self, "GET", "/b/1", 200);
	assert_route(AT_KEY_http_route, NULL, "GET");
	at_route_ops.close(self);
}

/* A route that somebody knew is not guessed at. */
static void test_route_is_there(void **state)
{
	void *self = open_with("", "true");
	(void)state;
	span_reset(&span, AT_SPAN_SERVER);
	span.name = AT_STR("GET");
	span_text(&span, AT_KEY_url_path, "/a/1");
	span_text(&span, AT_KEY_http_route, "/a/:b");
	run(self);
	assert_route(AT_KEY_http_route, "/a/:b", "GET");
	at_route_ops.close(self);
}

static void client(void *self, const char *url)
{
	span_reset(&span, AT_SPAN_CLIENT);
	span.name = AT_STR("GET");
	span_text(&span, AT_KEY_url_full, url);
	run(self);
}

static void test_client(void **state)
{
	void *self = open_with("/users/{id};/", "true");
	(void)state;
	client(self, "http://h:80/users/7?x=/y#z");
	assert_route(AT_KEY_url_template, "/users/{id}", "GET /users/{id}");
	client(self, "http://h/orders/7");
	assert_route(AT_KEY_url_template, NULL, "GET");
	client(self, "http://h");
	assert_route(AT_KEY_url_template, "/", "GET /");
	client(self, "http://h?x");
	assert_route(AT_KEY_url_template, "/", "GET /");
	at_route_ops.close(self);
}

/* A scanner that invents paths cannot make names without end; known ones still get theirs. */
static void test_bound(void **state)
{
	void *self = open_with("", "true");
	unsigned routes = 0;
	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		char path[8] = "/aaaa";
		for (unsigned d = 0, v = i; d < 4; d++, v /= 26)
			path[1 + d] = (char)('a' + v % 26);
		server(self, "GET", path, 200);
		routes += at_span_attr(&span, AT_KEY_http_route) != NULL;
	}
	assert_int_equal(routes, 512);
	server(self, "GET", "/aaaa", 200);
	assert_route(AT_KEY_http_route, "/aaaa", "GET /aaaa");
	at_route_ops.close(self);
}

static void test_file(void **state)
{
	char name[] = "/tmp/autotrace-routes.XXXXXX";
	char spec[64];
	static const char text[] = "# routes\n/users/{id}\r\n\n  /orders/*  \nbroken\n/last";
	struct at_templates t;
	int fd = mkstemp(name);
	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	snprintf(spec, sizeof(spec), "@%s", name);
	at_templates_open(&t, at_str_c(spec));
	assert_int_equal(t.count, 3);
	assert_true(at_str_eq(t.row[0], AT_STR("/users/{id}")));
	assert_true(at_str_eq(t.row[1], AT_STR("/orders/*")));
	assert_true(at_str_eq(t.row[2], AT_STR("/last")));
	at_templates_close(&t);
	unlink(name);
	at_templates_open(&t, at_str_c(spec));
	assert_int_equal(t.count, 0);
	at_templates_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fits),           cmocka_unit_test(test_server),
		cmocka_unit_test(test_heuristic_off),  cmocka_unit_test(test_client),
		cmocka_unit_test(test_route_is_there), cmocka_unit_test(test_bound),
		cmocka_unit_test(test_file),
	};
	at_log_set_level(AT_LOG_NONE);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	at_scratch_free(&scratch);
	return rc;
}
