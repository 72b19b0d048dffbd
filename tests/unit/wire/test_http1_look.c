/*
 * The look ahead: every way to cut a stream of requests into writes, every insertion, and the edge
 * cases one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_corpus.h"
#include "http1_look_play.h"

static const char *corpus_dir(void)
{
	static char dir[512];
	snprintf(dir, sizeof(dir), "%.*s../../corpus/http1",
		 (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__);
	return dir;
}

/* The stream in pieces that end at `first`, `second` and then every `step` bytes. */
static void look_at(const char *in, size_t n, size_t first, size_t second, size_t step)
{
	struct look_play l;
	look_begin(&l, n);
	for (size_t at = 0, to; at < n; at = to) {
		to = at < first ? first : at < second ? second : at + step;
		to = to < n ? to : n;
		look_piece(&l, in + at, to - at);
	}
	look_compare(&l, in, n);
	look_free(&l);
}

static void look_case(struct corpus_case *c)
{
	bool plain = c->half == AT_WIRE_REQUEST && !c->answers;
	for (size_t a = 0; plain && a <= c->in_n; a++)
		for (size_t b = a; b <= c->in_n && b < a + 8; b++)
			look_at(c->in, c->in_n, a, b, c->in_n);
	for (size_t step = 1; plain && step < 40; step++)
		look_at(c->in, c->in_n, step, step, step);
}

/* For every request of the corpus, cut everywhere: the looks find what the feed finds, and a line
 * inserted where they say arrives as one more header line of each head, everything else as it was.
 */
static void test_corpus(void **state)
{
	(void)state;
	corpus_read(corpus_dir(), look_case);
}

/* Feeds `before`, looks at `data`. */
static bool look(struct at_http1 *h, const char *before, const char *data,
		 struct at_http1_plan *plan)
{
	struct play l = {0};
	at_http1_init(h, AT_WIRE_REQUEST);
	play_feed(&l, h, before, strlen(before));
	play_free(&l);
	return at_http1_look(h, data, strlen(data), 0, plan);
}

static void test_edges(void **state)
{
	static const struct {
		const char *before, *data;
		bool complete, insertable, starts_here, ends_at_cr;
		size_t insert_at, next_at;
	} row[] = {
		{"", "GET / HTTP/1.1\r\n\r\n", true, true, true, false, 16, 18},
		{"", "\r\nGET / HTTP/1.1\n\nrest", true, true, true, false, 17, 18},
		{"", "GET / HTTP/1.1\r\n\r", true, true, true, true, 16, 17},
		{"", "GET / HTTP/1.1\r\n", false, false, false, false, 0, 0},
		{"", "GET / HTTP/1.1\r", false, false, false, false, 0, 0},
		{"G", "ET / HTTP/1.1\r\n\r\n", true, true, false, false, 15, 17},
		{"GET / HTTP/1.1\r\n", "\r\n", true, true, false, false, 0, 2},
		{"GET / HTTP/1.1\r", "\n\r\n", true, true, false, false, 1, 3},
		{"GET / HTTP/1.1\r\n", "\n", true, true, false, false, 0, 1},
		{"GET / HTTP/1.1\r\n", "\r", true, true, false, true, 0, 1},
		{"GET / HTTP/1.1\r\n\r", "\n", true, false, false, false, 0, 1},
		{"GET / HTTP/1.1\r\n\r", "x", false, false, false, false, 0, 0},
		{"GET / HTTP/1.1\r\n\r\n", "\r\n", false, false, false, false, 0, 0},
		{"GET / HTTP/1.1\r\nA: b", "\r\n\r\n", true, true, false, false, 2, 4},
		{"GET / HTTP/1.1\r\nA: b", "\n\r", true, true, false, true, 1, 2},
		{"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\na", "bcGET / HTTP/1.1\r\n\r\n", true,
		 true, true, false, 18, 20},
		{"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\na", "bcGET / HTTP/1.1\r\n\r\n",
		 false, false, false, false, 0, 0},
		{"", "\x16\x03\x01", false, false, false, false, 0, 0},
		{"\x16", "GET / HTTP/1.1\r\n\r\n", false, false, false, false, 0, 0},
		{"", "GET / HTTP/1.1\r\nnonsense\r\n\r\n", false, false, false, false, 0, 0},
		{"GET / HTTP/1.1\r\n", "nonsense\r\n\r\n", false, false, false, false, 0, 0},
		{"", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", false, false, false, false, 0,
		 0},
		{"", "GET / HTTP/2.0\r\n\r\n", false, false, false, false, 0, 0},
		{"", "", false, false, false, false, 0, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct at_http1 h;
		struct at_http1_plan plan;
		bool found = look(&h, row[i].before, row[i].data, &plan);
		if (found != row[i].complete || plan.complete != row[i].complete ||
		    plan.insertable != row[i].insertable ||
		    plan.starts_here != row[i].starts_here ||
		    plan.ends_at_cr != row[i].ends_at_cr || plan.insert_at != row[i].insert_at ||
		    plan.next_at != row[i].next_at)
			fail_msg("row %zu", i);
		at_http1_plan_free(&plan);
		at_http1_free(&h);
	}
}

/* A field that lies in the bytes about to be written is found there, though the head began before.
 */
static void test_field_in_data(void **state)
{
	static const char data[] = "b\r\nTraceparent: 00-abc\r\n\r\n";
	struct at_http1 h;
	struct at_http1_plan plan;
	(void)state;
	assert_true(look(&h, "GET / HTTP/1.1\r\nb3: 1\r\nA: ", data, &plan));
	struct at_str value = plan.m.field[AT_FIELD_traceparent].value;
	assert_true(at_str_eq(value, AT_STR("00-abc")));
	assert_true(value.p >= plan.joined.p + plan.joined_from);
	assert_ptr_equal(data + (value.p - plan.joined.p - plan.joined_from),
			 strstr(data, "00-abc"));
	value = plan.m.field[AT_FIELD_b3].value;
	assert_true(at_str_eq(value, AT_STR("1")));
	assert_true(value.p < plan.joined.p + plan.joined_from);
	at_http1_plan_free(&plan);
	at_http1_free(&h);
}

static void test_pipelined(void **state)
{
	static const char data[] =
		"1 HTTP/1.1\r\n\r\n"
		"POST /2 HTTP/1.1\r\nContent-Length: 4\r\n\r\nGET \r\n"
		"POST /3 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxx\r\n0\r\n\r\n"
		"GET /4 HTTP/1.1\r\n\r\nGET /5 HTTP/1.1\r\n";
	static const char *const target[] = {"/1", "/2", "/3", "/4"};
	struct at_http1 h;
	struct at_http1_plan plan;
	size_t from = 0, i = 0;
	(void)state;
	for (bool more = look(&h, "GET /", data, &plan); more; i++) {
		assert_true(i < 4);
		assert_true(at_str_eq(plan.m.target, at_str_c(target[i])));
		assert_true(plan.starts_here == (i > 0));
		from = plan.next_at;
		more = at_http1_look(&h, data, sizeof(data) - 1, from, &plan);
	}
	assert_int_equal(i, 4);
	at_http1_plan_free(&plan);
	at_http1_free(&h);
}

static void test_response_half(void **state)
{
	struct at_http1 h;
	struct at_http1_plan plan;
	(void)state;
	at_http1_init(&h, AT_WIRE_RESPONSE);
	assert_false(at_http1_look(&h, "HTTP/1.1 200 OK\r\n\r\n", 19, 0, &plan));
	at_http1_plan_free(&plan);
}

/* Heads around the cap, written byte by byte: the look agrees with the feed and stays linear. */
static void test_cap(void **state)
{
	static char s[AT_HTTP1_HEAD_MAX + 1];
	static const char first[] = "GET / HTTP/1.1\r\na:";
	(void)state;
	for (size_t n = AT_HTTP1_HEAD_MAX - 1; n <= AT_HTTP1_HEAD_MAX + 1; n++) {
		for (size_t piece = 1; piece <= 65537; piece = piece * 256 + 1) {
			struct at_http1 h;
			struct at_http1_plan plan;
			struct play l = {0};
			size_t found = 0;
			memset(s, 'x', n);
			memcpy(s, first, sizeof(first) - 1);
			memcpy(s + n - 4, "\r\n\r\n", 4);
			at_http1_init(&h, AT_WIRE_REQUEST);
			for (size_t at = 0, len; at < n; at += len) {
				len = n - at < piece ? n - at : piece;
				if (at_http1_look(&h, s + at, len, 0, &plan) && !plan.ends_at_cr)
					found++;
				at_http1_plan_free(&plan);
				at_http1_feed(&h, s + at, len, &play_sink, &l);
			}
			assert_int_equal(found, n <= AT_HTTP1_HEAD_MAX);
			assert_int_equal(h.messages, found);
			at_http1_free(&h);
			play_free(&l);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),        cmocka_unit_test(test_edges),
		cmocka_unit_test(test_field_in_data), cmocka_unit_test(test_pipelined),
		cmocka_unit_test(test_response_half), cmocka_unit_test(test_cap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
