/*
 * The resource of this very process, and who wins over whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "autotrace.h"
#include "trace/resource.h"

static struct at_resource *build(const char *name, const char *attributes, const char *injected,
				 bool *ret_bad)
{
	struct at_resource_user user = {.service_name = at_str_c(name),
					.attributes = at_str_c(attributes),
					.injected = at_str_c(injected)};
	struct at_resource *r = at_resource_build(&user, ret_bad);
	assert_non_null(r);
	return r;
}

static void assert_text(const struct at_resource *r, const char *key, const char *value)
{
	struct at_str got = at_resource_get(r, at_str_c(key));
	if (!at_str_eq(got, at_str_c(value)))
		fail_msg("%s is \"%.*s\", not \"%s\"", key, AT_STR_ARG(got), value);
}

static void this_process(void **state)
{
	char host[256];
	int64_t pid = 0;
	bool bad;
	(void)state;
	struct at_resource *r = build(NULL, NULL, NULL, &bad);
	assert_false(bad);
	assert_text(r, "service.name", "unknown_service:test_resource");
	assert_text(r, "process.executable.name", "test_resource");
	assert_text(r, "telemetry.sdk.name", "libautotrace");
	assert_text(r, "telemetry.sdk.language", "cpp");
	assert_text(r, "telemetry.sdk.version", AUTOTRACE_VERSION);
	assert_text(r, "telemetry.distro.name", "libautotrace");
	assert_text(r, "telemetry.distro.version", AUTOTRACE_VERSION);
	assert_text(r, "os.type", "linux");
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_text(r, "host.name", host);
	assert_true(at_resource_get(r, AT_STR("process.executable.path")).p[0] == '/');
	assert_true(at_resource_get(r, AT_STR("process.command")).n > 0);
	for (unsigned i = 0; i < r->count; i++) {
		if (at_str_eq(r->attr[i].key, AT_STR("process.pid")))
			pid = r->attr[i].is_int ? r->attr[i].i : 0;
		for (unsigned k = 0; k < i; k++)
			assert_false(at_str_eq(r->attr[k].key, r->attr[i].key));
	}
	assert_int_equal(pid, getpid());
	at_resource_free(r);
}

/* This process began within the last two minutes. */
static void creation_time(void **state)
{
	struct tm tm = {.tm_year = 0};
	char text[32];
	unsigned ms;
	bool bad;
	(void)state;
	struct at_resource *r = build(NULL, NULL, NULL, &bad);
	struct at_str at = at_resource_get(r, AT_STR("process.creation.time"));
	assert_int_equal(at.n, 24);
	memcpy(text, at.p, 24);
	text[24] = 0;
	assert_int_equal(sscanf(text, "%d-%d-%dT%d:%d:%d.%3uZ", &tm.tm_year, &tm.tm_mon,
				&tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms),
			 7);
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	time_t began = timegm(&tm);
	assert_true(began <= time(NULL) + 1 && began >= time(NULL) - 120);
	at_resource_free(r);
}

static void the_instance_is_a_new_uuid(void **state)
{
	bool bad;
	(void)state;
	struct at_resource *a = build(NULL, NULL, NULL, &bad), *b = build(NULL, NULL, NULL, &bad);
	struct at_str ia = at_resource_get(a, AT_STR("service.instance.id"));
	struct at_str ib = at_resource_get(b, AT_STR("service.instance.id"));
	assert_int_equal(ia.n, 36);
	assert_false(at_str_eq(ia, ib));
	assert_int_equal(ia.p[14], '4');
	assert_non_null(strchr("89ab", ia.p[19]));
	for (int i = 0; i < 36; i++)
		assert_int_equal(ia.p[i] == '-', i == 8 || i == 13 || i == 18 || i == 23);
	at_resource_free(a);
	at_resource_free(b);
}

static void who_names_the_service(void **state)
{
	static const struct {
		const char *name, *attributes, *injected, *want;
	} cases[] = {
		{"n", "service.name=a", "service.name=i", "n"},
		{"", "service.name=a", "service.name=i", "a"},
		{"", "x=y", "service.name=i", "i"},
		{"", "service.name=", "", "unknown_service:test_resource"},
		{"", "service.name=a,service.name=b", "", "b"},
		{"n", "broken", "", "n"},
		{"", "service.name=a,broken", "service.name=i", "i"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool bad;
		struct at_resource *r =
			build(cases[i].name, cases[i].attributes, cases[i].injected, &bad);
		assert_text(r, "service.name", cases[i].want);
		at_resource_free(r);
	}
}

static void the_users_attributes_are_decoded(void **state)
{
	bool bad;
	(void)state;
	struct at_resource *r =
		build(NULL,
		      " a.b = c%20d , %C3%A4=%e2%82%ac,,host.name=mine,eq=x=y,process.pid=7,"
		      "deployment.environment.name=prod,",
		      "k8s.pod.name=p,host.name=injected", &bad);
	assert_false(bad);
	assert_text(r, "a.b", "c d");
	assert_text(r, "\xc3\xa4", "\xe2\x82\xac");
	assert_text(r, "host.name", "mine");
	assert_text(r, "eq", "x=y");
	assert_text(r, "process.pid", "7");
	assert_text(r, "deployment.environment.name", "prod");
	assert_text(r, "k8s.pod.name", "p");
	at_resource_free(r);
}

static void a_list_that_does_not_decode_is_discarded(void **state)
{
	static const char *const cases[] = {
		"a=b,c",       "a=b,=c",         "a=%2",       "a=%zz",       "a=b,%=c",
		"a=%ff",       "a=%c3",          "a=\xc0\xaf", "a=%ed%a0%80", "a=%f4%90%80%80",
		"a=%e0%80%80", "a=%f0%80%80%80", "a=\x80",     "a=%c1%81",    "a=b,c=%f5%80%80%80",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool bad = false;
		struct at_resource *r = build("n", cases[i], NULL, &bad);
		if (!bad || at_resource_get(r, AT_STR("a")).n)
			fail_msg("accepted: %s", cases[i]);
		assert_text(r, "service.name", "n");
		at_resource_free(r);
	}
}

static void very_many_and_very_long_ones(void **state)
{
	static char text[200000];
	size_t n = 0;
	bool bad;
	(void)state;
	for (int i = 0; i < 200; i++)
		n += (size_t)sprintf(text + n, "key%d=value%d,", i, i);
	struct at_resource *r = build("n", text, NULL, &bad);
	assert_int_equal(r->count, AT_RESOURCE_MAX);
	assert_text(r, "key0", "value0");
	assert_text(r, "service.name", "n");
	at_resource_free(r);
	memset(text, 'v', sizeof(text) - 1);
	memcpy(text, "long=", 5);
	r = build(text, text, text, &bad);
	assert_false(bad);
	assert_int_equal(at_resource_get(r, AT_STR("long")).n, sizeof(text) - 6);
	assert_int_equal(at_resource_get(r, AT_STR("service.name")).n, sizeof(text) - 1);
	at_resource_free(r);
}

static void packed_and_unpacked(void **state)
{
	static char packed[65536];
	bool bad;
	(void)state;
	struct at_resource *r = build("shop", "team=blue", NULL, &bad);
	size_t n = at_resource_pack(r, packed, sizeof(packed));
	struct at_resource *back = at_resource_unpack(at_str(packed, n));
	assert_non_null(back);
	assert_int_equal(back->count, r->count);
	for (unsigned i = 0; i < r->count; i++) {
		assert_true(at_str_eq(back->attr[i].key, r->attr[i].key));
		assert_int_equal(back->attr[i].is_int, r->attr[i].is_int);
		if (r->attr[i].is_int)
			assert_int_equal(back->attr[i].i, r->attr[i].i);
		else
			assert_true(at_str_eq(back->attr[i].str, r->attr[i].str));
	}
	at_resource_free(back);
	/* What does not fit is left out whole; what was cut is refused. */
	for (size_t room = 0; room < n; room++) {
		size_t part = at_resource_pack(r, packed, room);
		back = at_resource_unpack(at_str(packed, part));
		assert_true(part <= room && (back != NULL) == (part != 0));
		at_resource_free(back);
	}
	n = at_resource_pack(r, packed, sizeof(packed));
	for (size_t cut = 1; cut < 16; cut++)
		assert_null(at_resource_unpack(at_str(packed, n - cut)));
	at_resource_free(r);
}

/* Of a process that is gone: nothing of this one slips in. */
static void outline_of_another(void **state)
{
	static const uint8_t id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
	struct at_resource_user user = {
		.attributes = AT_STR("team=blue"), .command = AT_STR("shopd -x"), .instance = id};
	(void)state;
	struct at_resource *r = at_resource_outline(&user, 4711, AT_STR("/usr/bin/shopd"));
	assert_text(r, "service.name", "unknown_service:shopd");
	assert_text(r, "process.executable.path", "/usr/bin/shopd");
	assert_text(r, "process.command", "shopd -x");
	assert_text(r, "team", "blue");
	assert_text(r, "service.instance.id", "01020304-0506-4708-890a-0b0c0d0e0f10");
	assert_int_equal(at_resource_get(r, AT_STR("process.owner")).n, 0);
	for (unsigned i = 0; i < r->count; i++)
		if (r->attr[i].is_int)
			assert_int_equal(r->attr[i].i, 4711);
	at_resource_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(this_process),
		cmocka_unit_test(creation_time),
		cmocka_unit_test(the_instance_is_a_new_uuid),
		cmocka_unit_test(who_names_the_service),
		cmocka_unit_test(the_users_attributes_are_decoded),
		cmocka_unit_test(a_list_that_does_not_decode_is_discarded),
		cmocka_unit_test(packed_and_unpacked),
		cmocka_unit_test(outline_of_another),
		cmocka_unit_test(very_many_and_very_long_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
