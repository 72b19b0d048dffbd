/*
 * Settings: every row of the table with a good, an empty and a malformed value; the general rules;
 * the words of warnings.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "config/config.h"

static char arena[AT_CONFIG_ARENA];

/* What the table says of each option, seen from outside. */
enum {
#define AT_TYPE(name, is_text, expected) TEXT_##name = is_text,
#include "config/types.def"
#undef AT_TYPE
};

static const struct row {
	const char *name;
	size_t offset;
	size_t size;
	bool is_text;
	bool secret;
} rows[] = {
#define AT_OPTION(name, field, type, fallback, secret, help)                               \
	{#name, offsetof(struct at_config, field), sizeof(((struct at_config *)0)->field), \
	 TEXT_##type, secret},
#include "config/options.def"
#undef AT_OPTION
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* A value that changes the field and, where there is one, a value that is malformed. */
static const struct sample {
	const char *name, *good, *bad;
} samples[] = {
	{"AUTOTRACE_DISABLED", "1", NULL},
	{"AUTOTRACE_EXCLUDE", "bash", NULL},
	{"AUTOTRACE_INCLUDE", "nginx,gunicorn*", NULL},
	{"OTEL_SDK_DISABLED", "TRUE", "1"},
	{"OTEL_LOG_LEVEL", "Debug", "loud"},
	{"AUTOTRACE_LOG_LEVEL", "none", "-1"},
	{"AUTOTRACE_MEMORY_LIMIT", "8 MiB", "12Q"},
	{"AUTOTRACE_LIB", "/opt/libautotrace.so", NULL},
	{"AUTOTRACE_EXIT_TIMEOUT", "0", "-5"},
	{"AUTOTRACE_FLUSH_ON_SIGTERM", "true", "on"},
	{"OTEL_CONFIG_FILE", NULL, "/etc/otel.yaml"},
	{"OTEL_SERVICE_NAME", "shop", NULL},
	{"OTEL_RESOURCE_ATTRIBUTES", "a=b", NULL},
	{"OTEL_INJECTOR_RESOURCE_ATTRIBUTES", "a=b", NULL},
	{"OTEL_INJECTOR_SERVICE_NAME", "shop", NULL},
	{"OTEL_INJECTOR_SERVICE_NAMESPACE", "ns", NULL},
	{"OTEL_INJECTOR_SERVICE_VERSION", "1.2", NULL},
	{"OTEL_INJECTOR_K8S_NAMESPACE_NAME", "default", NULL},
	{"OTEL_INJECTOR_K8S_POD_NAME", "pod-1", NULL},
	{"OTEL_INJECTOR_K8S_POD_UID", "275ecb36", NULL},
	{"OTEL_INJECTOR_K8S_CONTAINER_NAME", "app", NULL},
	{"OTEL_PROPAGATORS", "b3", "jaeger"},
	{"AUTOTRACE_INJECT", "false", "no"},
	{"AUTOTRACE_ENV_CONTEXT", "false", "0"},
	{"TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", NULL},
	{"TRACESTATE", "a=b", NULL},
	{"BAGGAGE", "k=v", NULL},
	{"AUTOTRACE_BRIDGES", "node", "perl"},
	{"AUTOTRACE_LINK_RULE", "true", "maybe"},
	{"OTEL_TRACES_SAMPLER", "Always_Off", "xray"},
	{"OTEL_TRACES_SAMPLER_ARG", "0.25", "1.5"},
	{"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "GET,PURGE", NULL},
	{"AUTOTRACE_ROUTES", "/users/{id}", NULL},
	{"AUTOTRACE_ROUTE_HEURISTIC", "false", "x"},
	{"AUTOTRACE_HTTP_SIZES", "false", "x"},
	{"OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE", "x-a", NULL},
	{"OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SANITIZE_FIELDS", "x-a", NULL},
	{"OTEL_EBPF_SENSITIVE_QUERY_PARAMS_ADD", "k", NULL},
	{"AUTOTRACE_REDACT_QUERY_ADD", "k", NULL},
	{"OTEL_EBPF_SENSITIVE_QUERY_PARAMS_REMOVE", "k", NULL},
	{"AUTOTRACE_REDACT_QUERY_REMOVE", "k", NULL},
	{"OTEL_ATTRIBUTE_COUNT_LIMIT", "7", "-7"},
	{"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "7", "2147483648"},
	{"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7", "7.5"},
	{"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "7", "none"},
	{"OTEL_SPAN_LINK_COUNT_LIMIT", "7", "0x7"},
	{"OTEL_TRACES_EXPORTER", "console", "zipkin"},
	{"AUTOTRACE_CONSOLE_FILE", "/tmp/spans", NULL},
	{"AUTOTRACE_SPOOL_DIR", "/var/spool/autotrace", NULL},
	{"AUTOTRACE_SPOOL_LIMIT", "64M", "many"},
	{"OTEL_BSP_SCHEDULE_DELAY", "100", "1s"},
	{"OTEL_BSP_EXPORT_TIMEOUT", "0",
	 ""
	 "99999999999999999999"},
	{"OTEL_BSP_MAX_QUEUE_SIZE", "4096", "0"},
	{"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100", "0"},
	{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1", "localhost:4318"},
	{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:1", "ftp://c"},
	{"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "http"},
	{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "HTTP/JSON", "thrift"},
	{"OTEL_EXPORTER_OTLP_INSECURE", "true", "yes"},
	{"OTEL_EXPORTER_OTLP_TRACES_INSECURE", "true", "1"},
	{"OTEL_EXPORTER_OTLP_HEADERS", "a=b", "=secretvalue"},
	{"OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b", "secretvalue"},
	{"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "zstd"},
	{"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "GZIP", "br"},
	{"OTEL_EXPORTER_OTLP_TIMEOUT", "0", "ten"},
	{"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "20000", "1e3"},
	{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", NULL},
	{"OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/ca.pem", NULL},
	{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", NULL},
	{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/key.pem", NULL},
	{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem", NULL},
	{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "/cert.pem", NULL},
};

static const struct sample *sample_of(const char *name)
{
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		if (strcmp(samples[i].name, name) == 0)
			return &samples[i];
	fail_msg("no sample for %s", name);
	return NULL;
}

static bool load(struct at_config *c, const char *const *envp)
{
	memset(arena, 0x5a, sizeof(arena));
	return at_config_load(c, envp, arena, sizeof(arena));
}

#define LOAD(c, ...) load(c, (const char *const[]){__VA_ARGS__, NULL})

static void load_row(struct at_config *c, const struct row *r, const char *value)
{
	char entry[256];
	bool ratio = strcmp(r->name, "OTEL_TRACES_SAMPLER_ARG") == 0;
	snprintf(entry, sizeof(entry), "%s=%s", r->name, value);
	LOAD(c, "PATH=/bin", entry, ratio ? "OTEL_TRACES_SAMPLER=traceidratio" : NULL);
}

static bool same(const struct row *r, const struct at_config *a, const struct at_config *b)
{
	const char *fa = (const char *)a + r->offset, *fb = (const char *)b + r->offset;
	if (r->is_text)
		return at_str_eq(*(const struct at_str *)fa, *(const struct at_str *)fb);
	return memcmp(fa, fb, r->size) == 0;
}

static void every_option_takes_a_good_value(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		static struct at_config none, c;
		const struct sample *s = sample_of(rows[i].name);
		if (!s->good)
			continue;
		assert_true(load(&none, NULL));
		load_row(&c, &rows[i], s->good);
		if (same(&rows[i], &none, &c) || c.warnings)
			fail_msg("%s=%s: %.*s", s->name, s->good, AT_STR_ARG(c.warning[0]));
	}
}

static void every_option_is_unset_when_empty(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		static struct at_config none, c;
		load(&none, NULL);
		load_row(&c, &rows[i], "");
		if (!same(&rows[i], &none, &c) || c.warnings)
			fail_msg("%s", rows[i].name);
		load_row(&c, &rows[i], " \t");
		if (!same(&rows[i], &none, &c) || c.warnings)
			fail_msg("%s", rows[i].name);
	}
}

static void every_malformed_value_is_warned_about_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		static struct at_config none, c;
		const struct sample *s = sample_of(rows[i].name);
		if (!s->bad)
			continue;
		load(&none, NULL);
		load_row(&c, &rows[i], s->bad);
		assert_true(same(&rows[i], &none, &c));
		assert_int_equal(c.warnings, 1);
		assert_memory_equal(c.warning[0].p, s->name, strlen(s->name));
		assert_int_equal(c.warning[0].p[strlen(s->name)], ':');
		assert_int_equal(strlen(c.warning[0].p), c.warning[0].n);
		if (rows[i].secret)
			assert_null(strstr(c.warning[0].p, s->bad));
		else
			assert_non_null(strstr(c.warning[0].p, s->bad));
	}
}

static void texts_end_in_nul_and_are_copies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		static struct at_config c;
		const struct sample *s = sample_of(rows[i].name);
		if (!rows[i].is_text)
			continue;
		const struct at_str *text = (const void *)((char *)&c + rows[i].offset);
		load(&c, NULL);
		assert_non_null(text->p);
		assert_int_equal(strlen(text->p), text->n);
		load_row(&c, &rows[i], s->good ? s->good : s->bad);
		assert_non_null(text->p);
		assert_int_equal(strlen(text->p), text->n);
	}
}

static void defaults_are_the_standards(void **state)
{
	struct at_config c;
	(void)state;
	assert_true(load(&c, (const char *const[]){"HOME=/", "OTEL", "=x", NULL}));
	assert_false(c.disabled);
	assert_true(c.inject && c.env_context && c.route_heuristic && c.sizes);
	assert_false(c.sigterm || c.link_rule || c.otlp_gzip);
	assert_int_equal(c.log_level, AT_LOG_WARN);
	assert_int_equal(c.propagators, 3);
	assert_int_equal(c.bridges, AT_BRIDGE_PYTHON | AT_BRIDGE_NODE | AT_BRIDGE_JVM);
	assert_string_equal(c.sampler.p, "parentbased_always_on");
	assert_true(c.sampler_ratio == 1.0);
	assert_int_equal(c.memory_limit, 64 << 20);
	assert_int_equal(c.exit_timeout_ms, 500);
	assert_int_equal(c.exporters, AT_EXPORTER_OTLP);
	assert_string_equal(c.console_file.p, "stdout");
	assert_int_equal(c.bsp_schedule_delay_ms, 5000);
	assert_int_equal(c.bsp_export_timeout_ms, 30000);
	assert_int_equal(c.bsp_max_queue_size, 2048);
	assert_int_equal(c.bsp_max_export_batch_size, 512);
	assert_string_equal(c.otlp_url.p, "http://localhost:4318/v1/traces");
	assert_int_equal(c.otlp_protocol, AT_OTLP_PROTOBUF);
	assert_int_equal(c.otlp_timeout_ms, 10000);
	assert_int_equal(c.attr_count_limit, 128);
	assert_int_equal(c.link_count_limit, 128);
	assert_true(c.attr_value_limit == SIZE_MAX);
	assert_int_equal(c.warnings, 0);
}

static void disabled_is_looked_at_first(void **state)
{
	struct at_config c;
	(void)state;
	assert_false(LOAD(&c, "OTEL_BSP_SCHEDULE_DELAY=x", "AUTOTRACE_DISABLED= True "));
	assert_true(c.disabled);
	assert_int_equal(c.warnings, 0);
	assert_int_equal(c.bsp_schedule_delay_ms, 5000);
	assert_false(LOAD(&c, "AUTOTRACE_DISABLED=1"));
	assert_true(LOAD(&c, "OTEL_SDK_DISABLED=true", "AUTOTRACE_DISABLED=false"));
	assert_true(c.sdk_disabled && !c.disabled);
	assert_false(LOAD(&c, "OTEL_SDK_DISABLED=false", "AUTOTRACE_DISABLED=true"));
	assert_true(LOAD(&c, "OTEL_SDK_DISABLED=false", "AUTOTRACE_DISABLED=false"));
	assert_true(LOAD(&c, "OTEL_SDK_DISABLED=true x"));
	assert_int_equal(c.warnings, 1);
}

static void specific_wins_over_general(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "AUTOTRACE_LOG_LEVEL=info", "OTEL_LOG_LEVEL=error",
	     "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=5", "OTEL_ATTRIBUTE_COUNT_LIMIT=9",
	     "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT=0", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT=9",
	     "OTEL_EXPORTER_OTLP_TRACES_HEADERS=t=1", "OTEL_EXPORTER_OTLP_HEADERS=g=1",
	     "AUTOTRACE_REDACT_QUERY_ADD=mine", "OTEL_EBPF_SENSITIVE_QUERY_PARAMS_ADD=theirs",
	     "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION=none", "OTEL_EXPORTER_OTLP_COMPRESSION=gzip");
	assert_int_equal(c.log_level, AT_LOG_INFO);
	assert_int_equal(c.attr_count_limit, 5);
	assert_int_equal(c.attr_value_limit, 0);
	assert_string_equal(c.otlp_headers.p, "t=1");
	assert_string_equal(c.redact_add.p, "mine");
	assert_false(c.otlp_gzip);
	assert_int_equal(c.warnings, 0);
}

static void a_malformed_specific_leaves_the_general(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=x", "OTEL_EXPORTER_OTLP_TIMEOUT=7");
	assert_int_equal(c.otlp_timeout_ms, 7);
	assert_string_equal(c.warning[0].p,
			    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: \"x\" is not a number of "
			    "milliseconds, 0 to 2147483647; using 7");
	LOAD(&c, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT=7", "OTEL_EXPORTER_OTLP_TIMEOUT=x");
	assert_int_equal(c.otlp_timeout_ms, 7);
	assert_string_equal(c.warning[0].p,
			    "OTEL_EXPORTER_OTLP_TIMEOUT: \"x\" is not a number of milliseconds, "
			    "0 to 2147483647; using 7");
}

static void the_first_of_two_counts(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_SERVICE_NAME=one", "OTEL_SERVICE_NAME=two");
	assert_string_equal(c.service_name.p, "one");
}

static void batch_is_at_most_the_queue(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_BSP_MAX_QUEUE_SIZE=100");
	assert_int_equal(c.bsp_max_export_batch_size, 100);
	assert_int_equal(c.warnings, 0);
	LOAD(&c, "OTEL_BSP_MAX_QUEUE_SIZE=100", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE=200");
	assert_int_equal(c.bsp_max_export_batch_size, 100);
	assert_string_equal(c.warning[0].p, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: more than "
					    "OTEL_BSP_MAX_QUEUE_SIZE; using 100");
}

static void sampler_argument_needs_a_sampler(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_TRACES_SAMPLER_ARG=0.5");
	assert_true(c.sampler_ratio == 1.0);
	LOAD(&c, "OTEL_TRACES_SAMPLER_ARG=0.5", "OTEL_TRACES_SAMPLER=ParentBased_TraceIdRatio");
	assert_true(c.sampler_ratio == 0.5);
	assert_string_equal(c.sampler.p, "parentbased_traceidratio");
	LOAD(&c, "OTEL_TRACES_SAMPLER=parentbased_jaeger_remote",
	     "OTEL_TRACES_SAMPLER_ARG=endpoint=http://h:14250");
	assert_string_equal(c.sampler.p, "parentbased_always_on");
	assert_string_equal(c.warning[0].p,
			    "OTEL_TRACES_SAMPLER: \"parentbased_jaeger_remote\" is not supported; "
			    "using parentbased_always_on");
	assert_string_equal(c.warning[1].p,
			    "OTEL_TRACES_SAMPLER_ARG: \"endpoint=http://h:14250\" is not a number "
			    "from 0 to 1; using 1.0");
}

static void environment_context_can_be_ignored(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "TRACEPARENT=a", "TRACESTATE=b", "BAGGAGE=c");
	assert_string_equal(c.traceparent.p, "a");
	assert_string_equal(c.tracestate.p, "b");
	assert_string_equal(c.baggage.p, "c");
	LOAD(&c, "TRACEPARENT=a", "TRACESTATE=b", "BAGGAGE=c", "AUTOTRACE_ENV_CONTEXT=false");
	assert_int_equal(c.traceparent.n + c.tracestate.n + c.baggage.n, 0);
}

static void injected_attributes_are_composed(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_INJECTOR_K8S_POD_UID=u-1", "OTEL_INJECTOR_SERVICE_NAME=a b,c=d%",
	     "OTEL_INJECTOR_RESOURCE_ATTRIBUTES=x=y", "OTEL_INJECTOR_K8S_CONTAINER_NAME=app");
	assert_string_equal(c.injected_attributes.p,
			    "x=y,service.name=a%20b%2Cc%3Dd%25,k8s.pod.uid=u-1,"
			    "k8s.container.name=app");
}

static void unknown_settings_of_ours_are_named(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "AUTOTRACE_INJEKT=false", "AUTOTRACE_COMPLETELY_ELSE=1", "OTEL_WHATEVER=1",
	     "AUTOTRACE=1", "TRACES=1");
	assert_int_equal(c.warnings, 2);
	assert_string_equal(c.warning[0].p, "AUTOTRACE_INJEKT: there is no such setting; ignored "
					    "(did you mean AUTOTRACE_INJECT?)");
	assert_string_equal(c.warning[1].p,
			    "AUTOTRACE_COMPLETELY_ELSE: there is no such setting; ignored");
}

static void secrets_are_not_shown(void **state)
{
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_EXPORTER_OTLP_HEADERS=x-honeycomb-team=abc, broken ,b=2",
	     "OTEL_EXPORTER_OTLP_TRACES_HEADERS=hush", "OTEL_EXPORTER_OTLP_ENDPOINT=htp://u:hush@h",
	     "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://u:hush@h/x");
	assert_int_equal(c.warnings, 3);
	for (unsigned i = 0; i < c.warnings; i++)
		assert_null(strstr(c.warning[i].p, "hush"));
	assert_string_equal(c.otlp_headers.p, "x-honeycomb-team=abc,b=2");
	assert_string_equal(c.otlp_url.p, "http://u:hush@h/x");
	assert_string_equal(c.warning[0].p,
			    "OTEL_EXPORTER_OTLP_ENDPOINT: the value (not shown) is "
			    "not an http:// or https:// URL; using the other value");
	assert_string_equal(c.warning[1].p, "OTEL_EXPORTER_OTLP_HEADERS: an entry is not "
					    "name=value; it is left out");
}

static void what_does_not_fit_is_told(void **state)
{
	struct at_config c;
	char small[600], value[1200];
	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = 0;
	memcpy(value, "OTEL_SERVICE_NAME=", 18);
	const char *const envp[] = {value, NULL};
	assert_true(at_config_load(&c, envp, small, sizeof(small)));
	assert_int_equal(c.service_name.n, 0);
	assert_string_equal(c.warning[0].p, "OTEL_SERVICE_NAME: the value is too long; ignored");
	assert_true(at_config_load(&c, envp, small, 60));
	assert_int_equal(c.warnings, 0);
	assert_int_equal(c.warnings_lost, 1);
	assert_true(at_config_load(&c, envp, small, 0));
	for (size_t i = 0; i < ROWS; i++) {
		const struct at_str *text = (const void *)((char *)&c + rows[i].offset);
		assert_true(!rows[i].is_text || (text->p && text->p[text->n] == 0));
	}
	assert_true(at_config_load(&c, NULL, small, 128));
	assert_string_equal(c.otlp_url.p, "http://localhost:4318/v1/traces");
	assert_string_equal(c.console_file.p, "stdout");
}

static void too_many_warnings_are_counted(void **state)
{
	static char entry[40][64];
	const char *envp[41];
	struct at_config c;
	unsigned n = 0;
	(void)state;
	for (size_t i = 0; i < ROWS && n < 40; i++) {
		const struct sample *s = sample_of(rows[i].name);
		if (!s->bad || strlen(rows[i].name) > 40)
			continue;
		snprintf(entry[n], sizeof(entry[n]), "%s=%.20s", rows[i].name, s->bad);
		envp[n] = entry[n];
		n++;
	}
	envp[n] = NULL;
	load(&c, envp);
	assert_int_equal(c.warnings, AT_CONFIG_WARNINGS);
	assert_int_equal(c.warnings_lost, n - AT_CONFIG_WARNINGS);
}

static void warnings_go_to_stderr(void **state)
{
	char text[512] = "";
	int ends[2], saved = dup(2);
	struct at_config c;
	(void)state;
	LOAD(&c, "OTEL_TRACES_EXPORTER=otlp,zipkin,console", "AUTOTRACE_X=1");
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], 2);
	at_log_open();
	at_config_warn(&c);
	dup2(saved, 2);
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, ": OTEL_TRACES_EXPORTER: \"zipkin\" is not supported; "
				     "using otlp,console\n"));
	assert_int_equal(c.exporters, AT_EXPORTER_OTLP | AT_EXPORTER_CONSOLE);
	close(ends[0]);
	close(saved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_takes_a_good_value),
		cmocka_unit_test(every_option_is_unset_when_empty),
		cmocka_unit_test(every_malformed_value_is_warned_about_once),
		cmocka_unit_test(texts_end_in_nul_and_are_copies),
		cmocka_unit_test(defaults_are_the_standards),
		cmocka_unit_test(disabled_is_looked_at_first),
		cmocka_unit_test(specific_wins_over_general),
		cmocka_unit_test(a_malformed_specific_leaves_the_general),
		cmocka_unit_test(the_first_of_two_counts),
		cmocka_unit_test(batch_is_at_most_the_queue),
		cmocka_unit_test(sampler_argument_needs_a_sampler),
		cmocka_unit_test(environment_context_can_be_ignored),
		cmocka_unit_test(injected_attributes_are_composed),
		cmocka_unit_test(unknown_settings_of_ours_are_named),
		cmocka_unit_test(secrets_are_not_shown),
		cmocka_unit_test(what_does_not_fit_is_told),
		cmocka_unit_test(too_many_warnings_are_counted),
		cmocka_unit_test(warnings_go_to_stderr),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
