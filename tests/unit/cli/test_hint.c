/*
 * The sentences that say why somebody sees nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/hint.h"

/* What a case sets: numbers of the glance as "object.member", of the board as "board.name". */
struct fact {
	const char *name;
	uint64_t number;
	const char *text; /* of the board, instead */
};

#define FACTS 8

static void put(json_t *glance, struct at_peek *peek, const struct fact *f)
{
	const char *dot = strchr(f->name, '.');
	if (strncmp(f->name, "board.", 6) != 0) {
		struct at_text object = {0};
		at_text_add(&object, f->name, (size_t)(dot - f->name));
		json_t *o = json_object_get(glance, object.data);
		if (!o) {
			o = json_object();
			json_object_set_new(glance, object.data, o);
		}
		json_object_set_new(o, dot + 1, json_integer((json_int_t)f->number));
		at_text_free(&object);
		return;
	}
	struct at_peek_row *row = &peek->rows[peek->count++];
	memset(row, 0, sizeof(*row));
	at_text_addf(&row->name, "%s", dot + 1);
	row->count = 1;
	if (f->text) {
		at_text_add(&row->texts, f->text, strlen(f->text) + 1);
		return;
	}
	row->numbers = at_text_memory(NULL, sizeof(uint64_t));
	row->numbers[0] = f->number;
}

/* The hints that follow, joined by '|'. */
static const char *hints(const struct fact *facts)
{
	static char joined[2048];
	struct at_peek peek = {0};
	json_t *glance = json_object(), *list = json_array(), *hint;
	size_t i, n = 0;
	json_object_set_new(glance, "hints", list);
	peek.rows = at_text_memory(NULL, FACTS * sizeof(*peek.rows));
	for (; facts->name; facts++)
		put(glance, &peek, facts);
	at_hint_all(glance, &peek, 112000000000);
	joined[0] = 0;
	json_array_foreach(list, i, hint)
	{
		const char *text = json_string_value(hint);
		assert_true(n + strlen(text) + 2 < sizeof(joined));
		if (i)
			joined[n++] = '|';
		strcpy(joined + n, text);
		n += strlen(text);
	}
	json_decref(glance);
	at_peek_close(&peek);
	return joined;
}

#define HINTS(...) hints((const struct fact[FACTS]){{"board.exporters", 1, NULL}, __VA_ARGS__})

static void nothing_was_seen(void **state)
{
	(void)state;
	assert_string_equal(HINTS({NULL, 0, NULL}),
			    "no connection was seen: none accepted, opened or read so far "
			    "(`autotrace check PID` names what cannot be seen)");
	assert_string_equal(HINTS({"connections.opened", 1, NULL}),
			    "connections were seen, but no request on them yet");
	assert_string_equal(
		HINTS({"connections.found", 1, NULL}, {"connections.http1_client", 1, NULL}), "");
}

static void what_was_seen_cannot_be_read(void **state)
{
	(void)state;
	assert_string_equal(
		HINTS({"connections.accepted", 2, NULL}, {"connections.tls_unread", 2, NULL}),
		"all traffic is TLS that is not seen into (`autotrace check PID` says why)");
	assert_string_equal(HINTS({"connections.accepted", 3, NULL},
				  {"connections.tls_unread", 2, NULL},
				  {"connections.http1_server", 1, NULL}),
			    "TLS that is not seen into, on 2 of 3 connections (`autotrace check "
			    "PID` says why)");
	assert_null(strstr(HINTS({"connections.accepted", 1, NULL}, {"connections.http2", 1, NULL}),
			   "connections"));
	assert_string_equal(HINTS({"connections.opened", 4, NULL}, {"connections.other", 3, NULL}),
			    "no HTTP was seen; other protocols on 3 of 4 connections");
}

#define BUSY                                        \
	{"connections.accepted", 1, NULL},          \
	{                                           \
		"connections.http1_server", 1, NULL \
	}

static void spans_go_nowhere(void **state)
{
	(void)state;
	assert_string_equal(HINTS(BUSY, {"board.delivery.failing_since", 100000000000, NULL},
				  {"board.delivery.error", 0, "connection refused"},
				  {"board.delivery.where", 0, "http://c:4318/v1/traces"},
				  {"board.delivery.failures", 5, NULL}),
			    "the collector takes no spans: connection refused at "
			    "http://c:4318/v1/traces, since 12 s, 5 attempts");
	assert_string_equal(HINTS(BUSY, {"board.sampler", 0, "always_off"}),
			    "the sampler is always_off: no span is kept");
	assert_string_equal(HINTS(BUSY, {"board.sdk_disabled", 1, NULL}),
			    "OTEL_SDK_DISABLED=true: no spans are made");
	assert_string_equal(
		HINTS(BUSY, {"board.sampler", 0, "traceidratio"}, {"spans.unsampled", 9, NULL}),
		"not sampled: 9 requests (the sampler is traceidratio; the caller may "
		"have decided it)");
	assert_string_equal(HINTS(BUSY, {"spans.finished", 9, NULL}),
			    "the exporter's thread could not be started: the system refuses it");
	assert_string_equal(
		hints((const struct fact[]){{"board.exporters", 0, NULL}, BUSY, {NULL, 0, NULL}}),
		"OTEL_TRACES_EXPORTER=none: spans go nowhere");
}

static void several_at_once(void **state)
{
	(void)state;
	assert_string_equal(HINTS(BUSY, {"requests.traced_by_application", 2, NULL},
				  {"memory.refused", 3, NULL}, {"spans.waiting", 4, NULL}),
			    "calls with a trace header of the application's own, of which no "
			    "second span is made: 2|observations given up at "
			    "AUTOTRACE_MEMORY_LIMIT: 3|spans that wait for their batch "
			    "(OTEL_BSP_SCHEDULE_DELAY): 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was_seen),
		cmocka_unit_test(what_was_seen_cannot_be_read),
		cmocka_unit_test(spans_go_nowhere),
		cmocka_unit_test(several_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
