/*
 * Secrets of query strings and URLs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "processor/chain.h"
#include "support/span.h"

static struct at_config config;
static char arena[AT_CONFIG_ARENA];
static struct at_span span;
static struct at_scratch scratch;

static void *open_with(const char *add, const char *remove)
{
	static char one[200], two[200];
	const char *env[] = {one, two, NULL};
	snprintf(one, sizeof(one), "AUTOTRACE_REDACT_QUERY_ADD=%s", add);
	snprintf(two, sizeof(two), "AUTOTRACE_REDACT_QUERY_REMOVE=%s", remove);
	assert_true(at_config_load(&config, env, arena, sizeof(arena)));
	return at_redact_ops.open(&config);
}

static struct at_str run(void *self, enum at_key key, const char *text)
{
	span_reset(&span, AT_SPAN_SERVER);
	span_text(&span, key, text);
	scratch.n = 0;
	assert_true(at_redact_ops.run(self, &span, &scratch));
	struct at_attr *a = at_span_attr(&span, key);
	return a ? a->str : AT_STR("(unset)");
}

static void assert_becomes(void *self, enum at_key key, const char *text, const char *want)
{
	struct at_str have = run(self, key, text);
	if (!at_str_eq(have, at_str_c(want)))
		fail_msg("%s became %.*s", text, AT_STR_ARG(have));
}

static void test_query(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"a=1", "a=1"},
		{"color=blue&sig=abc", "color=blue&sig=REDACTED"},
		{"sig=abc&color=blue", "sig=REDACTED&color=blue"},
		{"SIG=abc", "SIG=abc"}, /* the conventions' names are exact */
		{"X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Security-Token=3&X-Goog-Signature=4"
		 "&AWSAccessKeyId=5&Signature=6",
		 "X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Security-Token=REDACTED"
		 "&X-Goog-Signature=REDACTED&AWSAccessKeyId=REDACTED&Signature=REDACTED"},
		{"x-amz-signature=1", "x-amz-signature=1"},
		{"PassWord=x&token=y", "PassWord=REDACTED&token=REDACTED"},
		{"password=", "password="},
		{"password", "password"},
		{"=x", "=x"},
		{"&&a=1&", "&&a=1&"},
		{"a=1;token=b;c", "a=1;token=REDACTED;c"},
		{"token=a=b&x=1", "token=REDACTED&x=1"},
		{"tok%65n=abc", "tok%65n=REDACTED"},
		{"%74%6F%6B%65%6e=abc", "%74%6F%6B%65%6e=REDACTED"},
		{"tok%6=abc&%=1&%zz=2", "tok%6=abc&%=1&%zz=2"},
		{"mytoken=1&tokens=2", "mytoken=1&tokens=2"},
		{"SAMLResponse=x&samlresponse=y", "SAMLResponse=REDACTED&samlresponse=REDACTED"},
	};
	void *self = open_with("", "");
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_becomes(self, AT_KEY_url_query, rows[i][0], rows[i][1]);
	at_redact_ops.close(self);
}

static void test_full(void **state)
{
	static const char *const rows[][2] = {
		{"http://h/p", "http://h/p"},
		{"https://h/p?color=blue&sig=1", "https://h/p?color=blue&sig=REDACTED"},
		{"http://user:pass@h:80/p", "http://REDACTED:REDACTED@h:80/p"},
		{"http://user@h/p?x=1#f", "http://REDACTED:REDACTED@h/p?x=1#f"},
		{"http://u:p@ss@h/?token=1#token=2",
		 "http://REDACTED:REDACTED@h/?token=REDACTED#token=2"},
		{"http://h/a@b?mail=a@b", "http://h/a@b?mail=a@b"},
		{"http://h?x=@y", "http://h?x=@y"},
		{"http://h/p?", "http://h/p?"},
		{"http://h/p?a=b?c&pwd=1", "http://h/p?a=b?c&pwd=REDACTED"},
		{"http://h/r?to=http://x/?token=1", "http://h/r?to=http://x/?token=1"},
	};
	void *self = open_with("", "");
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_becomes(self, AT_KEY_url_full, rows[i][0], rows[i][1]);
	at_redact_ops.close(self);
}

static void test_settings(void **state)
{
	void *self = open_with("customer, Order_Key", "sid,SIG,cc");
	(void)state;
	assert_becomes(self, AT_KEY_url_query, "customer=1&order_key=2&sid=3&sig=4&cc=5&ssn=6",
		       "customer=REDACTED&order_key=REDACTED&sid=3&sig=4&cc=5&ssn=REDACTED");
	at_redact_ops.close(self);
}

/* What cannot be rewritten does not leave. */
static void test_too_long(void **state)
{
	void *self = open_with("", "");
	char *text = malloc(300000);
	(void)state;
	memset(text, 'x', 299999);
	text[299999] = 0;
	memcpy(text + 200000, "&token=1&", 9);
	assert_true(at_str_eq(run(self, AT_KEY_url_query, text), AT_STR("(unset)")));
	memset(text, 'x', 299999);
	assert_int_equal(run(self, AT_KEY_url_query, text).n, 299999);
	free(text);
	at_redact_ops.close(self);
}

/* Many short secrets: the text grows most. */
static void test_growth(void **state)
{
	void *self = open_with("k", "");
	char text[4001];
	(void)state;
	for (size_t i = 0; i < 4000; i += 4)
		memcpy(text + i, "k=1&", 4);
	text[4000] = 0;
	struct at_str have = run(self, AT_KEY_url_query, text);
	assert_int_equal(have.n, 1000 * strlen("k=REDACTED&"));
	at_redact_ops.close(self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query),    cmocka_unit_test(test_full),
		cmocka_unit_test(test_settings), cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_growth),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	at_scratch_free(&scratch);
	return rc;
}
