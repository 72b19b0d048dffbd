/*
 * Requests and answers as spans: names, attributes, status, what is hidden and what is left out.
 */
#include "corridor.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static struct at_span *serve(const char *request, const char *answer)
{
	int peer, fd = served(&peer);
	comes(peer, fd, request);
	goes(fd, answer);
	closing(fd);
	close(peer);
	assert_int_equal(finished, 1);
	return &spans[0];
}

static struct at_span *call(const char *request, const char *answer)
{
	int peer, fd = called(&peer);
	goes(fd, request);
	comes(peer, fd, answer);
	closing(fd);
	close(peer);
	assert_int_equal(finished, 1);
	return &spans[0];
}

static void says(struct at_span *s, const char *const *pairs)
{
	for (; pairs[0]; pairs += 2)
		if (strcmp(value(s, pairs[0]), pairs[1]) != 0)
			fail_msg("%s is \"%s\", not \"%s\"", pairs[0], value(s, pairs[0]),
				 pairs[1]);
}
#define SAYS(s, ...) says((s), (const char *const[]){__VA_ARGS__, NULL})

static void a_served_request(void **state)
{
	(void)state;
	struct at_span *s = serve("POST /a/b?c=d HTTP/1.1\r\nHost: shop.example:8080\r\n"
				  "User-Agent: ua/1\r\nContent-Length: 3\r\n\r\nabc",
				  OK_ANSWER);
	SAYS(s, "http.request.method", "POST", "url.path", "/a/b", "url.query", "c=d", "url.scheme",
	     "http", "server.address", "shop.example", "server.port", "8080", "client.address",
	     "127.0.0.1", "network.peer.address", "127.0.0.1", "network.protocol.version", "1.1",
	     "user_agent.original", "ua/1", "http.response.status_code", "200",
	     "http.request.body.size", "3", "http.response.body.size", "2", "error.type", "");
	assert_int_equal(s->kind, AT_SPAN_SERVER);
	assert_int_equal(s->status, AT_STATUS_UNSET);
	assert_true(is_root(s) && s->end_ns >= s->start_ns);
	assert_true(at_str_eq(s->name, AT_STR("POST")));
	assert_true(atoi(value(s, "network.peer.port")) > 0);
}

static void a_call(void **state)
{
	(void)state;
	struct at_span *s = call("GET /x?y HTTP/1.1\r\nHost: api.example\r\n\r\n", OK_ANSWER);
	SAYS(s, "http.request.method", "GET", "url.full", "http://api.example/x?y",
	     "server.address", "api.example", "server.port", "80", "network.peer.address",
	     "127.0.0.1", "http.response.status_code", "200", "url.path", "", "error.type", "");
	assert_int_equal(s->kind, AT_SPAN_CLIENT);
	assert_int_equal(s->status, AT_STATUS_UNSET);
}

static void errors_are_the_server_s_from_500_and_the_client_s_from_400(void **state)
{
	static const struct {
		const char *code;
		bool server, client; /* an error */
	} rows[] = {
		{"204", false, false}, {"304", false, false}, {"399", false, false},
		{"400", false, true},  {"404", false, true},  {"499", false, true},
		{"500", true, true},   {"599", true, true},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char answer[100];
		snprintf(answer, sizeof(answer), "HTTP/1.1 %s X\r\nContent-Length: 0\r\n\r\n",
			 rows[i].code);
		struct at_span *s = serve("GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer);
		assert_int_equal(s->status, rows[i].server ? AT_STATUS_ERROR : AT_STATUS_UNSET);
		SAYS(s, "error.type", rows[i].server ? rows[i].code : "");
		finished = 0;
		s = call("GET / HTTP/1.1\r\nHost: a\r\n\r\n", answer);
		assert_int_equal(s->status, rows[i].client ? AT_STATUS_ERROR : AT_STATUS_UNSET);
		SAYS(s, "error.type", rows[i].client ? rows[i].code : "");
		finished = 0;
	}
}

static void an_unknown_method_is_other(void **state)
{
	(void)state;
	struct at_span *s = serve("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", OK_ANSWER);
	SAYS(s, "http.request.method", "_OTHER", "http.request.method_original", "BREW");
	assert_true(at_str_eq(s->name, AT_STR("HTTP")));
}

static void a_list_of_known_methods_replaces_ours(void **state)
{
	(void)state;
	settings((const char *[]){"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS=BREW, GET", NULL});
	struct at_span *s = serve("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n", OK_ANSWER);
	SAYS(s, "http.request.method", "BREW", "http.request.method_original", "");
	finished = 0;
	s = serve("POST /pot HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", OK_ANSWER);
	SAYS(s, "http.request.method", "_OTHER", "http.request.method_original", "POST");
}

static void behind_a_proxy(void **state)
{
	(void)state;
	struct at_span *s = serve("GET / HTTP/1.1\r\nHost: inner:81\r\nX-Forwarded-For: 9.8.7.6, "
				  "1.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: "
				  "outer.example\r\n\r\n",
				  OK_ANSWER);
	SAYS(s, "client.address", "9.8.7.6", "url.scheme", "https", "server.address",
	     "outer.example", "server.port", "443", "network.peer.address", "127.0.0.1");
}

static void headers_are_captured_only_when_listed_and_hidden_when_told(void **state)
{
	(void)state;
	const char *request = "GET / HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nX-Secret: s\r\n\r\n";
	struct at_span *s = serve(request, OK_ANSWER);
	SAYS(s, "http.request.header.x-one", "", "http.request.header.x-secret", "");
	finished = 0;
	settings((const char *[]){
		"OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS=x-one,X-SECRET",
		"OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS=content-length",
		"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS=x-secret", NULL});
	s = serve(request, OK_ANSWER);
	SAYS(s, "http.request.header.x-one", "1", "http.request.header.x-secret", "[REDACTED]",
	     "http.response.header.content-length", "2");
}

static void sizes_can_be_left_out(void **state)
{
	(void)state;
	settings((const char *[]){"AUTOTRACE_HTTP_SIZES=false", NULL});
	struct at_span *s = serve("GET / HTTP/1.1\r\nHost: a\r\n\r\n", OK_ANSWER);
	SAYS(s, "http.request.body.size", "", "http.response.body.size", "");
}

static void the_second_request_of_a_connection_is_described_as_well_as_the_first(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	for (int i = 0; i < 4; i++) {
		comes(peer, fd, "GET /same HTTP/1.1\r\nHost: h:1\r\nUser-Agent: u\r\n\r\n");
		goes(fd, OK_ANSWER);
	}
	comes(peer, fd, "GET /other?q HTTP/1.1\r\nHost: g\r\n\r\n");
	goes(fd, OK_ANSWER);
	assert_int_equal(finished, 5);
	for (int i = 1; i < 4; i++) {
		assert_int_equal(spans[i].attr_count, spans[0].attr_count);
		for (int k = 0; k < spans[0].attr_count; k++) {
			const struct at_attr *a = &spans[0].attr[k], *b = &spans[i].attr[k];
			assert_true(at_str_eq(a->key, b->key));
			if (a->type == AT_ATTR_STRING)
				assert_true(at_str_eq(a->str, b->str));
		}
	}
	SAYS(&spans[4], "url.path", "/other", "url.query", "q", "server.address", "g",
	     "user_agent.original", "");
	closing(fd);
	close(peer);
}

static void an_unsampled_request_makes_no_span_and_is_passed_on_as_such(void **state)
{
	int in_peer, out_peer;
	(void)state;
	int in = served(&in_peer), out = called(&out_peer);
	comes(in_peer, in,
	      "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: "
	      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n\r\n");
	goes(out, "GET / HTTP/1.1\r\nHost: b\r\n\r\n");
	const char *line =
		strstr(arrived(out_peer), "traceparent: 00-0af7651916cd43dd8448eb211c80319c-");
	assert_non_null(line);
	assert_memory_equal(line + 49 + 16, "-00\r\n\r\n", 7);
	comes(out_peer, out, OK_ANSWER);
	goes(in, OK_ANSWER);
	closing(in);
	closing(out);
	close(in_peer);
	close(out_peer);
	assert_int_equal(finished, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, clean_corridor)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_served_request),
		TEST(a_call),
		TEST(errors_are_the_server_s_from_500_and_the_client_s_from_400),
		TEST(an_unknown_method_is_other),
		TEST(a_list_of_known_methods_replaces_ours),
		TEST(behind_a_proxy),
		TEST(headers_are_captured_only_when_listed_and_hidden_when_told),
		TEST(sizes_can_be_left_out),
		TEST(the_second_request_of_a_connection_is_described_as_well_as_the_first),
		TEST(an_unsampled_request_makes_no_span_and_is_passed_on_as_such),
	};
	return cmocka_run_group_tests(tests, start_corridor, NULL);
}
