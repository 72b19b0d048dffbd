/*
 * What receivers answer: partial success and status, in both encodings, and nonsense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "export/otlp_answer.h"

#define PB   "application/x-protobuf"
#define JSON "application/json; charset=utf-8"

static const struct {
	long status;
	const char *type;
	struct at_str body;
	uint64_t rejected;
	const char *message;
} rows[] = {
	{200, PB, AT_STR(""), 0, ""},
	{200, PB, AT_STR("\x0a\x00"), 0, ""},
	{200, PB, AT_STR("\x0a\x02\x08\x05"), 5, ""},
	{200, PB, AT_STR("\x0a\x06\x08\x03\x12\x02no"), 3, "no"},
	{200, PB, AT_STR("\x0a\x04\x12\x02hm"), 0, "hm"},
	/* rejected_spans = -1 */
	{200, PB, AT_STR("\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), 0, ""},
	{200, PB, AT_STR("\xff\xff\xff\xff"), 0, ""},
	{200, PB, AT_STR("\x0a\x7f\x08"), 0, ""},
	{200, "text/html", AT_STR("<html>"), 0, ""},
	{200, "", AT_STR("\x0a\x02\x08\x05"), 0, ""},
	{200, JSON, AT_STR("{}"), 0, ""},
	{200, JSON, AT_STR("{\"partialSuccess\":{\"rejectedSpans\":\"4\",\"errorMessage\":\"x\"}}"),
	 4, "x"},
	{200, JSON, AT_STR("{\"partialSuccess\":{\"rejectedSpans\":-4}}"), 0, ""},
	{200, JSON, AT_STR("not json \x80"), 0, ""},
	{400, PB,
	 AT_STR("\x08\x03\x12\x03"
		"bad"),
	 0, "bad"},
	{400, JSON, AT_STR("{\"code\":3,\"message\":\"bad\"}"), 0, "bad"},
	{400, "text/plain", AT_STR("bad"), 0, ""},
	{503, PB, AT_STR("\x12\xff"), 0, ""},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_otlp_answer r;
		struct at_http_answer a = {.status = rows[i].status,
					   .type = at_str_c(rows[i].type),
					   .body = rows[i].body};
		at_otlp_answer_read(&r, &a);
		if (r.rejected != rows[i].rejected || strcmp(r.message, rows[i].message) != 0)
			fail_msg("row %zu: %llu \"%s\"", i, (unsigned long long)r.rejected,
				 r.message);
	}
}

static void test_long_message(void **state)
{
	char body[2000];
	struct at_otlp_answer r;
	struct at_http_answer a = {.status = 400, .type = AT_STR("application/json")};
	(void)state;
	memset(body, 'x', sizeof(body));
	memcpy(body, "{\"message\":\"", 12);
	memcpy(body + 12 + 255, "\xe2\x82\xac", 3);
	body[sizeof(body) - 2] = '"';
	body[sizeof(body) - 1] = '}';
	a.body = at_str(body, sizeof(body));
	at_otlp_answer_read(&r, &a);
	assert_int_equal(strlen(r.message), 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_long_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
