/*
 * The small parts: gunzip, base64, trace counting, options, trouble, addresses, JSON lines, region.
 */
#include "unit/view/sample.h"

#include "base/base64.h"
#include "view/gunzip.h"
#include "view/idset.h"
#include "view/jsonl.h"
#include "view/listen.h"
#include "view/options.h"
#include "view/tally.h"
#include "view/trouble.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

/* Packs text as gzip; returns the size. */
static size_t pack(struct at_str text, char *to, size_t room)
{
	z_stream zip = {0};

	deflateInit2(&zip, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
	zip.next_in = (unsigned char *)text.p;
	zip.avail_in = (unsigned int)text.n;
	zip.next_out = (unsigned char *)to;
	zip.avail_out = (unsigned int)room;
	assert_int_equal(deflate(&zip, Z_FINISH), Z_STREAM_END);
	deflateEnd(&zip);
	return room - zip.avail_out;
}

static void gunzip(void **state)
{
	static char text[100000], packed[4096];
	struct at_body plain = {0};
	size_t n;

	(void)state;
	memset(text, 'x', sizeof(text));
	n = pack(at_str(text, sizeof(text)), packed, sizeof(packed));
	assert_int_equal(at_gunzip(at_str(packed, n), &plain, sizeof(text)), AT_GUNZIP_DONE);
	assert_int_equal(plain.n, sizeof(text));
	assert_memory_equal(plain.p, text, sizeof(text));
	plain.n = 0;
	assert_int_equal(at_gunzip(at_str(packed, n), &plain, sizeof(text) - 1), AT_GUNZIP_TOO_BIG);
	for (size_t cut = 0; cut < n; cut++) {
		plain.n = 0;
		assert_int_equal(at_gunzip(at_str(packed, cut), &plain, sizeof(text)),
				 AT_GUNZIP_GARBAGE);
	}
	plain.n = 0;
	packed[n - 8] ^= 1; /* the checksum */
	assert_int_equal(at_gunzip(at_str(packed, n), &plain, sizeof(text)), AT_GUNZIP_GARBAGE);
	plain.n = 0;
	n = pack(AT_STR("one"), packed, sizeof(packed));
	n += pack(AT_STR("two"), packed + n, sizeof(packed) - n);
	assert_int_equal(at_gunzip(at_str(packed, n), &plain, 6), AT_GUNZIP_DONE);
	assert_true(at_str_eq(at_body_str(&plain), AT_STR("onetwo")));
	at_body_free(&plain);
}

static void base64(void **state)
{
	static const char *const texts[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE="};
	static const char *const bad[] = {"Z", "Zg=", "Zg=g", "====", "Z*==", "Zg==Zg=="};
	char to[16];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		at_base64_encode(to, at_str("foobar", i));
		assert_memory_equal(to, texts[i], at_base64_encoded(i));
		assert_int_equal(at_base64_decode(to, at_str_c(texts[i])), i);
		assert_memory_equal(to, "foobar", i);
		assert_int_equal(at_base64_decode(to, at_str_c(bad[i])), -1);
	}
	assert_int_equal(at_base64_decode(to, AT_STR("-_8")), 2);
	assert_memory_equal(to, "\xfb\xff", 2);
}

static void traces_are_counted_once(void **state)
{
	struct at_idset set;
	uint64_t id[2];

	(void)state;
	at_idset_init(&set);
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 1; i <= 300000; i++) {
			id[0] = i;
			id[1] = i * 7;
			at_idset_add(&set, id);
		}
	}
	assert_int_equal(set.count, 300000);
	assert_true(set.young.size <= 2 * AT_IDSET_MAX);
	at_idset_free(&set);
}

static bool parse(struct at_options *options, const char *argument, const char *value, char **said)
{
	char *argv[] = {"autotrace-view", (char *)argument, (char *)value, NULL};
	size_t n;
	FILE *out = open_memstream(said, &n);
	bool good = at_options_parse(options, value ? 3 : 2, argv, out);

	fclose(out);
	return good;
}

static void options(void **state)
{
	static const char *const bad[][2] = {
		{"--nonsense", NULL},    {"--max-spans", "0"},  {"--max-spans", "-1"},
		{"--max-spans", "5x"},   {"--quiet-after", ""}, {"--quiet=5", NULL},
		{"--listen", NULL},      {"stray", NULL},       {"-x", NULL},
		{"--delay", "99999999"}, {"--duration", "1e3"},
	};
	struct at_options got;
	char *said;

	(void)state;
	assert_true(parse(&got, "--ascii", NULL, &said));
	assert_true(got.ascii);
	assert_false(got.quiet);
	assert_null(got.listen);
	assert_null(got.grpc);
	assert_int_equal(got.quiet_after, 1500);
	free(said);
	assert_true(parse(&got, "--max-spans=7", NULL, &said));
	assert_int_equal(got.max_spans, 7);
	free(said);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(parse(&got, bad[i][0], bad[i][1], &said));
		assert_non_null(strchr(said, '\n'));
		assert_string_equal(strchr(said, '\n'), "\n");
		free(said);
	}
}

static void trouble(void **state)
{
	static const char *const bad[] = {"", "200", "600", "5o3", "503:", "-503", "503:\n", "x"};
	struct at_trouble t = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(at_trouble_parse(&t, bad[i]));
	assert_int_equal(at_trouble_next(&t), 0);
	assert_true(at_trouble_parse(&t, "429:Wed, 21 Oct 2015 07:28:00 GMT"));
	assert_string_equal(t.retry_after, "Wed, 21 Oct 2015 07:28:00 GMT");
	t.first = 2;
	assert_int_equal(at_trouble_next(&t), 429);
	assert_int_equal(at_trouble_next(&t), 429);
	assert_int_equal(at_trouble_next(&t), 0);
	assert_true(at_trouble_parse(&t, "drop"));
	assert_int_equal(t.status, AT_TROUBLE_DROP);
}

static void addresses(void **state)
{
	static const char *const good[] = {"127.0.0.1:0", "[::1]:4318", ":1", "localhost:65535"};
	static const char *const bad[] = {"",       "4318",    "127.0.0.1", "127.0.0.1:", "a:b",
					  "::1:80", "a:65536", "a:-1",      "a:123456"};
	struct at_listen one, two;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(at_listen_valid(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(at_listen_valid(bad[i]));
	assert_true(at_listen_open(&one, "127.0.0.1:0"));
	assert_true(one.port > 0);
	assert_int_equal(strncmp(one.url, "http://127.0.0.1:", 17), 0);
	assert_false(at_listen_open(&two, one.url + 7));
	assert_non_null(strstr(two.why, "Address already in use"));
	close(one.fd);
}

static void lines(void **state)
{
	struct at_member attributes[] = {
		{AT_STR("bad\xff"), {.type = AT_VALUE_STRING, .text = AT_STR("\xff")}},
		{AT_STR("nan"), {.type = AT_VALUE_DOUBLE, .number = 0.0 / 0.0}},
		{AT_STR("raw"), {.type = AT_VALUE_BYTES, .text = AT_STR("\0\1\377")}},
		{AT_STR("big"), {.type = AT_VALUE_INT, .integer = INT64_MAX}},
		{AT_STR("none"), {.type = AT_VALUE_EMPTY}},
	};
	struct at_view_span spans[] = {sample_span(1, 0, "shop", "GET /", 2, 0, 1.5),
				       sample_span(2, 1, "shop", "x", 99, 0, 1)};
	struct at_view_batch batch = {.spans = spans, .n = 2};
	struct at_jsonl out;
	char text[4096] = "";
	int ends[2];

	(void)state;
	spans[0].attributes = (struct at_attributes){.at = attributes, .n = 5};
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	at_jsonl_init(&out, ends[1]);
	assert_true(at_jsonl_write(&out, &batch));
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_string_equal(
		text,
		"{\"trace_id\":\"00000000000000000000000000000001\",\"span_id\":"
		"\"0000000000000001\","
		"\"name\":\"GET /\",\"kind\":\"server\",\"start_unix_nano\":1714564800123000000,"
		"\"end_unix_nano\":1714564800124500000,\"duration_ms\":1.5,\"status\":\"unset\","
		"\"status_message\":\"\",\"trace_state\":\"\",\"flags\":0,\"attributes\":{"
		"\"bad\ufffd\":\"\ufffd\",\"nan\":\"NaN\",\"raw\":\"AAH/"
		"\",\"big\":9223372036854775807,"
		"\"none\":null},\"dropped_attributes\":0,\"events\":[],\"links\":[],\"resource\":{"
		"\"service.name\":\"shop\",\"process.pid\":71},\"scope\":{\"name\":\"\","
		"\"version\":\"\","
		"\"attributes\":{}}}\n"
		"{\"trace_id\":\"00000000000000000000000000000001\",\"span_id\":"
		"\"0000000000000002\","
		"\"parent_span_id\":\"0000000000000001\",\"name\":\"x\",\"kind\":\"unspecified\","
		"\"start_unix_nano\":1714564800123000000,\"end_unix_nano\":1714564800124000000,"
		"\"duration_ms\":1.0,\"status\":\"unset\",\"status_message\":\"\",\"trace_state\":"
		"\"\","
		"\"flags\":0,\"attributes\":{},\"dropped_attributes\":0,\"events\":[],\"links\":[],"
		"\"resource\":{\"service.name\":\"shop\",\"process.pid\":72},\"scope\":{\"name\":"
		"\"\","
		"\"version\":\"\",\"attributes\":{}}}\n");
	close(ends[0]);
	close(ends[1]);
	at_jsonl_free(&out);
}

static void lines_that_cannot_be_written(void **state)
{
	struct at_view_span span = sample_span(1, 0, "shop", "GET /", 2, 0, 1);
	struct at_view_batch batch = {.spans = &span, .n = 1};
	struct at_jsonl out;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	at_jsonl_init(&out, fd);
	assert_false(at_jsonl_write(&out, &batch));
	assert_int_equal(out.error, ENOSPC);
	at_jsonl_free(&out);
	close(fd);
}

static void counters(void **state)
{
	struct at_tally tally = {.spans = 5, .traces = 2, .requests = 3, .bytes = 700};
	char text[256];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void)state;
	at_tally_print(out, &tally);
	tally.refused = 1;
	at_tally_print(out, &tally);
	fclose(out);
	assert_string_equal(text, "spans=5 traces=2 malformed=0 requests=3 bytes=700\n"
				  "spans=5 traces=2 malformed=0 requests=3 bytes=700 refused=1\n");
}

static void regions_keep_to_their_limit(void **state)
{
	struct at_region region;

	(void)state;
	at_region_init(&region, 100, 1000);
	assert_null(at_region_take(&region, 1001));
	assert_null(at_region_take(&region, SIZE_MAX));
	assert_null(at_region_zeroed(&region, SIZE_MAX / 2, 3));
	for (int i = 0; i < 4; i++) {
		char *block = at_region_take(&region, 99);

		assert_non_null(block);
		assert_int_equal((uintptr_t)block % 16, 0);
		memset(block, i, 99);
	}
	while (at_region_take(&region, 10))
		;
	assert_true(region.held <= 1000);
	at_region_clear(&region, 1000);
	assert_true(region.held > 0);
	assert_non_null(at_region_take(&region, 99));
	at_region_clear(&region, 0);
	assert_int_equal(region.held, 0);
	at_region_free(&region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gunzip),
		cmocka_unit_test(base64),
		cmocka_unit_test(traces_are_counted_once),
		cmocka_unit_test(options),
		cmocka_unit_test(trouble),
		cmocka_unit_test(addresses),
		cmocka_unit_test(lines),
		cmocka_unit_test(lines_that_cannot_be_written),
		cmocka_unit_test(counters),
		cmocka_unit_test(regions_keep_to_their_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
