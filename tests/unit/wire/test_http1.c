/*
 * The HTTP/1 engine: the corpus cut in every way, skip, end of stream, caps, first-byte
 * recognition, and walking over header lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_corpus.h"

static size_t cases;

/* Where the corpus is, seen from this file. */
static const char *corpus_dir(void)
{
	static char dir[512];
	snprintf(dir, sizeof(dir), "%.*s../../corpus/http1",
		 (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__);
	return dir;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void begin(struct play *l, struct at_http1 *h, const struct corpus_case *c)
{
	memset(l, 0, sizeof(*l));
	memcpy(l->answer, c->answer, sizeof(l->answer));
	l->answers = c->answers;
	at_http1_init(h, c->half);
}

static void finish(struct play *l, struct at_http1 *h, const struct corpus_case *c, const char *how)
{
	play_end(l, h, c->eof);
	if (strcmp(l->text, c->want.text) != 0)
		fail_msg("%s, %s:\n-- expected\n%s-- seen\n%s", c->name, how, c->want.text,
			 l->text);
	play_free(l);
}

static void play_case(struct corpus_case *c)
{
	struct play l;
	struct at_http1 h;
	char how[64];
	assert_non_null(c->want.text);
	for (size_t cut = 0; cut <= c->in_n; cut++) {
		begin(&l, &h, c);
		play_feed(&l, &h, c->in, cut);
		play_feed(&l, &h, c->in + cut, c->in_n - cut);
		snprintf(how, sizeof(how), "cut at %zu", cut);
		finish(&l, &h, c, how);
	}
	begin(&l, &h, c);
	for (size_t i = 0; i < c->in_n; i++)
		play_feed(&l, &h, c->in + i, 1);
	finish(&l, &h, c, "byte by byte");
	uint32_t seed = 1 + (uint32_t)c->in_n;
	for (int round = 0; round < 50; round++) {
		begin(&l, &h, c);
		for (size_t at = 0, n; at < c->in_n; at += n) {
			n = 1 + next_random(&seed) % (round + 2u);
			n = n < c->in_n - at ? n : c->in_n - at;
			play_feed(&l, &h, c->in + at, n);
		}
		finish(&l, &h, c, "in random pieces");
	}
	cases++;
}

static void test_corpus(void **state)
{
	(void)state;
	corpus_read(corpus_dir(), play_case);
	assert_true(cases >= 60);
}

static void recognise_case(struct corpus_case *c)
{
	struct at_http1 h;
	struct play l = {0};
	struct at_str in = at_str(c->in, c->in_n);
	int seen = 0;
	for (size_t n = 0; n <= c->in_n; n++) {
		int now = c->half == AT_WIRE_REQUEST
				  ? at_http1_looks_like_request(at_str_head(in, n))
				  : at_http1_looks_like_response(at_str_head(in, n));
		if (seen && now != seen)
			fail_msg("%s: %d after %zu bytes, then %d", c->name, seen, n, now);
		seen = now;
	}
	at_http1_init(&h, c->half);
	play_feed(&l, &h, c->in, c->in_n);
	if (c->half == AT_WIRE_REQUEST && (seen < 0) != (h.stop == AT_HTTP1_STOP_NOT_HTTP))
		fail_msg("%s: looks like %d, stop is %d", c->name, seen, h.stop);
	if (c->half == AT_WIRE_RESPONSE && seen < 0 && h.stop != AT_HTTP1_STOP_NOT_HTTP)
		fail_msg("%s: looks like no response, stop is %d", c->name, h.stop);
	at_http1_free(&h);
	play_free(&l);
}

/* Recognition never changes its mind and agrees with the engine. */
static void test_recognise_corpus(void **state)
{
	(void)state;
	corpus_read(corpus_dir(), recognise_case);
}

static void test_recognise(void **state)
{
	static const struct {
		struct at_str first;
		int request, response;
	} row[] = {
		{AT_STR(""), 0, 0},
		{AT_STR("\r\n"), 0, 0},
		{AT_STR("G"), 0, -1},
		{AT_STR("\r\n\nG"), 0, -1},
		{AT_STR("GET "), 0, -1},
		{AT_STR("GET /"), 0, -1},
		{AT_STR("GET / HTTP/1.1"), 0, -1},
		{AT_STR("GET / HTTP/1.1\r\n"), 1, -1},
		{AT_STR("GET / HTTP/1.0\nHost"), 1, -1},
		{AT_STR("GET / HTTP/1.1\r\nnonsense\r\n"), 1, -1},
		{AT_STR("PRI * HTTP/2.0\r\n"), -1, -1},
		{AT_STR("GET /\r\n"), -1, -1},
		{AT_STR("GET \x01"), -1, -1},
		{AT_STR("H"), 0, 0},
		{AT_STR("HTTP/1"), -1, 0},
		{AT_STR("HTTP/1."), -1, 1},
		{AT_STR("HTTP/1.1 200 OK\r\n"), -1, 1},
		{AT_STR("HTTP/2"), -1, -1},
		{AT_STR("\x16\x03\x01"), -1, -1},
		{AT_STR("*1\r\n"), -1, -1},
		{AT_STR("\0\0\0\x08"), -1, -1},
		{AT_STR("SSH-2"), -1, -1},
		{AT_STR("ABCDEFGHIJKLMNOPQRSTUVWX"), 0, -1},
		{AT_STR("ABCDEFGHIJKLMNOPQRSTUVWXY"), -1, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		if (at_http1_looks_like_request(row[i].first) != row[i].request ||
		    at_http1_looks_like_response(row[i].first) != row[i].response)
			fail_msg("row %zu: %.*s", i, AT_STR_ARG(row[i].first));
	}
}

/* ---- caps ---- */

/* A head of exactly n bytes, then four bytes of body. */
static char *long_head(size_t n, bool one_line)
{
	static const char first[] = "POST / HTTP/1.1\r\nContent-Length: 4\r\n";
	char *s = malloc(n + 4);
	assert_non_null(s);
	memset(s, 'x', n);
	memcpy(s, first, sizeof(first) - 1);
	memcpy(s + sizeof(first) - 1, "a:", 2);
	for (size_t i = sizeof(first) + 98; !one_line && i + 100 < n; i += 100)
		memcpy(s + i, "\r\nb:", 4);
	memcpy(s + n - 4, "\r\n\r\nbody", 8);
	return s;
}

static void feed_in(struct play *l, const char *s, size_t n, size_t piece)
{
	struct at_http1 h;
	at_http1_init(&h, AT_WIRE_REQUEST);
	memset(l, 0, sizeof(*l));
	for (size_t at = 0; at < n; at += piece)
		at_http1_feed(&h, s + at, n - at < piece ? n - at : piece, &play_sink, l);
	play_end(l, &h, false);
}

static void test_cap(void **state)
{
	static const size_t pieces[] = {1, 2, 7, 1000, 32768, 65535, 65536, 65537, 1 << 20};
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct play l;
		char *s = long_head(AT_HTTP1_HEAD_MAX, i & 1);
		feed_in(&l, s, AT_HTTP1_HEAD_MAX + 4, pieces[i / 2]);
		assert_non_null(strstr(l.text, "bytes=65536 "));
		assert_non_null(strstr(l.text, "end body=4 wire=65540\nstate idle messages=1\n"));
		play_free(&l);
		free(s);
		s = long_head(AT_HTTP1_HEAD_MAX + 1, i & 1);
		feed_in(&l, s, AT_HTTP1_HEAD_MAX + 5, pieces[i / 2]);
		assert_string_equal(l.text, "begin\nstop over-cap messages=0\n");
		play_free(&l);
		free(s);
	}
}

static void test_first_line_over_cap(void **state)
{
	static char s[AT_HTTP1_HEAD_MAX + 100];
	(void)state;
	memset(s, 'a', sizeof(s));
	memcpy(s, "GET /", 5);
	for (size_t piece = 1; piece < 2 * sizeof(s); piece *= 5) {
		struct play l;
		feed_in(&l, s, sizeof(s), piece);
		assert_string_equal(l.text, "begin\nstop over-cap messages=0\n");
		play_free(&l);
	}
}

/* ---- skip and end of stream ---- */

static void feed_text(struct play *l, struct at_http1 *h, const char *s)
{
	play_feed(l, h, s, strlen(s));
}

static void test_skip(void **state)
{
	struct at_http1 h;
	struct play l = {0};
	(void)state;
	at_http1_init(&h, AT_WIRE_RESPONSE);
	assert_true(at_http1_skip(&h, 0, &play_sink, &l));
	feed_text(&l, &h, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab");
	assert_true(at_http1_skip(&h, 0, &play_sink, &l));
	assert_true(at_http1_skip(&h, 7, &play_sink, &l));
	assert_int_equal(h.left, 1);
	assert_true(at_http1_skip(&h, 1, &play_sink, &l));
	feed_text(&l, &h, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\n");
	assert_true(at_http1_skip(&h, 0xfff, &play_sink, &l));
	assert_int_equal(h.state, AT_HTTP1_CHUNK_END);
	feed_text(&l, &h, "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n");
	assert_true(at_http1_skip(&h, 5000000000, &play_sink, &l));
	play_end(&l, &h, true);
	assert_string_equal(
		l.text,
		"begin\nhead 200 HTTP/1.1 bytes=39 lines=1 length=10 content-length=\"10\"\n"
		"end body=10 wire=49\n"
		"begin\nhead 200 HTTP/1.1 bytes=47 lines=1 chunked transfer-encoding=\"chunked\"\n"
		"end body=4095 wire=4154\n"
		"begin\nhead 200 HTTP/1.1 bytes=19 lines=0\n"
		"end body=5000000000 wire=5000000019\neof true\nstate idle messages=3\n");
	play_free(&l);
}

/* Bytes nobody has seen where framing should be cannot be followed. */
static void test_skip_where_framing_is(void **state)
{
	static const struct {
		const char *before;
		uint64_t n;
	} row[] = {
		{"", 1},
		{"HTTP/1.1 2", 1},
		{"HTTP/1.1 100 Continue\r\n\r\n", 1},
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 4},
		{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 1},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n", 4},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc", 1},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct at_http1 h;
		struct play l = {0};
		at_http1_init(&h, AT_WIRE_RESPONSE);
		feed_text(&l, &h, row[i].before);
		assert_int_not_equal(h.state, AT_HTTP1_STOPPED);
		assert_false(at_http1_skip(&h, row[i].n, &play_sink, &l));
		assert_int_equal(h.stop, AT_HTTP1_STOP_MALFORMED);
		assert_false(at_http1_skip(&h, 1, &play_sink, &l));
		assert_false(at_http1_feed(&h, "x", 1, &play_sink, &l));
		assert_false(at_http1_eof(&h, &play_sink, &l));
		assert_null(h.hold.p);
		at_http1_free(&h);
		play_free(&l);
	}
}

static void test_eof_once(void **state)
{
	struct at_http1 h;
	struct play l = {0};
	(void)state;
	at_http1_init(&h, AT_WIRE_RESPONSE);
	feed_text(&l, &h, "HTTP/1.1 200 OK\r\n\r\nabc");
	assert_true(at_http1_eof(&h, &play_sink, &l));
	assert_true(at_http1_eof(&h, &play_sink, &l));
	assert_int_equal(h.messages, 1);
	play_end(&l, &h, false);
	play_free(&l);
}

static void test_tunnel(void **state)
{
	struct at_http1 h;
	struct play l = {0};
	(void)state;
	at_http1_init(&h, AT_WIRE_REQUEST);
	feed_text(&l, &h, "CONNECT a:1 HTTP/1.1\r\n\r\nGE");
	at_http1_tunnel(&h);
	assert_int_equal(h.stop, AT_HTTP1_STOP_TUNNEL);
	assert_null(h.hold.p);
	assert_false(at_http1_feed(&h, "T", 1, &play_sink, &l));
	assert_true(at_http1_eof(&h, &play_sink, &l));
	at_http1_init(&h, AT_WIRE_REQUEST);
	feed_text(&l, &h, "\x16");
	at_http1_tunnel(&h);
	assert_int_equal(h.stop, AT_HTTP1_STOP_NOT_HTTP);
	play_free(&l);
}

static void test_messages_saturate(void **state)
{
	struct at_http1 h;
	struct play l = {0};
	(void)state;
	at_http1_init(&h, AT_WIRE_REQUEST);
	h.messages = UINT32_MAX - 1;
	feed_text(&l, &h, "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
	assert_int_equal(h.messages, UINT32_MAX);
	play_free(&l);
}

/* A head that lies in one piece is parsed where it lies. */
static enum at_http1_then slices_lie_in_ctx(void *ctx, const struct at_message *m)
{
	struct at_str *in = ctx;
	assert_true(m->method.p == in->p);
	assert_true(m->block.p > in->p && m->block.p + m->block.n <= in->p + in->n);
	in->n = 0;
	return AT_HTTP1_THEN_BODY;
}

static void ignore(void *ctx)
{
	(void)ctx;
}

static void ignore_end(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	(void)ctx;
	(void)body_bytes;
	(void)wire_bytes;
}

static void test_nothing_is_copied(void **state)
{
	static const struct at_http1_sink sink = {ignore, slices_lie_in_ctx, ignore_end};
	struct at_str in = AT_STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
	struct at_http1 h;
	(void)state;
	at_http1_init(&h, AT_WIRE_REQUEST);
	assert_true(at_http1_feed(&h, in.p, in.n, &sink, &in));
	assert_int_equal(in.n, 0);
	assert_null(h.hold.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_corpus),
		cmocka_unit_test(test_recognise_corpus),
		cmocka_unit_test(test_recognise),
		cmocka_unit_test(test_cap),
		cmocka_unit_test(test_first_line_over_cap),
		cmocka_unit_test(test_skip),
		cmocka_unit_test(test_skip_where_framing_is),
		cmocka_unit_test(test_eof_once),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_messages_saturate),
		cmocka_unit_test(test_nothing_is_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
