/*
 * What a gRPC answer says: prefix, status, words, RetryInfo, and which of it is tried again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base64.h"
#include "export/grpc.h"
#include "export/otlp_answer.h"
#include "export/retry.h"

#define S 1000000000ull

static void test_prefix(void **state)
{
	static const size_t sizes[] = {0, 1, 255, 256, 70000, 0x12345678};
	char p[AT_GRPC_PREFIX + 300] = {0};
	struct at_str message;
	bool packed;
	(void)state;
	at_grpc_prefix(p, true, 0x01020304);
	assert_memory_equal(p, "\x01\x01\x02\x03\x04", 5);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		at_grpc_prefix(p, i % 2, sizes[i]);
		bool fits = sizes[i] <= 300;
		assert_int_equal(at_grpc_message(at_str(p, sizeof(p)), &message, &packed), fits);
		assert_int_equal(packed, i % 2);
		assert_true(!fits || message.n == sizes[i]);
	}
	for (size_t n = 0; n < AT_GRPC_PREFIX; n++)
		assert_false(at_grpc_message(at_str(p, n), &message, &packed));
}

static struct at_http_answer answer(const char *status)
{
	struct at_http_answer a = {.status = 200, .grpc = true};
	if (status)
		a.grpc_status = at_str_c(status);
	return a;
}

static void test_codes(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		enum at_retry retry;
	} rows[] = {
		{"0", "OK", AT_RETRY_NONE},
		{"1", "CANCELLED", AT_RETRY_AGAIN},
		{"2", "UNKNOWN", AT_RETRY_NEVER},
		{"3", "INVALID_ARGUMENT", AT_RETRY_NEVER},
		{"4", "DEADLINE_EXCEEDED", AT_RETRY_AGAIN},
		{"5", "NOT_FOUND", AT_RETRY_NEVER},
		{"6", "ALREADY_EXISTS", AT_RETRY_NEVER},
		{"7", "PERMISSION_DENIED", AT_RETRY_NEVER},
		{"8", "RESOURCE_EXHAUSTED", AT_RETRY_NEVER},
		{"9", "FAILED_PRECONDITION", AT_RETRY_NEVER},
		{"10", "ABORTED", AT_RETRY_AGAIN},
		{"11", "OUT_OF_RANGE", AT_RETRY_AGAIN},
		{"12", "UNIMPLEMENTED", AT_RETRY_NEVER},
		{"13", "INTERNAL", AT_RETRY_NEVER},
		{"14", "UNAVAILABLE", AT_RETRY_AGAIN},
		{"15", "DATA_LOSS", AT_RETRY_AGAIN},
		{"16", "UNAUTHENTICATED", AT_RETRY_NEVER},
		{"17", "UNKNOWN", AT_RETRY_NEVER},
		{"-1", "UNKNOWN", AT_RETRY_NEVER},
		{"", "UNKNOWN", AT_RETRY_NEVER},
		{"0x0", "UNKNOWN", AT_RETRY_NEVER},
		{"99999999999999999999999", "UNKNOWN", AT_RETRY_NEVER},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = answer(rows[i].text);
		assert_string_equal(at_grpc_code_name(at_grpc_code(&a)).p, rows[i].name);
		assert_int_equal(at_retry_judge(&a), rows[i].retry);
		a.status = 503; /* what gRPC says counts */
		assert_int_equal(at_retry_judge(&a), rows[i].retry);
	}
}

static void test_http_statuses(void **state)
{
	static const struct {
		long status;
		enum at_grpc_code code;
		enum at_retry retry;
	} rows[] = {
		{200, AT_GRPC_UNKNOWN, AT_RETRY_NEVER},
		{302, AT_GRPC_UNKNOWN, AT_RETRY_NEVER},
		{400, AT_GRPC_INTERNAL, AT_RETRY_NEVER},
		{401, AT_GRPC_UNAUTHENTICATED, AT_RETRY_NEVER},
		{403, AT_GRPC_PERMISSION_DENIED, AT_RETRY_NEVER},
		{404, AT_GRPC_UNIMPLEMENTED, AT_RETRY_NEVER},
		{415, AT_GRPC_UNKNOWN, AT_RETRY_NEVER},
		{429, AT_GRPC_UNAVAILABLE, AT_RETRY_AGAIN},
		{500, AT_GRPC_UNKNOWN, AT_RETRY_NEVER},
		{502, AT_GRPC_UNAVAILABLE, AT_RETRY_AGAIN},
		{503, AT_GRPC_UNAVAILABLE, AT_RETRY_AGAIN},
		{504, AT_GRPC_UNAVAILABLE, AT_RETRY_AGAIN},
	};
	char words[64];
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = answer(NULL);
		a.status = rows[i].status;
		assert_int_equal(at_grpc_code(&a), rows[i].code);
		assert_int_equal(at_retry_judge(&a), rows[i].retry);
	}
	struct at_http_answer a = answer(NULL);
	at_grpc_words(&a, words, sizeof(words));
	assert_string_equal(words, "HTTP status 200 and no status of gRPC");
	at_grpc_words(&a, words, 16);
	assert_string_equal(words, "HTTP status 200");
}

static void test_words(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} rows[] = {
		{"", ""},
		{"plain", "plain"},
		{"b%C3%A4d%20key", "b\xc3\xa4"
				   "d key"},
		{"100%", "100%"},
		{"100%2", "100%2"},
		{"%zz%41", "%zzA"},
		{"a%0Ab%00c%7Fd", "a b"},
		{"ok\xff"
		 "no",
		 "ok"},
		{"0123456789%C3%A4more", "0123456789\xc3\xa4mor"},
		{"01234567890123%C3%A4", "01234567890123"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = answer("3");
		char words[16];
		a.grpc_message = at_str_c(rows[i].text);
		at_grpc_words(&a, words, sizeof(words));
		assert_string_equal(words, rows[i].want);
	}
}

#define ANY(name) "\x0a\x28type.googleapis.com/google.rpc." name

static void test_retry_info(void **state)
{
	static const struct {
		struct at_str details;
		bool found;
		uint64_t ns;
	} rows[] = {
		{AT_STR(""), false, 0},
		{AT_STR("\x08\x08"), false, 0},
		{AT_STR("\x1a\x2a" ANY("RetryInfo")), true, 0},
		{AT_STR("\x1a\x2e" ANY("RetryInfo") "\x12\x02\x0a\x00"), true, 0},
		{AT_STR("\x1a\x30" ANY("RetryInfo") "\x12\x04\x0a\x02\x08\x03"), true, 3 * S},
		{AT_STR("\x1a\x33" ANY("RetryInfo") "\x12\x07\x0a\x05\x08\x01\x10\xf4\x03"), true,
		 S + 500},
		/* an hour is the most */
		{AT_STR("\x1a\x34" ANY("RetryInfo") "\x12\x08\x0a\x06\x08\xff\xff\xff\xff\x0f"),
		 true, 3600 * S},
		/* negative: none given */
		{AT_STR("\x1a\x39" ANY(
			 "RetryInfo") "\x12\x0d\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff"
				      "\xff\xff\x01"),
		 true, 0},
		{AT_STR("\x1a\x2a" ANY("QuotaInfo")), false, 0},
		{AT_STR("\x1a\x2a" ANY("QuotaInfo") "\x1a\x2a" ANY("RetryInfo")), true, 0},
		{AT_STR("\x1a\x7f" ANY("RetryInfo")), false, 0},
		{AT_STR("\xff\xff\xff"), false, 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = answer("8");
		char text[256];
		uint64_t ns;
		at_base64_encode(text, rows[i].details);
		a.grpc_details = at_str(text, at_base64_encoded(rows[i].details.n));
		for (int padded = 1; padded >= 0; padded--) {
			if (at_grpc_retry_info(&a, &ns) != rows[i].found || ns != rows[i].ns)
				fail_msg("row %zu: %llu", i, (unsigned long long)ns);
			assert_int_equal(at_retry_judge(&a),
					 rows[i].found ? AT_RETRY_AGAIN : AT_RETRY_NEVER);
			assert_int_equal(at_retry_asked(&a, 0), rows[i].ns);
			while (a.grpc_details.n && a.grpc_details.p[a.grpc_details.n - 1] == '=')
				a.grpc_details.n--;
		}
	}
	struct at_http_answer a = answer("14");
	a.grpc_details = AT_STR("not base64!");
	a.retry_after = AT_STR("7");
	assert_int_equal(at_retry_asked(&a, 0), 7 * S);
}

static void test_otlp(void **state)
{
	static const struct {
		const char *status;
		struct at_str body;
		uint64_t rejected;
		const char *message;
	} rows[] = {
		{"0", AT_STR(""), 0, ""},
		{"0", AT_STR("\0\0\0\0\0"), 0, ""},
		{"0", AT_STR("\0\0\0\0\x08\x0a\x06\x08\x03\x12\x02no"), 3, "no"},
		{"0", AT_STR("\0\0\0\0\x09\x0a\x06\x08\x03\x12\x02no"), 0, ""},
		{"0", AT_STR("\1\0\0\0\x08\x0a\x06\x08\x03\x12\x02no"), 0, ""},
		{"0", AT_STR("\0\xff\xff\xff\xff\x0a\x06\x08\x03\x12\x02no"), 0, ""},
		{"13", AT_STR("\0\0\0\0\x08\x0a\x06\x08\x03\x12\x02no"), 0, "why"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct at_http_answer a = answer(rows[i].status);
		struct at_otlp_answer r;
		a.body = rows[i].body;
		a.grpc_message = AT_STR("wh%79");
		at_otlp_answer_read(&r, &a);
		assert_int_equal(r.rejected, rows[i].rejected);
		assert_string_equal(r.message, rows[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),        cmocka_unit_test(test_codes),
		cmocka_unit_test(test_http_statuses), cmocka_unit_test(test_words),
		cmocka_unit_test(test_retry_info),    cmocka_unit_test(test_otlp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
