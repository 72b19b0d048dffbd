/*
 * Records there and back, and every way a block can be broken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "trace/record.h"

static char attr_mem[8192], block[16384];

static struct at_attrs attrs(uint32_t room, uint16_t limit)
{
	return (struct at_attrs){.p = attr_mem, .room = room, .limit = limit};
}

static struct at_record_head head(void)
{
	struct at_record_head h = {.start_ns = 1544712660000000000u,
				   .end_ns = 1544712661000000000u,
				   .kind = AT_SPAN_CLIENT,
				   .status = AT_STATUS_ERROR,
				   .flags = 3,
				   .parent_remote = 1};
	memset(h.trace_id, 0x11, sizeof(h.trace_id));
	memset(h.span_id, 0x22, sizeof(h.span_id));
	memset(h.parent_id, 0x33, sizeof(h.parent_id));
	return h;
}

/* Writes attributes, name, state and links into block; returns the size. */
static size_t write_block(const struct at_attrs *a, const char *name, const char *state,
			  unsigned links)
{
	struct at_record_link link[20];
	struct at_record_head h = head();
	memset(link, 0x44, sizeof(link));
	h.attrs = a->count;
	h.attr_bytes = a->n;
	h.dropped_attrs = a->dropped;
	h.name_len = (uint16_t)strlen(name);
	h.state_len = (uint16_t)strlen(state);
	h.links = (uint16_t)links;
	size_t n = at_record_size(&h);
	assert_true(n <= sizeof(block));
	at_record_write(block, &h, name, state, a->p, link);
	return n;
}

static size_t write_rich_block(void)
{
	struct at_attrs a = attrs(sizeof(attr_mem), 128);
	at_attrs_str(&a, AT_KEY_url_path, AT_STR("/a"));
	at_attrs_int(&a, AT_KEY_http_response_status_code, -500);
	at_attrs_double(&a, AT_KEY_autotrace_ttfb, 0.25);
	at_attrs_bool(&a, AT_KEY_network_type, true);
	at_attrs_str(&a, AT_KEY_error_type, AT_STR_NONE);
	at_attrs_list(&a, AT_STR("http.request.header."), AT_STR("X-Trace-ID"), AT_STR("Value"));
	return write_block(&a, "GET", "a=b", 2);
}

static bool read_whole(struct at_span *s, const void *record, size_t n)
{
	return at_span_read(s, record, n) && at_span_expand(s);
}

static void there_and_back(void **state)
{
	static struct at_span s;
	size_t n = write_rich_block();
	(void)state;
	assert_true(read_whole(&s, block, n));
	assert_int_equal(s.trace_id[15], 0x11);
	assert_int_equal(s.span_id[7], 0x22);
	assert_int_equal(s.parent_id[7], 0x33);
	assert_true(s.start_ns == 1544712660000000000u && s.end_ns == 1544712661000000000u);
	assert_int_equal(s.kind, AT_SPAN_CLIENT);
	assert_int_equal(s.status, AT_STATUS_ERROR);
	assert_int_equal(s.flags, 3);
	assert_int_equal(s.parent_remote, 1);
	assert_true(at_str_eq(s.name, AT_STR("GET")));
	assert_true(at_str_eq(s.state, AT_STR("a=b")));
	assert_int_equal(s.status_message.n, 0);
	assert_int_equal(s.link_count, 2);
	assert_int_equal(s.link[1].span_id[0], 0x44);
	assert_int_equal(s.attr_count, 6);
	assert_int_equal(s.dropped_attrs, 0);
	assert_true(at_str_eq(s.attr[0].key, AT_STR("url.path")));
	assert_true(at_str_eq(s.attr[0].str, AT_STR("/a")));
	assert_true(s.attr[1].i == -500);
	assert_true(s.attr[2].d == 0.25);
	assert_true(s.attr[3].i == 1 && s.attr[3].type == AT_ATTR_BOOL);
	assert_int_equal(s.attr[4].str.n, 0);
	assert_int_equal(s.attr[5].type, AT_ATTR_STRING_LIST);
	assert_int_equal(s.attr[5].key_id, AT_KEY_LITERAL);
	assert_true(at_str_eq(s.attr[5].key, AT_STR("http.request.header.x-trace-id")));
	assert_true(at_str_eq(s.attr[5].str, AT_STR("Value")));
}

static void every_key_has_its_name(void **state)
{
	(void)state;
	for (int k = 0; k < AT_KEYS; k++)
		assert_true(at_key_name((enum at_key)k).n > 0);
	assert_true(at_str_eq(at_key_name(AT_KEY_http_route), AT_STR("http.route")));
	assert_int_equal(at_key_name(AT_KEYS).n, 0);
	assert_int_equal(at_key_name(AT_KEY_LITERAL).n, 0);
}

static void truncated_at_every_byte(void **state)
{
	static struct at_span s;
	size_t n = write_rich_block();
	(void)state;
	for (size_t cut = 0; cut < n; cut++) {
		char *copy = malloc(cut ? cut : 1);
		memcpy(copy, block, cut);
		assert_false(read_whole(&s, copy, cut));
		free(copy);
	}
	assert_false(read_whole(&s, block, n + 1));
}

/* Each byte flipped in turn: refused or read, never out of bounds (the sanitizers watch). */
static void damaged_at_every_byte(void **state)
{
	static struct at_span s;
	size_t n = write_rich_block(), read = 0;
	char *copy = malloc(n);
	(void)state;
	for (size_t i = 0; i < n; i++) {
		for (int bit = 0; bit < 8; bit++) {
			memcpy(copy, block, n);
			copy[i] ^= (char)(1 << bit);
			if (!read_whole(&s, copy, n))
				continue;
			read++;
			for (unsigned k = 0; k < s.attr_count; k++) {
				const struct at_attr *a = &s.attr[k];
				bool text = a->type <= AT_ATTR_STRING_LIST;
				assert_true(!text || a->str.n == 0 ||
					    (a->str.p >= copy && a->str.p + a->str.n <= copy + n));
				assert_true(a->key.n > 0);
			}
			assert_true(s.end_ns >= s.start_ns);
		}
	}
	assert_true(read > 0 && read < n * 8);
	free(copy);
}

static void refused_heads(void **state)
{
	static struct at_span s;
	struct at_record_head h = head();
	(void)state;
	assert_true(read_whole(&s, &h, sizeof(h)));
	h.kind = 0;
	assert_false(read_whole(&s, &h, sizeof(h)));
	h.kind = 4;
	assert_false(read_whole(&s, &h, sizeof(h)));
	h = head();
	h.status = 3;
	assert_false(read_whole(&s, &h, sizeof(h)));
	h = head();
	memset(h.trace_id, 0, sizeof(h.trace_id));
	assert_false(read_whole(&s, &h, sizeof(h)));
	h = head();
	memset(h.span_id, 0, sizeof(h.span_id));
	assert_false(read_whole(&s, &h, sizeof(h)));
	h = head();
	h.end_ns = 1;
	assert_true(read_whole(&s, &h, sizeof(h)));
	assert_true(s.end_ns == s.start_ns);
}

static void what_does_not_fit_is_counted(void **state)
{
	(void)state;
	/* Two attributes of 8 + 10 bytes each need 36. */
	for (uint32_t room = 0; room < 40; room++) {
		struct at_attrs a = attrs(room, 128);
		memset(attr_mem, 0x5a, sizeof(attr_mem));
		at_attrs_str(&a, AT_KEY_url_path, AT_STR("0123456789"));
		at_attrs_str(&a, AT_KEY_url_query, AT_STR("0123456789"));
		assert_int_equal(a.count, room < 18 ? 0 : room < 36 ? 1 : 2);
		assert_int_equal(a.count + a.dropped, 2);
		assert_int_equal(a.n, a.count * 18);
		assert_int_equal(attr_mem[room], 0x5a);
	}
	struct at_attrs a = attrs(sizeof(attr_mem), 1);
	at_attrs_int(&a, AT_KEY_server_port, 1);
	at_attrs_int(&a, AT_KEY_client_port, 1);
	at_attrs_bool(&a, AT_KEY_client_port, 1);
	at_attrs_double(&a, AT_KEY_client_port, 1);
	assert_int_equal(a.count, 1);
	assert_int_equal(a.dropped, 3);
	a = attrs(sizeof(attr_mem), 0);
	at_attrs_list(&a, AT_STR("p."), AT_STR("n"), AT_STR("v"));
	assert_int_equal(a.dropped, 1);
	a = attrs(sizeof(attr_mem), 128);
	char name[256];
	memset(name, 'n', sizeof(name));
	at_attrs_list(&a, AT_STR("p."), at_str(name, 253), AT_STR("v"));
	at_attrs_list(&a, AT_STR("p."), at_str(name, 254), AT_STR("v"));
	at_attrs_list(&a, AT_STR_NONE, AT_STR_NONE, AT_STR("v"));
	assert_int_equal(a.count, 1);
	assert_int_equal(a.dropped, 2);
}

static void the_count_must_agree_with_the_bytes(void **state)
{
	static struct at_span s;
	struct at_attrs a = attrs(sizeof(attr_mem), 128);
	(void)state;
	at_attrs_int(&a, AT_KEY_server_port, 1);
	at_attrs_int(&a, AT_KEY_client_port, 2);
	assert_true(read_whole(&s, block, write_block(&a, "x", "", 1)));
	a.count = 1;
	assert_false(read_whole(&s, block, write_block(&a, "x", "", 1)));
	a.count = 3;
	assert_false(read_whole(&s, block, write_block(&a, "x", "", 1)));
}

static void texts_are_joined_or_left_out_whole(void **state)
{
	static const struct at_str parts[] = {{"http://h", 8}, {NULL, 0}, {"/path", 5}, {"?q", 2}};
	static struct at_span s;
	(void)state;
	for (uint32_t room = 0; room < 25; room++) {
		struct at_attrs a = attrs(room, 128);
		at_attrs_join(&a, AT_KEY_url_full, parts, 4);
		assert_int_equal(a.count, room >= 8 + 15);
		assert_int_equal(a.dropped, room < 8 + 15);
		assert_true(read_whole(&s, block, write_block(&a, "x", "", 0)));
		assert_true(!a.count || at_str_eq(s.attr[0].str, AT_STR("http://h/path?q")));
	}
}

/* The five attributes of a record cut into its three groups in every way. */
static void attributes_come_in_groups(void **state)
{
	static struct at_span s;
	struct at_attrs a = attrs(sizeof(attr_mem), 128);
	struct at_record_head h = head();
	uint32_t end[6] = {0};
	(void)state;
	for (int i = 0; i < 5; i++) {
		at_attrs_int(&a, (enum at_key)i, i);
		end[i + 1] = a.n;
	}
	h.attrs = a.count;
	h.attr_bytes = a.n;
	for (uint16_t fixed = 0; fixed <= 5; fixed++) {
		for (uint16_t own = 0; own + fixed <= 5; own++) {
			uint16_t shape = (uint16_t)(5 - fixed - own);
			h.fixed_attrs = fixed;
			h.fixed_bytes = end[fixed];
			h.own_attrs = own;
			h.own_bytes = a.n - end[5 - own];
			at_record_write(block, &h, "", "", a.p, NULL);
			size_t n = at_record_size(&h);
			assert_true(at_span_read(&s, block, n));
			assert_int_equal(s.attr_count, 0);
			assert_int_equal(s.fixed.count, fixed);
			assert_int_equal(s.shape.count, shape);
			assert_int_equal(s.own.count, own);
			assert_true(at_span_unpack(&s, &s.shape));
			assert_int_equal(s.attr_count, shape);
			for (uint16_t i = 0; i < shape; i++)
				assert_int_equal(s.attr[i].key_id, fixed + i);
			assert_true(read_whole(&s, block, n));
			assert_int_equal(s.attr_count, 5);
			for (uint16_t i = 0; i < 5; i++)
				assert_int_equal(s.attr[i].key_id, i);
		}
	}
}

static void groups_must_agree_with_the_whole(void **state)
{
	static struct at_span s;
	struct at_attrs a = attrs(sizeof(attr_mem), 128);
	(void)state;
	at_attrs_int(&a, AT_KEY_server_port, 1);
	at_attrs_int(&a, AT_KEY_client_port, 2);
	static const struct {
		uint16_t fixed, own;
		uint32_t fixed_bytes, own_bytes;
	} bad[] = {{3, 0, 16, 0}, {0, 3, 0, 16}, {2, 1, 32, 0}, {1, 1, 16, 17},        {1, 0, 0, 0},
		   {0, 0, 16, 0}, {0, 1, 0, 0},  {0, 0, 0, 16}, {1, 1, UINT32_MAX, 33}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct at_record_head h = head();
		h.attrs = a.count;
		h.attr_bytes = a.n;
		h.fixed_attrs = bad[i].fixed;
		h.fixed_bytes = bad[i].fixed_bytes;
		h.own_attrs = bad[i].own;
		h.own_bytes = bad[i].own_bytes;
		at_record_write(block, &h, "", "", a.p, NULL);
		assert_false(at_span_read(&s, block, at_record_size(&h)));
	}
}

static void surplus_of_a_record_is_counted(void **state)
{
	static struct at_span s;
	struct at_attrs a = attrs(sizeof(attr_mem), 200);
	(void)state;
	for (int i = 0; i < AT_SPAN_ATTRS_MAX + 5; i++)
		at_attrs_int(&a, AT_KEY_server_port, i);
	a.dropped = 2;
	size_t n = write_block(&a, "", "", AT_SPAN_LINKS_MAX + 3);
	assert_true(read_whole(&s, block, n));
	assert_int_equal(s.attr_count, AT_SPAN_ATTRS_MAX);
	assert_int_equal(s.dropped_attrs, 7);
	assert_int_equal(s.link_count, AT_SPAN_LINKS_MAX);
}

static void attributes_are_set_and_taken_away(void **state)
{
	static struct at_span s;
	struct at_attrs a = attrs(sizeof(attr_mem), 128);
	(void)state;
	at_attrs_int(&a, AT_KEY_server_port, 1);
	at_attrs_str(&a, AT_KEY_url_query, AT_STR("q"));
	at_attrs_str(&a, AT_KEY_url_path, AT_STR("p"));
	assert_true(read_whole(&s, block, write_block(&a, "x", "", 0)));
	assert_null(at_span_attr(&s, AT_KEY_http_route));
	assert_true(at_span_set_str(&s, AT_KEY_http_route, AT_STR("/r")));
	assert_true(at_span_set_str(&s, AT_KEY_server_port, AT_STR("text")));
	assert_int_equal(s.attr_count, 4);
	assert_true(at_str_eq(at_span_attr(&s, AT_KEY_server_port)->str, AT_STR("text")));
	assert_int_equal(at_span_attr(&s, AT_KEY_server_port)->type, AT_ATTR_STRING);
	assert_true(at_str_eq(at_span_attr(&s, AT_KEY_http_route)->key, AT_STR("http.route")));
	at_span_unset(&s, AT_KEY_url_query);
	at_span_unset(&s, AT_KEY_url_query);
	assert_int_equal(s.attr_count, 3);
	assert_null(at_span_attr(&s, AT_KEY_url_query));
	assert_true(at_str_eq(at_span_attr(&s, AT_KEY_url_path)->str, AT_STR("p")));
	while (s.attr_count < AT_SPAN_ATTRS_MAX)
		s.attr[s.attr_count++] = (struct at_attr){.key_id = AT_KEY_LITERAL};
	assert_false(at_span_set_str(&s, AT_KEY_url_query, AT_STR("q")));
	assert_int_equal(s.dropped_attrs, 1);
	assert_true(at_span_set_str(&s, AT_KEY_url_path, AT_STR("q")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(every_key_has_its_name),
		cmocka_unit_test(truncated_at_every_byte),
		cmocka_unit_test(damaged_at_every_byte),
		cmocka_unit_test(refused_heads),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(the_count_must_agree_with_the_bytes),
		cmocka_unit_test(texts_are_joined_or_left_out_whole),
		cmocka_unit_test(attributes_come_in_groups),
		cmocka_unit_test(groups_must_agree_with_the_whole),
		cmocka_unit_test(surplus_of_a_record_is_counted),
		cmocka_unit_test(attributes_are_set_and_taken_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
