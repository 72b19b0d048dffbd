/*
 * Both encodings give the same spans; what is malformed is sorted out or refused; nothing that
 * comes can do harm.
 */
#include "unit/view/sample.h"

#include "view/decode.h"
#include "view/verdict.h"

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXPORT(name)   Opentelemetry__Proto__Collector__Trace__V1__##name
#define TRACE(name)    Opentelemetry__Proto__Trace__V1__##name
#define COMMON(name)   Opentelemetry__Proto__Common__V1__##name
#define RESOURCE(name) Opentelemetry__Proto__Resource__V1__##name
#define IS(name)       OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_##name

static struct at_region region;
static struct at_view_batch batch;
static struct at_str why;

static int set_up(void **state)
{
	(void)state;
	at_region_init(&region, 1024, 64u << 20);
	at_decode_json_setup(64u << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	at_region_free(&region);
	return 0;
}

static const char json_request[] =
	"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":"
	"{\"stringValue\":\"shop\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"lib\",\"version\":"
	"\"1\"},"
	"\"spans\":[{\"traceId\":\"5B8EFFF798038103D269B633813FC60C\",\"spanId\":"
	"\"eee19b7ec3c1b174\","
	"\"parentSpanId\":\"eee19b7ec3c1b173\",\"traceState\":\"a=b\",\"name\":\"GET /x\","
	"\"startTimeUnixNano\":\"1544712660000000000\",\"endTimeUnixNano\":1544712661000000000,"
	"\"kind\":2,\"flags\":257,\"unknown\":[{}],\"droppedAttributesCount\":3,"
	"\"attributes\":[{\"key\":\"s\",\"value\":{\"stringValue\":\"v\"}},"
	"{\"key\":\"i\",\"value\":{\"intValue\":\"-9223372036854775808\"}},"
	"{\"key\":\"j\",\"value\":{\"intValue\":200}},"
	"{\"key\":\"d\",\"value\":{\"doubleValue\":0.5}},"
	"{\"key\":\"b\",\"value\":{\"boolValue\":true}},"
	"{\"key\":\"y\",\"value\":{\"bytesValue\":\"AAH/\"}},"
	"{\"key\":\"l\",\"value\":{\"arrayValue\":{\"values\":[{\"stringValue\":\"e\"},{}]}}},"
	"{\"key\":\"m\",\"value\":{\"kvlistValue\":{\"values\":[{\"key\":\"k\",\"value\":"
	"{\"boolValue\":false}}]}}},"
	"{\"key\":\"n\",\"value\":null}],"
	"\"events\":[{\"timeUnixNano\":\"7\",\"name\":\"exception\"}],"
	"\"links\":[{\"traceId\":\"5b8efff798038103d269b633813fc60c\",\"spanId\":"
	"\"0000000000000001\"}],"
	"\"status\":{\"code\":2,\"message\":\"no\"}}]}]}]}";

static struct COMMON(AnyValue) * any(struct COMMON(AnyValue) value)
{
	struct COMMON(AnyValue) *copy = test_malloc(sizeof(*copy));

	*copy = value;
	return copy;
}

#define VALUE(which, member, ...)                                                  \
	any((struct COMMON(AnyValue)){                                             \
		.base = PROTOBUF_C_MESSAGE_INIT(                                   \
			&opentelemetry__proto__common__v1__any_value__descriptor), \
		.value_case = IS(which),                                           \
		.member = __VA_ARGS__})

/* The request of json_request in protobuf; returns its size. */
static size_t pack_same_request(uint8_t *to)
{
	static uint8_t trace_id[] = {0x5b, 0x8e, 0xff, 0xf7, 0x98, 0x03, 0x81, 0x03,
				     0xd2, 0x69, 0xb6, 0x33, 0x81, 0x3f, 0xc6, 0x0c};
	static uint8_t span_id[] = {0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x74};
	static uint8_t parent_id[] = {0xee, 0xe1, 0x9b, 0x7e, 0xc3, 0xc1, 0xb1, 0x73};
	static uint8_t one[] = {0, 0, 0, 0, 0, 0, 0, 1};
	static uint8_t raw[] = {0, 1, 255};
	struct COMMON(AnyValue) * elements[] = {VALUE(STRING_VALUE, string_value, "e"),
						VALUE(_NOT_SET, int_value, 0)};
	struct COMMON(ArrayValue) list = OPENTELEMETRY__PROTO__COMMON__V1__ARRAY_VALUE__INIT;
	struct COMMON(KeyValueList) map = OPENTELEMETRY__PROTO__COMMON__V1__KEY_VALUE_LIST__INIT;
	struct COMMON(KeyValue) member = OPENTELEMETRY__PROTO__COMMON__V1__KEY_VALUE__INIT;
	struct COMMON(KeyValue) * members[] = {&member};
	struct COMMON(AnyValue) * values[] = {VALUE(STRING_VALUE, string_value, "v"),
					      VALUE(INT_VALUE, int_value, INT64_MIN),
					      VALUE(INT_VALUE, int_value, 200),
					      VALUE(DOUBLE_VALUE, double_value, 0.5),
					      VALUE(BOOL_VALUE, bool_value, 1),
					      VALUE(BYTES_VALUE, bytes_value, {3, raw}),
					      VALUE(ARRAY_VALUE, array_value, &list),
					      VALUE(KVLIST_VALUE, kvlist_value, &map),
					      NULL};
	struct COMMON(KeyValue) attributes[9], *attribute_at[9];
	struct COMMON(KeyValue) service = OPENTELEMETRY__PROTO__COMMON__V1__KEY_VALUE__INIT;
	struct COMMON(KeyValue) * service_at[] = {&service};
	struct TRACE(Span__Event) event = OPENTELEMETRY__PROTO__TRACE__V1__SPAN__EVENT__INIT;
	struct TRACE(Span__Event) * events[] = {&event};
	struct TRACE(Span__Link) link = OPENTELEMETRY__PROTO__TRACE__V1__SPAN__LINK__INIT;
	struct TRACE(Span__Link) * links[] = {&link};
	struct TRACE(Status) status = OPENTELEMETRY__PROTO__TRACE__V1__STATUS__INIT;
	struct TRACE(Span) span = OPENTELEMETRY__PROTO__TRACE__V1__SPAN__INIT;
	struct TRACE(Span) * spans[] = {&span};
	struct COMMON(InstrumentationScope) scope =
		OPENTELEMETRY__PROTO__COMMON__V1__INSTRUMENTATION_SCOPE__INIT;
	struct TRACE(ScopeSpans) scope_spans = OPENTELEMETRY__PROTO__TRACE__V1__SCOPE_SPANS__INIT;
	struct TRACE(ScopeSpans) * scope_spans_at[] = {&scope_spans};
	struct RESOURCE(Resource) resource = OPENTELEMETRY__PROTO__RESOURCE__V1__RESOURCE__INIT;
	struct TRACE(ResourceSpans) resource_spans =
		OPENTELEMETRY__PROTO__TRACE__V1__RESOURCE_SPANS__INIT;
	struct TRACE(ResourceSpans) * resource_spans_at[] = {&resource_spans};
	struct EXPORT(ExportTraceServiceRequest) request =
		OPENTELEMETRY__PROTO__COLLECTOR__TRACE__V1__EXPORT_TRACE_SERVICE_REQUEST__INIT;
	static const char *const keys[] = {"s", "i", "j", "d", "b", "y", "l", "m", "n"};
	size_t n;

	list.values = elements;
	list.n_values = 2;
	member.key = "k";
	member.value = VALUE(BOOL_VALUE, bool_value, 0);
	map.values = members;
	map.n_values = 1;
	for (int i = 0; i < 9; i++) {
		opentelemetry__proto__common__v1__key_value__init(&attributes[i]);
		attributes[i].key = (char *)keys[i];
		attributes[i].value = values[i];
		attribute_at[i] = &attributes[i];
	}
	event.time_unix_nano = 7;
	event.name = "exception";
	link.trace_id = (ProtobufCBinaryData){16, trace_id};
	link.span_id = (ProtobufCBinaryData){8, one};
	status.code = 2;
	status.message = "no";
	span.trace_id = (ProtobufCBinaryData){16, trace_id};
	span.span_id = (ProtobufCBinaryData){8, span_id};
	span.parent_span_id = (ProtobufCBinaryData){8, parent_id};
	span.trace_state = "a=b";
	span.name = "GET /x";
	span.kind = 2;
	span.flags = 257;
	span.start_time_unix_nano = 1544712660000000000u;
	span.end_time_unix_nano = 1544712661000000000u;
	span.attributes = attribute_at;
	span.n_attributes = 9;
	span.dropped_attributes_count = 3;
	span.events = events;
	span.n_events = 1;
	span.links = links;
	span.n_links = 1;
	span.status = &status;
	scope.name = "lib";
	scope.version = "1";
	scope_spans.scope = &scope;
	scope_spans.spans = spans;
	scope_spans.n_spans = 1;
	service.key = "service.name";
	service.value = VALUE(STRING_VALUE, string_value, "shop");
	resource.attributes = service_at;
	resource.n_attributes = 1;
	resource_spans.resource = &resource;
	resource_spans.scope_spans = scope_spans_at;
	resource_spans.n_scope_spans = 1;
	request.resource_spans = resource_spans_at;
	request.n_resource_spans = 1;
	n = opentelemetry__proto__collector__trace__v1__export_trace_service_request__pack(&request,
											   to);
	for (int i = 0; i < 8; i++)
		test_free(values[i]);
	test_free(elements[0]);
	test_free(elements[1]);
	test_free(member.value);
	test_free(service.value);
	return n;
}

#define assert_text(text, literal)                                           \
	do {                                                                 \
		assert_int_equal((text).n, sizeof(literal) - 1);             \
		assert_memory_equal((text).p, literal, sizeof(literal) - 1); \
	} while (0)

static void check_attributes(const struct at_attributes *in)
{
	const struct at_member *at = in->at;

	assert_int_equal(in->n, 9);
	assert_int_equal(in->dropped, 3);
	assert_text(at[0].key, "s");
	assert_int_equal(at[0].value.type, AT_VALUE_STRING);
	assert_text(at[0].value.text, "v");
	assert_int_equal(at[1].value.type, AT_VALUE_INT);
	assert_true(at[1].value.integer == INT64_MIN);
	assert_int_equal(at[2].value.integer, 200);
	assert_int_equal(at[3].value.type, AT_VALUE_DOUBLE);
	assert_true(at[3].value.number == 0.5);
	assert_int_equal(at[4].value.type, AT_VALUE_BOOL);
	assert_true(at[4].value.truth);
	assert_int_equal(at[5].value.type, AT_VALUE_BYTES);
	assert_text(at[5].value.text, "\0\1\377");
	assert_int_equal(at[6].value.type, AT_VALUE_LIST);
	assert_int_equal(at[6].value.n, 2);
	assert_text(at[6].value.list[0].text, "e");
	assert_int_equal(at[6].value.list[1].type, AT_VALUE_EMPTY);
	assert_int_equal(at[7].value.type, AT_VALUE_MAP);
	assert_int_equal(at[7].value.n, 1);
	assert_text(at[7].value.map[0].key, "k");
	assert_int_equal(at[7].value.map[0].value.type, AT_VALUE_BOOL);
	assert_false(at[7].value.map[0].value.truth);
	assert_int_equal(at[8].value.type, AT_VALUE_EMPTY);
}

static void check_same_span(void)
{
	const struct at_view_span *span = batch.spans;

	assert_int_equal(batch.n, 1);
	assert_int_equal(batch.rejected, 0);
	assert_text(span->trace_id,
		    "\x5b\x8e\xff\xf7\x98\x03\x81\x03\xd2\x69\xb6\x33\x81\x3f\xc6\x0c");
	assert_text(span->span_id, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x74");
	assert_text(span->parent_id, "\xee\xe1\x9b\x7e\xc3\xc1\xb1\x73");
	assert_text(span->name, "GET /x");
	assert_text(span->trace_state, "a=b");
	assert_text(span->status_message, "no");
	assert_int_equal(span->status, 2);
	assert_int_equal(span->kind, 2);
	assert_int_equal(span->flags, 257);
	assert_true(span->start == 1544712660000000000u);
	assert_true(span->end == 1544712661000000000u);
	check_attributes(&span->attributes);
	assert_int_equal(span->n_events, 1);
	assert_text(span->events[0].name, "exception");
	assert_true(span->events[0].time == 7);
	assert_int_equal(span->n_links, 1);
	assert_text(span->links[0].span_id, "\0\0\0\0\0\0\0\1");
	assert_text(span->scope->name, "lib");
	assert_text(span->scope->version, "1");
	assert_text(at_attribute(&span->resource->attributes, AT_STR("service.name"))->text,
		    "shop");
}

static void both_encodings_give_the_same_span(void **state)
{
	uint8_t packed[2048];
	size_t n = pack_same_request(packed);

	(void)state;
	assert_true(n < sizeof(packed));
	assert_int_equal(at_decode_protobuf(at_str((char *)packed, n), &region, &batch, &why),
			 AT_DECODE_DONE);
	check_same_span();
	assert_int_equal(at_decode_json(at_str_c(json_request), &region, &batch, &why),
			 AT_DECODE_DONE);
	check_same_span();
}

static void protobuf_cut_anywhere_is_harmless(void **state)
{
	uint8_t packed[2048];
	size_t n = pack_same_request(packed);

	(void)state;
	for (size_t cut = 1; cut < n; cut++)
		assert_int_equal(
			at_decode_protobuf(at_str((char *)packed, cut), &region, &batch, &why),
			AT_DECODE_GARBAGE);
	assert_text(why, "the body is no protobuf ExportTraceServiceRequest");
}

static void json_cut_anywhere_is_harmless(void **state)
{
	(void)state;
	for (size_t cut = 0; cut < sizeof(json_request) - 1; cut++)
		assert_int_equal(at_decode_json(at_str(json_request, cut), &region, &batch, &why),
				 AT_DECODE_GARBAGE);
}

static void empty_requests_are_fine(void **state)
{
	static const char *const bodies[] = {"{}", "{\"resourceSpans\":[]}",
					     "{\"resourceSpans\":[{\"scopeSpans\":[{}]}]}",
					     "{\"resourceSpans\":null}"};

	(void)state;
	assert_int_equal(at_decode_protobuf(AT_STR_NONE, &region, &batch, &why), AT_DECODE_DONE);
	assert_int_equal(batch.n, 0);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(at_decode_json(at_str_c(bodies[i]), &region, &batch, &why),
				 AT_DECODE_DONE);
		assert_int_equal(batch.n + batch.rejected, 0);
	}
}

/* A JSON request with one span, of which `members` are the members beyond the needed ones. */
static enum at_decode_result decode_span(const char *members)
{
	char body[1024];

	snprintf(body, sizeof(body),
		 "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{\"traceId\":"
		 "\"5b8efff798038103d269b633813fc60c\",\"spanId\":\"eee19b7ec3c1b174\","
		 "\"name\":\"n\",\"startTimeUnixNano\":\"5\",\"endTimeUnixNano\":\"6\"%s}]}]}]}",
		 members);
	return at_decode_json(at_str_c(body), &region, &batch, &why);
}

static void json_of_the_wrong_shape_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *members, *why;
	} cases[] = {
		{",\"name\":5", "name is not a string"},
		{",\"spanId\":5", "spanId is not a string"},
		{",\"kind\":\"SPAN_KIND_SERVER\"", "kind is not a number, as enums are in OTLP"},
		{",\"kind\":4294967296", "kind is not a number, as enums are in OTLP"},
		{",\"startTimeUnixNano\":\"-5\"",
		 "startTimeUnixNano is not an unsigned 64-bit number"},
		{",\"startTimeUnixNano\":-5", "startTimeUnixNano is not an unsigned 64-bit number"},
		{",\"startTimeUnixNano\":\"\"",
		 "startTimeUnixNano is not an unsigned 64-bit number"},
		{",\"endTimeUnixNano\":\"18446744073709551616\"",
		 "endTimeUnixNano is not an unsigned 64-bit number"},
		{",\"endTimeUnixNano\":1.5", "endTimeUnixNano is not an unsigned 64-bit number"},
		{",\"flags\":4294967296", "flags is not an unsigned 32-bit number"},
		{",\"status\":[]", "status is not an object"},
		{",\"attributes\":{}", "attributes is not an array"},
		{",\"attributes\":[5]", "attributes has an element that is no object"},
		{",\"attributes\":[{\"key\":\"a\",\"value\":5}]", "value is not an object"},
		{",\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":\"5x\"}}]",
		 "intValue is not a 64-bit number"},
		{",\"attributes\":[{\"key\":\"a\",\"value\":{\"boolValue\":1}}]",
		 "boolValue is not true or false"},
		{",\"attributes\":[{\"key\":\"a\",\"value\":{\"doubleValue\":\"5\"}}]",
		 "doubleValue is not a number"},
		{",\"attributes\":[{\"key\":\"a\",\"value\":{\"bytesValue\":\"*\"}}]",
		 "bytesValue is not base64"},
		{",\"attributes\":[{\"key\":\"a\",\"value\":{\"arrayValue\":[]}}]",
		 "arrayValue is not an object"},
		{",\"events\":7", "events is not an array"},
		{",\"links\":[7]", "links has an element that is no object"},
	};

	(void)state;
	assert_int_equal(decode_span(""), AT_DECODE_DONE);
	assert_int_equal(batch.n, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[128];

		assert_int_equal(decode_span(cases[i].members), AT_DECODE_GARBAGE);
		snprintf(text, sizeof(text), "%.*s", AT_STR_ARG(why));
		assert_string_equal(text, cases[i].why);
	}
}

static void doubles_that_json_cannot_write(void **state)
{
	(void)state;
	assert_int_equal(
		decode_span(",\"attributes\":[{\"key\":\"a\",\"value\":{\"doubleValue\":\"NaN\"}},"
			    "{\"key\":\"b\",\"value\":{\"doubleValue\":\"-Infinity\"}},"
			    "{\"key\":\"c\",\"value\":{\"doubleValue\":3}}]"),
		AT_DECODE_DONE);
	assert_true(isnan(batch.spans[0].attributes.at[0].value.number));
	assert_true(isinf(batch.spans[0].attributes.at[1].value.number));
	assert_true(batch.spans[0].attributes.at[2].value.number == 3.0);
}

static void malformed_spans_are_sorted_out(void **state)
{
	static const struct {
		const char *members;
		enum at_fault fault;
	} cases[] = {
		{",\"traceId\":\"\"", AT_FAULT_TRACE_ID_LENGTH},
		{",\"traceId\":\"5b8efff798038103d269b633813fc6\"", AT_FAULT_TRACE_ID_LENGTH},
		{",\"traceId\":\"5b8efff798038103d269b633813fc60x\"", AT_FAULT_TRACE_ID_LENGTH},
		{",\"traceId\":\"00000000000000000000000000000000\"", AT_FAULT_TRACE_ID_ZERO},
		{",\"spanId\":\"eee19b7ec3c1b17\"", AT_FAULT_SPAN_ID_LENGTH},
		{",\"spanId\":\"0000000000000000\"", AT_FAULT_SPAN_ID_ZERO},
		{",\"parentSpanId\":\"01\"", AT_FAULT_PARENT_ID_LENGTH},
		{",\"parentSpanId\":\"0000000000000000\"", AT_FAULT_PARENT_ID_ZERO},
		{",\"parentSpanId\":\"eee19b7ec3c1b174\"", AT_FAULT_OWN_PARENT},
		{",\"name\":\"\"", AT_FAULT_NAME},
		{",\"startTimeUnixNano\":0", AT_FAULT_START},
		{",\"startTimeUnixNano\":7", AT_FAULT_END},
		{",\"endTimeUnixNano\":\"9223372036854775808\"", AT_FAULT_TOO_LATE},
		{",\"links\":[{}]", AT_FAULT_LINK_ID},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char expected[128], text[128];

		assert_int_equal(decode_span(cases[i].members), AT_DECODE_DONE);
		assert_int_equal(batch.n, 0);
		assert_int_equal(batch.rejected, 1);
		snprintf(expected, sizeof(expected), "rejected spans: %s (1)",
			 at_verdict_words(cases[i].fault));
		snprintf(text, sizeof(text), "%.*s", AT_STR_ARG(batch.complaint));
		assert_string_equal(text, expected);
	}
}

/* Wraps `n` bytes at the end of `room` bytes as length-delimited field 1..15; returns the new
 * length. */
static size_t wrap(uint8_t *room, size_t size, size_t n, int field)
{
	size_t length = n, digits = 1;

	for (size_t left = n; left > 127; left >>= 7)
		digits++;
	assert_true(n + digits + 1 <= size);
	for (uint8_t *at = room + size - n - digits; digits-- > 0; length >>= 7)
		*at++ = (uint8_t)((length & 127) | (digits ? 128 : 0));
	for (digits = 1; n >> (7 * digits); digits++)
		;
	room[size - n - digits - 1] = (uint8_t)(field << 3 | 2);
	return n + digits + 1;
}

/* A protobuf request with an attribute of `depth` lists in one another; returns where it starts. */
static uint8_t *deep_request(uint8_t *room, size_t size, int depth, size_t *n)
{
	*n = 0;
	for (int i = 0; i < depth; i++)
		*n = wrap(room, size, wrap(room, size, *n, 1), 5);
	*n = wrap(room, size, *n, 2);
	*n = wrap(room, size, *n, 9);
	*n = wrap(room, size, *n, 2);
	*n = wrap(room, size, *n, 2);
	*n = wrap(room, size, *n, 1);
	return room + size - *n;
}

static void nesting_is_bounded_in_protobuf(void **state)
{
	enum { SIZE = 4 << 20 };
	uint8_t *room = malloc(SIZE);
	uint8_t *start;
	size_t n;

	(void)state;
	start = deep_request(room, SIZE, AT_VALUE_DEPTH - 1, &n);
	assert_int_equal(at_decode_protobuf(at_str((char *)start, n), &region, &batch, &why),
			 AT_DECODE_DONE);
	assert_int_equal(batch.rejected, 1);
	start = deep_request(room, SIZE, AT_VALUE_DEPTH, &n);
	assert_int_equal(at_decode_protobuf(at_str((char *)start, n), &region, &batch, &why),
			 AT_DECODE_GARBAGE);
	assert_text(why, "attribute values are nested too deeply");
	start = deep_request(room, SIZE, 400000, &n);
	assert_true(n > 2000000);
	assert_int_equal(at_decode_protobuf(at_str((char *)start, n), &region, &batch, &why),
			 AT_DECODE_GARBAGE);
	assert_text(why, "attribute values are nested too deeply");
	free(room);
}

static void nesting_is_bounded_in_json(void **state)
{
	char *body = malloc(1 << 20);

	(void)state;
	for (int depth = AT_VALUE_DEPTH - 1; depth <= AT_VALUE_DEPTH; depth++) {
		char *end =
			body + sprintf(body, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{"
					     "\"key\":\"a\",\"value\":");

		for (int i = 0; i < depth; i++)
			end += sprintf(end, "{\"arrayValue\":{\"values\":[");
		end += sprintf(end, "{}");
		for (int i = 0; i < depth; i++)
			end += sprintf(end, "]}}");
		strcpy(end, "}]}}]}");
		assert_int_equal(at_decode_json(at_str_c(body), &region, &batch, &why),
				 depth < AT_VALUE_DEPTH ? AT_DECODE_DONE : AT_DECODE_GARBAGE);
	}
	assert_text(why, "attribute values are nested too deeply");
	memset(body, '[', 1 << 20);
	assert_int_equal(at_decode_json(at_str(body, 1 << 20), &region, &batch, &why),
			 AT_DECODE_GARBAGE);
	free(body);
}

static void memory_is_bounded(void **state)
{
	enum { SIZE = 8 << 20 };
	char *body = malloc(SIZE);
	size_t n = 0;

	(void)state;
	/* Empty resource spans: two bytes each on the wire, a hundred in memory. */
	for (; n + 2 <= SIZE; n += 2)
		memcpy(body + n, "\x0a\x00", 2);
	assert_int_equal(at_decode_protobuf(at_str(body, n), &region, &batch, &why),
			 AT_DECODE_TOO_BIG);
	assert_true(region.held <= 64u << 20);
	n = (size_t)sprintf(body, "{\"a\":[[]");
	for (; n + 5 <= SIZE; n += 3)
		memcpy(body + n, ",[]", 3);
	memcpy(body + n, "]}", 2);
	assert_int_equal(at_decode_json(at_str(body, n + 2), &region, &batch, &why),
			 AT_DECODE_TOO_BIG);
	free(body);
	assert_int_equal(decode_span(""), AT_DECODE_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(both_encodings_give_the_same_span),
		TEST(protobuf_cut_anywhere_is_harmless),
		TEST(json_cut_anywhere_is_harmless),
		TEST(empty_requests_are_fine),
		TEST(json_of_the_wrong_shape_is_refused_with_a_reason),
		TEST(doubles_that_json_cannot_write),
		TEST(malformed_spans_are_sorted_out),
		TEST(nesting_is_bounded_in_protobuf),
		TEST(nesting_is_bounded_in_json),
		TEST(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
