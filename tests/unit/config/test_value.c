/*
 * Types of settings at their edges: URLs, numbers, ratios, sizes, lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/value.h"

static char arena[AT_CONFIG_ARENA];

static void urls_are_built_by_the_specification(void **state)
{
	static const struct {
		const char *generic, *specific, *url;
	} cases[] = {
		{NULL, NULL, "http://localhost:4318/v1/traces"},
		{"http://c:4318", NULL, "http://c:4318/v1/traces"},
		{"http://c:4318/", NULL, "http://c:4318/v1/traces"},
		{"http://c:4318/my", NULL, "http://c:4318/my/v1/traces"},
		{"http://c:4318/my/", NULL, "http://c:4318/my/v1/traces"},
		{"http://c", NULL, "http://c/v1/traces"},
		{"HTTPS://api.honeycomb.io", NULL, "HTTPS://api.honeycomb.io/v1/traces"},
		{"https://api.honeycomb.io/", NULL, "https://api.honeycomb.io/v1/traces"},
		{"http://c:4318/my?x=1#y", NULL, "http://c:4318/my/v1/traces"},
		{"http://c:4318?x=/y", NULL, "http://c:4318/v1/traces"},
		{"http://[::1]:4318", NULL, "http://[::1]:4318/v1/traces"},
		{"http://[::1]", NULL, "http://[::1]/v1/traces"},
		{"http://u:p@c:1/x", NULL, "http://u:p@c:1/x/v1/traces"},
		{NULL, "http://c:4318", "http://c:4318/"},
		{NULL, "http://c:4318/", "http://c:4318/"},
		{NULL, "http://c:4318/my", "http://c:4318/my"},
		{NULL, "http://c:4318?token=1", "http://c:4318/?token=1"},
		{NULL, "https://c/v1/traces?a=b", "https://c/v1/traces?a=b"},
		{"http://c:1", "http://d:2/x", "http://d:2/x"},
		/* Malformed ones leave what there was. */
		{"c:4318", NULL, "http://localhost:4318/v1/traces"},
		{"http://", NULL, "http://localhost:4318/v1/traces"},
		{"http:///v1", NULL, "http://localhost:4318/v1/traces"},
		{"http://:4318", NULL, "http://localhost:4318/v1/traces"},
		{"http://c:0", NULL, "http://localhost:4318/v1/traces"},
		{"http://c:65536", NULL, "http://localhost:4318/v1/traces"},
		{"http://c:x/", NULL, "http://localhost:4318/v1/traces"},
		{"http://c:", NULL, "http://localhost:4318/v1/traces"},
		{"http://[::1", NULL, "http://localhost:4318/v1/traces"},
		{"http://[]", NULL, "http://localhost:4318/v1/traces"},
		{"http://[::1]x", NULL, "http://localhost:4318/v1/traces"},
		{"http://c d/", NULL, "http://localhost:4318/v1/traces"},
		{"http://c\r\nX: y/", NULL, "http://localhost:4318/v1/traces"},
		{"unix:///run/c.sock", NULL, "http://localhost:4318/v1/traces"},
		{"http://c:1", "grpc://d", "http://c:1/v1/traces"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char generic[128], specific[128];
		const char *envp[3] = {NULL};
		struct at_config c;
		int n = 0;
		snprintf(generic, sizeof(generic), "OTEL_EXPORTER_OTLP_ENDPOINT=%s",
			 cases[i].generic ? cases[i].generic : "");
		snprintf(specific, sizeof(specific), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=%s",
			 cases[i].specific ? cases[i].specific : "");
		envp[n++] = generic;
		envp[n++] = specific;
		at_config_load(&c, envp, arena, sizeof(arena));
		assert_string_equal(c.otlp_url.p, cases[i].url);
	}
}

static void grpc_endpoints(void **state)
{
	static const struct {
		const char *insecure;
		const char *generic;
		const char *specific;
		const char *url;
	} cases[] = {
		{"", NULL, NULL, "http://localhost:4317"},
		{"", "http://c:4317", NULL, "http://c:4317"},
		{"", "https://c:4317/", NULL, "https://c:4317"},
		{"", "http://c:4318/v1/traces?x#y", NULL, "http://c:4318"},
		{"", "http://[::1]:1/x", NULL, "http://[::1]:1"},
		{"", "http://c", NULL, "http://c"},
		{"", "http://c:1", "https://d:2", "https://d:2"},
		{"", "c:4317", NULL, "https://c:4317"},
		{"false", "c:4317", NULL, "https://c:4317"},
		{"true", "c:4317", NULL, "http://c:4317"},
		{"true", "https://c:4317", NULL, "https://c:4317"},
		{"true", "http://c:1", "d", "http://d"},
		{"true", "[::1]:4317", NULL, "http://[::1]:4317"},
		/* Malformed ones leave what there was. */
		{"true", "c:4317/path", NULL, "http://localhost:4317"},
		{"true", "c:x", NULL, "http://localhost:4317"},
		{"true", ":4317", NULL, "http://localhost:4317"},
		{"", "http://", NULL, "http://localhost:4317"},
		{"", "unix:///run/c.sock", NULL, "http://localhost:4317"},
		{"", "http://c:1", "grpc://d", "http://c:1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char generic[128], specific[128], insecure[64];
		const char *envp[5] = {"OTEL_EXPORTER_OTLP_PROTOCOL=grpc"};
		struct at_config c;
		int n = 1;
		snprintf(generic, sizeof(generic), "OTEL_EXPORTER_OTLP_ENDPOINT=%s",
			 cases[i].generic ? cases[i].generic : "");
		snprintf(specific, sizeof(specific), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=%s",
			 cases[i].specific ? cases[i].specific : "");
		snprintf(insecure, sizeof(insecure), "OTEL_EXPORTER_OTLP_INSECURE=%s",
			 cases[i].insecure);
		envp[n++] = generic;
		envp[n++] = specific;
		envp[n++] = insecure;
		at_config_load(&c, envp, arena, sizeof(arena));
		assert_int_equal(c.otlp_protocol, AT_OTLP_GRPC);
		assert_string_equal(c.otlp_url.p, cases[i].url);
	}
}

static void complaints_name_the_port_of_grpc(void **state)
{
	const char *envp[] = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc",
			      "OTEL_EXPORTER_OTLP_ENDPOINT=ftp://c", NULL};
	struct at_config c;
	(void)state;
	at_config_load(&c, envp, arena, sizeof(arena));
	assert_int_equal(c.warnings, 1);
	assert_non_null(strstr(c.warning[0].p, "using http://localhost:4317"));
}

static enum at_verdict read_as(enum at_verdict (*type)(struct at_value *), const char *text,
			       void *field)
{
	struct at_value_arena a = {arena, sizeof(arena)};
	struct at_value v = {AT_STR("NAME"), at_str_c(text), field, &a, AT_STR_NONE, NULL};
	return type(&v);
}

static void ratios(void **state)
{
	static const struct {
		const char *text;
		double value;
	} good[] = {
		{"0", 0},
		{"1", 1},
		{"1.0", 1},
		{"0.25", 0.25},
		{".5", 0.5},
		{"1.", 1},
		{"1e-3", 0.001},
		{"5E-1", 0.5},
		{"0.1e+1", 1},
		{"1e-400", 0},
		{"0.000100", 1e-4},
		{"0e400", 0},
		{"10e-1", 1},
		{"0.3333333333333333333333", 1.0 / 3},
		{"00000000000000000000001", 1},
	};
	static const char *const bad[] = {"-0.1", "1.1", "2",     "",   ".",   "e1",
					  "1e",   "1e1", "0.5x",  "+1", "nan", "inf",
					  "0,5",  "0x1", "1e999", "1e-"};
	double d;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		d = -1;
		assert_int_equal(read_as(at_value_ratio, good[i].text, &d), AT_VALUE_OK);
		assert_true(d - good[i].value < 1e-15 && good[i].value - d < 1e-15);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		d = -1;
		if (read_as(at_value_ratio, bad[i], &d) != AT_VALUE_BAD || d != -1)
			fail_msg("%s gives %f", bad[i], d);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		size_t value;
	} good[] = {{"1048576", 1 << 20},       {"1M", 1 << 20},
		    {"64m", 64 << 20},          {"2048K", 2 << 20},
		    {"2 GiB", (size_t)2 << 30}, {"1024 kb", 1 << 20}};
	static const char *const bad[] = {"1",
					  "1048575",
					  "-1M",
					  "M",
					  "1.5M",
					  "1MM",
					  "",
					  "1T",
					  "99999999999999999999",
					  "9999999999999G"};
	size_t n;
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(read_as(at_value_bytes, good[i].text, &n), AT_VALUE_OK);
		assert_int_equal(n, good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_as(at_value_bytes, bad[i], &n), AT_VALUE_BAD);
}

static void integers(void **state)
{
	static const char *const bad[] = {"-1",  "+1",   "2147483648", "1 2",
					  "1.0", "0x10", "4294967296"};
	uint32_t n;
	(void)state;
	assert_int_equal(read_as(at_value_ms, "2147483647", &n), AT_VALUE_OK);
	assert_int_equal(n, 2147483647);
	assert_int_equal(read_as(at_value_count, "0", &n), AT_VALUE_OK);
	assert_int_equal(read_as(at_value_positive, "0", &n), AT_VALUE_BAD);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_as(at_value_ms, bad[i], &n), AT_VALUE_BAD);
}

static void lists_of_propagators(void **state)
{
	unsigned set = 99;
	char names[64];
	(void)state;
	assert_int_equal(read_as(at_value_propagators, "none", &set), AT_VALUE_OK);
	assert_int_equal(set, 0);
	assert_int_equal(read_as(at_value_propagators, " b3multi ,,B3, b3", &set), AT_VALUE_OK);
	assert_int_equal(set, 12);
	assert_int_equal(read_as(at_value_propagators, "xray,tracecontext,ottrace", &set),
			 AT_VALUE_PART);
	assert_int_equal(set, 1);
	set = 99;
	assert_int_equal(read_as(at_value_propagators, "xray", &set), AT_VALUE_BAD);
	assert_int_equal(read_as(at_value_propagators, ",", &set), AT_VALUE_BAD);
	assert_int_equal(set, 99);
	assert_int_equal(at_value_propagator_names(15, names, sizeof(names)), 31);
	assert_memory_equal(names, "tracecontext,baggage,b3,b3multi", 31);
	assert_int_equal(at_value_propagator_names(0, names, sizeof(names)), 4);
	assert_memory_equal(names, "none", 4);
	assert_int_equal(at_value_exporter_names(15, names, sizeof(names)), 29);
	assert_memory_equal(names, "otlp,console,line,otlp/stdout", 29);
}

static void lists_of_exporters(void **state)
{
	unsigned set = 99;
	(void)state;
	assert_int_equal(read_as(at_value_exporters, "otlp,console", &set), AT_VALUE_OK);
	assert_int_equal(set, AT_EXPORTER_OTLP | AT_EXPORTER_CONSOLE);
	assert_int_equal(read_as(at_value_exporters, "logging", &set), AT_VALUE_OK);
	assert_int_equal(set, AT_EXPORTER_CONSOLE);
	assert_int_equal(read_as(at_value_exporters, "line,OTLP/stdout,none", &set), AT_VALUE_OK);
	assert_int_equal(set, AT_EXPORTER_LINE | AT_EXPORTER_OTLP_STDOUT);
	assert_int_equal(read_as(at_value_exporters, "none", &set), AT_VALUE_OK);
	assert_int_equal(set, 0);
}

static void lists_of_headers(void **state)
{
	struct at_str s;
	(void)state;
	assert_int_equal(read_as(at_value_headers, "a=b , c = d%20e ,,x==", &s), AT_VALUE_OK);
	assert_string_equal(s.p, "a=b,c = d%20e,x==");
	assert_int_equal(read_as(at_value_headers, "a=", &s), AT_VALUE_OK);
	assert_int_equal(read_as(at_value_headers, "a b=c", &s), AT_VALUE_BAD);
	assert_int_equal(read_as(at_value_headers, "a=b\nx: y", &s), AT_VALUE_BAD);
	assert_int_equal(read_as(at_value_headers, "=", &s), AT_VALUE_BAD);
	assert_int_equal(read_as(at_value_headers, "a,b=c,=d", &s), AT_VALUE_PART);
	assert_string_equal(s.p, "b=c");
}

static void texts_fit_with_their_nul_or_not_at_all(void **state)
{
	char room[8];
	struct at_str s = AT_STR_NONE;
	(void)state;
	for (size_t n = 0; n < sizeof(room); n++) {
		struct at_value_arena a = {room, n};
		bool kept = at_value_keep(&a, &s, AT_STR("ab"), AT_STR_NONE, AT_STR("cd"));
		assert_int_equal(kept, n >= 5);
		assert_int_equal(a.room, kept ? n - 5 : n);
		assert_ptr_equal(a.p, kept ? room + 5 : room);
	}
	assert_string_equal(s.p, "abcd");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls_are_built_by_the_specification),
		cmocka_unit_test(grpc_endpoints),
		cmocka_unit_test(complaints_name_the_port_of_grpc),
		cmocka_unit_test(ratios),
		cmocka_unit_test(sizes),
		cmocka_unit_test(integers),
		cmocka_unit_test(lists_of_propagators),
		cmocka_unit_test(lists_of_exporters),
		cmocka_unit_test(lists_of_headers),
		cmocka_unit_test(texts_fit_with_their_nul_or_not_at_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
