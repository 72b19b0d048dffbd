/*
 * The HTTP/2 engine: every case of the corpus whole and cut at every byte, the caps, bytes that
 * nobody has seen, and single fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http2_corpus.h"

static void compare(const struct corpus_case *c, const struct play *got, const char *how)
{
	if (strcmp(got->text, c->want) != 0)
		fail_msg("%s, %s\n-- wanted\n%s-- got\n%s", c->name, how, c->want, got->text);
}

static void play_case(struct corpus_case *c)
{
	static struct play got;
	char how[64];
	play(&got, c->half, c->in, c->in_n, c->in_n, c->in_n);
	compare(c, &got, "whole");
	play(&got, c->half, c->in, c->in_n, 1, 1);
	compare(c, &got, "byte by byte");
	size_t step = c->in_n > 5000 ? c->in_n / 500 : 1;
	for (size_t cut = 1; cut < c->in_n; cut += step) {
		play(&got, c->half, c->in, c->in_n, cut, c->in_n);
		snprintf(how, sizeof(how), "cut at %zu", cut);
		compare(c, &got, how);
	}
}

static void each_case_of_the_corpus(void **state)
{
	(void)state;
	assert_true(corpus_each(play_case) > 35);
}

/* ---- frames by hand ---- */

struct bytes {
	char p[200000];
	size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void frame(struct bytes *b, unsigned type, unsigned flags, uint32_t stream, const void *p,
		  size_t n)
{
	const char head[9] = {(char)(n >> 16),      (char)(n >> 8),      (char)n,
			      (char)type,           (char)flags,         (char)(stream >> 24),
			      (char)(stream >> 16), (char)(stream >> 8), (char)stream};
	add(b, head, 9);
	add(b, p, n);
}

static void begin_requests(struct bytes *b)
{
	b->n = 0;
	add(b, AT_HTTP2_PREFACE, AT_HTTP2_PREFACE_LEN);
	frame(b, 4, 0, 0, "", 0);
}

/* Much said in little: as many fields as there are bytes, each of them 1,000 bytes. What does not
 * fit is left out, the rest of the connection is understood. */
static void a_list_over_the_cap_is_cut(void **state)
{
	static struct bytes b;
	static struct play got;
	char block[16000], big[1100] = "\x82\x86\x84\x40\x01"
				       "a\x7f\xe9\x06";
	struct at_http2 h;
	(void)state;
	begin_requests(&b);
	memset(big + 9, 'v', 1000);
	frame(&b, 1, 5, 1, big, 9 + 1000);
	memset(block, (char)0xbe, sizeof(block));
	memcpy(block, "\x82\x86\x84", 3);
	frame(&b, 1, 5, 3, block, sizeof(block));
	memset(&got, 0, sizeof(got));
	at_http2_init(&h, AT_WIRE_REQUEST);
	assert_true(at_http2_feed(&h, b.p, b.n, &play_sink, &got));
	assert_true(h.text.n > 60000 && h.text.n <= AT_HTTP2_TEXT_MAX);
	b.n = 0;
	frame(&b, 1, 5, 5, "\x82\x86\x84\xbe", 4);
	memset(&got, 0, sizeof(got));
	assert_true(at_http2_feed(&h, b.p, b.n, &play_sink, &got));
	at_http2_free(&h);
	assert_non_null(strstr(got.text, "block 5 ends wire=13 GET / scheme:http a=vvv"));
}

static void unseen_bytes_are_data_or_the_end(void **state)
{
	static struct bytes b;
	struct play got = {0};
	struct at_http2 h;
	(void)state;
	b.n = 0;
	frame(&b, 4, 0, 0, "", 0);
	frame(&b, 1, 4, 1, "\x88", 1);
	at_http2_init(&h, AT_WIRE_RESPONSE);
	assert_true(at_http2_feed(&h, b.p, b.n, &play_sink, &got));
	b.n = 0;
	frame(&b, 0, 1, 1, "0123456789", 10);
	assert_true(at_http2_feed(&h, b.p, 9, &play_sink, &got));
	assert_int_equal(at_http2_unread(&h), 10);
	assert_true(at_http2_skip(&h, 4, &play_sink, &got));
	assert_true(at_http2_skip(&h, 6, &play_sink, &got));
	assert_int_equal(at_http2_unread(&h), 0);
	assert_string_equal(got.text, "block 1 wire=10 200\ndata 1 bytes=10 wire=19\nend 1\n");
	assert_false(at_http2_skip(&h, 1, &play_sink, &got));
	assert_int_equal(h.stop, AT_HTTP2_STOP_MALFORMED);
	assert_int_equal(at_http2_unread(&h), UINT64_MAX);
	at_http2_free(&h);
}

static void settings_bind_the_other_direction(void **state)
{
	static struct bytes b;
	struct play got = {0};
	struct at_http2 h;
	(void)state;
	b.n = 0;
	frame(&b, 4, 0, 0, "\0\5\0\1\0\0\0\6\0\0\2\0\0\5\0\0\0\1", 18);
	at_http2_init(&h, AT_WIRE_RESPONSE);
	assert_int_equal(h.max_frame, 16384);
	assert_true(at_http2_feed(&h, b.p, b.n, &play_sink, &got));
	assert_int_equal(h.max_frame, 65536);
	assert_int_equal(h.max_list, 512);
	at_http2_free(&h);
}

/* ---- first bytes ---- */

static void first_bytes(void **state)
{
	static const struct {
		const char *p;
		size_t n;
		bool settings;
	} rows[] = {
		{"\0", 1, true},
		{"\0\0\6\4\0\0\0\0\0", 9, true},
		{"\0\0\6\4\0\0\0\0\0\0\1", 11, true},
		{"\0\0\7\4\0\0\0\0\0", 9, false},
		{"\0\0\6\4\1\0\0\0\0", 9, false},
		{"\0\0\6\1\0\0\0\0\0", 9, false},
		{"\0\0\6\4\0\0\0\0\1", 9, false},
		{"HTTP/1.1 200", 12, false},
		{"\x4a\0\0\0\x0a", 5, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(at_http2_looks_like_settings(rows[i].p, rows[i].n),
				 rows[i].settings);
	assert_int_equal(at_http2_preface(0, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", 28), 24);
	assert_int_equal(at_http2_preface(0, "PUT", 3), 1);
	assert_int_equal(at_http2_preface(3, " * HTTP/1", 9), 8);
}

/* ---- single fields ---- */

static void fields_are_written_as_literals(void **state)
{
	char to[600], value[300];
	(void)state;
	assert_int_equal(at_http2_write_field(to, sizeof(to), AT_STR("X-B3"), AT_STR("v")), 8);
	assert_memory_equal(to, "\x10\x04x-b3\x01v", 8);
	assert_int_equal(at_http2_write_field(to, 20, AT_STR("x-b3"), AT_STR("v")), 0);
	for (size_t n = 100; n < 300; n += 13) {
		static struct bytes b;
		static struct play got;
		char want[400];
		memset(value, 'w', n);
		memcpy(to, "\x82\x86\x84", 3);
		size_t k =
			at_http2_write_field(to + 3, sizeof(to) - 3, AT_STR("k"), at_str(value, n));
		begin_requests(&b);
		frame(&b, 1, 5, 1, to, 3 + k);
		play(&got, AT_WIRE_REQUEST, b.p, b.n, b.n, b.n);
		snprintf(want, sizeof(want), "GET / scheme:http k=%.*s\n", (int)n, value);
		assert_non_null(strstr(got.text, want));
	}
}

static void literals_are_found_where_no_table_keeps_them(void **state)
{
	static const struct {
		struct at_str block;
		ptrdiff_t at;
	} rows[] = {
		{AT_STR("\x82\x00\x01k\x02vv"), 5},
		{AT_STR("\x82\x10\x01k\x02vv"), 5},
		{AT_STR("\x3f\xe1\x01\x82\x00\x01k\x02vv"), 8},
		{AT_STR("\x82\x40\x01k\x02vv"), -1},          /* a table keeps it */
		{AT_STR("\x82\x00\x01k\x82vv"), -1},          /* compressed */
		{AT_STR("\x82\x0f\x2f\x02vv"), -1},           /* a name by its number */
		{AT_STR("\x82\x00\x01k\x03vvv"), -1},         /* another length */
		{AT_STR("\x00\x01z\x06\x00\x01k\x02vv"), -1}, /* in the value of another field */
		{AT_STR("\x82\x00\x01k\x09vv"), -1},
		{AT_STR("\x82\x00\x7f\xff\xff\xff\xff\xff"), -1},
		{AT_STR("\x82"), -1},
		{AT_STR(""), -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(at_http2_find_literal(rows[i].block, AT_STR("k"), 2), rows[i].at);
}

/* ---- the look ahead ---- */

#define HEAD   "\x82\x86\x84\x41\x01h"
#define HEAD_N 6

/* A look tells where fields go, changes nothing that is seen, and a block is told once. */
static void a_look_finds_each_block_once(void **state)
{
	static struct bytes b;
	struct play got = {0};
	struct at_http2 h;
	struct at_http2_plan plan = {0};
	(void)state;
	begin_requests(&b);
	size_t first = b.n;
	frame(&b, 1, 5, 1, HEAD, HEAD_N);
	size_t second = b.n;
	frame(&b, 1, 0xd, 3, "\x03" HEAD "\0\0\0", 1 + HEAD_N + 3);
	size_t data = b.n;
	frame(&b, 0, 1, 5, "data", 4);
	at_http2_init(&h, AT_WIRE_REQUEST);
	assert_int_equal(at_http2_count(&h, b.p, b.n), 2);
	for (int turn = 0; turn < 3; turn++) {
		assert_true(at_http2_look(&h, b.p, b.n, 0, &plan));
		assert_int_equal(plan.again, turn > 0);
		assert_true(plan.insertable);
		assert_int_equal(plan.stream, 1);
		assert_int_equal(plan.frame_at, first);
		assert_int_equal(plan.frame_len, HEAD_N);
		assert_int_equal(plan.insert_at, second);
		assert_int_equal(plan.list_size, 4 * 32 + 7 + 3 + 7 + 4 + 5 + 1 + 10 + 1);
		assert_true(plan.again || at_str_eq(plan.m.method, AT_STR("GET")));
		assert_true(at_http2_look(&h, b.p, b.n, plan.next_at, &plan));
		assert_int_equal(plan.again, turn > 0);
		assert_int_equal(plan.stream, 3);
		assert_int_equal(plan.frame_at, second);
		assert_int_equal(plan.insert_at, data - 3);
		assert_true(plan.insertable);
		assert_false(at_http2_look(&h, b.p, b.n, plan.next_at, &plan));
	}
	assert_true(at_http2_feed(&h, b.p, b.n, &play_sink, &got));
	assert_string_equal(got.text, "known 1 ends wire=15\nknown 3 ends wire=19\n"
				      "data 5 bytes=4 wire=13\nend 5\n");
	at_http2_free(&h);
}

/* What did not go through is looked at again from wherever the kernel stopped. */
static void a_look_goes_on_from_any_byte(void **state)
{
	static struct bytes b;
	(void)state;
	begin_requests(&b);
	frame(&b, 1, 4, 1, HEAD, HEAD_N);
	frame(&b, 0, 1, 1, "data", 4);
	frame(&b, 1, 1, 3, "\x82\x86", 2);
	frame(&b, 9, 4, 3, "\x84\xbe", 2);
	for (size_t cut = 0; cut <= b.n; cut++) {
		struct play got = {.no_known = true};
		struct at_http2 h;
		struct at_http2_plan plan = {0};
		unsigned blocks = 0, again = 0;
		at_http2_init(&h, AT_WIRE_REQUEST);
		for (int turn = 0; turn < 2; turn++) {
			size_t from = turn ? cut : 0;
			for (size_t at = 0; at_http2_look(&h, b.p + from, b.n - from, at, &plan);
			     at = plan.next_at) {
				blocks += !plan.again;
				again += plan.again;
			}
			assert_true(at_http2_feed(&h, b.p + from, turn ? b.n - cut : cut,
						  &play_sink, &got));
		}
		assert_int_equal(blocks, 2);
		assert_int_equal(got.unseen, 2);
		assert_string_equal(got.text, "data 1 bytes=4 wire=13\nend 1\n");
		assert_true(again <= 2);
		at_http2_free(&h);
	}
}

/* Other frames may come between what was looked at and what is written; other heads may not. */
static void what_was_looked_at_must_come(void **state)
{
	static struct bytes b, head, other;
	struct play got = {0};
	struct at_http2 h;
	struct at_http2_plan plan = {0};
	(void)state;
	begin_requests(&b);
	head.n = other.n = 0;
	frame(&head, 1, 5, 1, HEAD, HEAD_N);
	at_http2_init(&h, AT_WIRE_REQUEST);
	assert_true(at_http2_feed(&h, b.p, b.n, &play_sink, &got));
	assert_true(at_http2_look(&h, head.p, head.n, 0, &plan));
	frame(&other, 6, 0, 0, "12345678", 8);
	assert_true(at_http2_feed(&h, other.p, other.n, &play_sink, &got));
	assert_true(at_http2_feed(&h, head.p, head.n, &play_sink, &got));
	assert_string_equal(got.text, "known 1 ends wire=15\n");
	head.n = other.n = 0;
	frame(&head, 1, 5, 3, HEAD, HEAD_N);
	frame(&other, 1, 5, 5, HEAD, HEAD_N);
	assert_true(at_http2_look(&h, head.p, head.n, 0, &plan));
	assert_false(at_http2_feed(&h, other.p, other.n, &play_sink, &got));
	assert_int_equal(h.stop, AT_HTTP2_STOP_MALFORMED);
	at_http2_free(&h);
}

/* A block is changed in its last frame, unless the head of that has left already. */
static void the_last_frame_is_what_counts(void **state)
{
	static struct bytes b;
	struct play got = {0};
	struct at_http2 h;
	struct at_http2_plan plan = {0};
	(void)state;
	begin_requests(&b);
	size_t at = b.n;
	frame(&b, 1, 5, 1, HEAD, HEAD_N);
	at_http2_init(&h, AT_WIRE_REQUEST);
	assert_false(at_http2_look(&h, b.p, b.n - 1, 0, &plan));
	assert_true(at_http2_feed(&h, b.p, at + 12, &play_sink, &got));
	assert_true(at_http2_look(&h, b.p + at + 12, b.n - at - 12, 0, &plan));
	assert_false(plan.insertable);
	assert_true(at_str_eq(plan.m.method, AT_STR("GET")));
	assert_true(at_http2_feed(&h, b.p + at + 12, b.n - at - 12, &play_sink, &got));
	assert_string_equal(got.text, "known 1 ends wire=15\n");
	b.n = 0;
	frame(&b, 1, 1, 3, HEAD, HEAD_N - 2);
	at = b.n;
	frame(&b, 9, 4, 3, &HEAD[HEAD_N - 2], 2);
	assert_true(at_http2_feed(&h, b.p, 11, &play_sink, &got));
	assert_true(at_http2_look(&h, b.p + 11, b.n - 11, 0, &plan));
	assert_true(plan.insertable);
	assert_int_equal(plan.frame_at, at - 11);
	assert_int_equal(plan.frame_len, 2);
	assert_int_equal(plan.insert_at, b.n - 11);
	assert_int_equal(plan.block.n, 0);
	assert_true(at_str_eq(plan.m.field[AT_FIELD_host].value, AT_STR("h")));
	assert_true(at_http2_feed(&h, b.p + 11, b.n - 11, &play_sink, &got));
	b.n = 0;
	frame(&b, 1, 5, 5, HEAD, HEAD_N);
	assert_true(at_http2_feed(&h, b.p, 4, &play_sink, &got));
	assert_true(at_http2_look(&h, b.p + 4, b.n - 4, 0, &plan));
	assert_false(plan.insertable);
	assert_true(at_http2_feed(&h, b.p + 4, b.n - 4, &play_sink, &got));
	assert_int_equal(got.unseen, 3);
	at_http2_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_of_the_corpus),
		cmocka_unit_test(a_list_over_the_cap_is_cut),
		cmocka_unit_test(unseen_bytes_are_data_or_the_end),
		cmocka_unit_test(settings_bind_the_other_direction),
		cmocka_unit_test(first_bytes),
		cmocka_unit_test(fields_are_written_as_literals),
		cmocka_unit_test(literals_are_found_where_no_table_keeps_them),
		cmocka_unit_test(a_look_finds_each_block_once),
		cmocka_unit_test(a_look_goes_on_from_any_byte),
		cmocka_unit_test(what_was_looked_at_must_come),
		cmocka_unit_test(the_last_frame_is_what_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
