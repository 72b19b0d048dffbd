/*
 * The OTLP writer against protobuf-c: what it writes must decode, and every field of every span
 * must equal the message that protobuf-c was given for the same span.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/checksum.h"
#include "base/entropy.h"
#include "export/otlp_encode.h"
#include "export/otlp_frame.h"
#include "support/reference.h"
#include "support/sample.h"
#include "trace/resource.h"

typedef REF(Collector__Trace__V1__ExportTraceServiceRequest) request_message;

static struct at_resource resource = {
	.attr = {{.key = {"service.name", 12}, .str = {"sh\xc3\xb6p", 5}},
		 {.key = {"process.pid", 11}, .i = 4711, .is_int = true},
		 {.key = {"broken", 6}, .str = {"a\xff", 2}}},
	.count = 3,
};
static struct at_otlp_frame frame;
static struct at_out out = {.cap = 32u << 20};

static request_message *decode(void)
{
	size_t start = at_otlp_close(&frame, &out);
	assert_false(out.failed);
	request_message *m =
		opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
			NULL, out.n - start, (const uint8_t *)out.p + start);
	assert_non_null(m);
	assert_int_equal(m->n_resource_spans, 1);
	assert_int_equal(m->resource_spans[0]->n_scope_spans, 1);
	return m;
}

static void release(request_message *m)
{
	opentelemetry__proto__collector__trace__v1__export_trace_service_request__free_unpacked(
		m, NULL);
}

static void begin(void)
{
	at_out_reset(&out, SIZE_MAX);
	at_otlp_begin(&frame, &out);
	memset(out.p, 0, out.n); /* room for what at_otlp_close puts there */
}

static void assert_bytes(ProtobufCBinaryData have, ProtobufCBinaryData want)
{
	assert_int_equal(have.len, want.len);
	if (want.len)
		assert_memory_equal(have.data, want.data, want.len);
}

static void assert_value(const REF(Common__V1__AnyValue) * have,
			 const REF(Common__V1__AnyValue) * want)
{
	assert_int_equal(have->value_case, want->value_case);
	switch (want->value_case) {
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE:
		assert_string_equal(have->string_value, want->string_value);
		break;
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE:
		assert_true(have->int_value == want->int_value);
		break;
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE:
		assert_true(have->double_value == want->double_value);
		break;
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE:
		assert_int_equal(have->bool_value, want->bool_value);
		break;
	case OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_ARRAY_VALUE:
		assert_int_equal(have->array_value->n_values, 1);
		assert_value(have->array_value->values[0], want->array_value->values[0]);
		break;
	default:
		fail();
	}
}

static void assert_span(const REF(Trace__V1__Span) * have, const REF(Trace__V1__Span) * want)
{
	assert_bytes(have->trace_id, want->trace_id);
	assert_bytes(have->span_id, want->span_id);
	assert_bytes(have->parent_span_id, want->parent_span_id);
	assert_string_equal(have->trace_state, want->trace_state);
	assert_string_equal(have->name, want->name);
	assert_int_equal(have->kind, want->kind);
	assert_true(have->start_time_unix_nano == want->start_time_unix_nano);
	assert_true(have->end_time_unix_nano == want->end_time_unix_nano);
	assert_int_equal(have->dropped_attributes_count, want->dropped_attributes_count);
	assert_int_equal(have->flags, want->flags);
	assert_int_equal(have->n_attributes, want->n_attributes);
	for (size_t i = 0; i < want->n_attributes; i++) {
		assert_string_equal(have->attributes[i]->key, want->attributes[i]->key);
		assert_value(have->attributes[i]->value, want->attributes[i]->value);
	}
	assert_int_equal(have->n_links, want->n_links);
	for (size_t i = 0; i < want->n_links; i++) {
		assert_bytes(have->links[i]->trace_id, want->links[i]->trace_id);
		assert_bytes(have->links[i]->span_id, want->links[i]->span_id);
		assert_int_equal(have->links[i]->flags, want->links[i]->flags);
	}
	assert_int_equal(have->status != NULL, want->status != NULL);
	if (want->status) {
		assert_int_equal(have->status->code, want->status->code);
		assert_string_equal(have->status->message, want->status->message);
	}
}

/* Encodes the spans in one body and compares each. */
static void round_trip(const struct at_span *s, size_t count)
{
	static struct reference want;
	begin();
	for (size_t i = 0; i < count; i++)
		at_otlp_add(&out, &s[i]);
	request_message *m = decode();
	REF(Trace__V1__ScopeSpans) *scope = m->resource_spans[0]->scope_spans[0];
	assert_int_equal(scope->n_spans, count);
	for (size_t i = 0; i < count; i++) {
		reference_make(&want, &s[i]);
		assert_span(scope->spans[i], &want.span);
	}
	release(m);
}

static void read_sample(struct at_span *s, unsigned i)
{
	static char record[8192];
	struct sample x;
	sample_make(&x, i, "a=1");
	assert_true(at_span_read(s, record, sample_record(&x, record)));
	assert_true(at_span_expand(s));
}

static void test_frame(void **state)
{
	struct at_span s;
	(void)state;
	read_sample(&s, 1);
	begin();
	at_otlp_add(&out, &s);
	request_message *m = decode();
	REF(Trace__V1__ResourceSpans) *r = m->resource_spans[0];
	assert_string_equal(r->schema_url, "https://opentelemetry.io/schemas/1.44.0");
	assert_int_equal(r->resource->n_attributes, 3);
	assert_string_equal(r->resource->attributes[0]->key, "service.name");
	assert_string_equal(r->resource->attributes[0]->value->string_value, "sh\xc3\xb6p");
	assert_true(r->resource->attributes[1]->value->int_value == 4711);
	assert_string_equal(r->resource->attributes[2]->value->string_value, "a\xef\xbf\xbd");
	REF(Trace__V1__ScopeSpans) *scope = r->scope_spans[0];
	assert_string_equal(scope->scope->name, "libautotrace");
	assert_string_equal(scope->scope->version, AT_VERSION);
	assert_string_equal(scope->schema_url, "https://opentelemetry.io/schemas/1.44.0");
	release(m);
}

static void test_sample(void **state)
{
	static struct at_span s[3];
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		read_sample(&s[i], i);
	memset(s[1].parent_id, 7, 8);
	s[1].parent_remote = 1;
	s[2].status = AT_STATUS_ERROR;
	s[2].status_message = AT_STR("it broke");
	s[2].state = AT_STR("vendor=x,other=y");
	s[2].dropped_attrs = 300;
	round_trip(s, 3);
}

static void test_root_has_no_parent_field(void **state)
{
	struct at_span s;
	struct at_out plain = {.cap = 1u << 20};
	(void)state;
	read_sample(&s, 1);
	at_otlp_add(&plain, &s);
	/* Behind trace_id and span_id (tag, length and payload each) comes the name, field 5. */
	size_t header = 1 + 2;
	assert_int_equal((unsigned char)plain.p[header], 1 << 3 | 2);
	assert_int_equal((unsigned char)plain.p[header + 18], 2 << 3 | 2);
	assert_int_equal((unsigned char)plain.p[header + 28], 5 << 3 | 2);
	at_out_free(&plain);
}

/* Every length of a value around the places where a length takes one byte more. */
static void test_lengths(void **state)
{
	static char text[20000];
	static struct at_span s;
	static const size_t edges[] = {0,   1,   3,   4,   7,   8,   15,   16,    17,    63,
				       100, 119, 120, 127, 128, 250, 4096, 16100, 16383, 16384};
	(void)state;
	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		for (size_t more = 0; more < 12; more++) {
			read_sample(&s, 1);
			s.attr_count = 1;
			s.attr[0] = (struct at_attr){.key = AT_STR("url.path"),
						     .key_id = AT_KEY_url_path,
						     .type = AT_ATTR_STRING,
						     .str = {text, edges[i] + more}};
			round_trip(&s, 1);
			s.attr[0].type = AT_ATTR_STRING_LIST;
			s.attr[0].key_id = AT_KEY_LITERAL;
			s.attr[0].key = AT_STR("http.request.header.x-\xc3\xa4");
			round_trip(&s, 1);
		}
}

/* The shortest span there can be: its length takes one byte. */
static void test_short_span(void **state)
{
	static struct at_span s;
	(void)state;
	memset(&s, 0, sizeof(s));
	memset(s.trace_id, 1, 16);
	memset(s.span_id, 2, 8);
	s.kind = AT_SPAN_CLIENT;
	round_trip(&s, 1);
}

static void test_numbers(void **state)
{
	static const int64_t values[] = {0, 1, -1, 127, 128, INT64_MAX, INT64_MIN, 1ll << 35};
	static struct at_span s;
	(void)state;
	read_sample(&s, 1);
	s.attr_count = 0;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		s.attr[s.attr_count++] = (struct at_attr){.key = AT_STR("n"),
							  .key_id = AT_KEY_LITERAL,
							  .type = AT_ATTR_INT,
							  .i = values[i]};
	s.attr[s.attr_count++] = (struct at_attr){.key = AT_STR("d"),
						  .key_id = AT_KEY_LITERAL,
						  .type = AT_ATTR_DOUBLE,
						  .d = -2.5e300};
	s.attr[s.attr_count++] = (struct at_attr){
		.key = AT_STR("b"), .key_id = AT_KEY_LITERAL, .type = AT_ATTR_BOOL, .i = 1};
	round_trip(&s, 1);
}

static void test_links(void **state)
{
	static struct at_span s;
	(void)state;
	read_sample(&s, 1);
	s.link_count = 2;
	memset(&s.link[0], 3, sizeof(s.link[0]));
	memset(&s.link[1], 9, sizeof(s.link[1]));
	s.link[0].flags = 1;
	s.link[1].flags = 0x83;
	round_trip(&s, 1);
}

/* Invalid UTF-8 everywhere: the receiver would refuse the whole body. */
static void test_invalid_text(void **state)
{
	static struct at_span s;
	(void)state;
	read_sample(&s, 1);
	s.name = AT_STR("G\xff");
	s.attr_count = 1;
	s.attr[0] =
		(struct at_attr){.key = AT_STR("k\xc0"),
				 .key_id = AT_KEY_LITERAL,
				 .type = AT_ATTR_STRING,
				 .str = AT_STR("\x80 long enough to be copied in one go\xe2\x82")};
	begin();
	at_otlp_add(&out, &s);
	request_message *m = decode();
	REF(Trace__V1__Span) *have = m->resource_spans[0]->scope_spans[0]->spans[0];
	assert_string_equal(have->name, "G\xef\xbf\xbd");
	assert_string_equal(have->attributes[0]->key, "k\xef\xbf\xbd");
	assert_string_equal(have->attributes[0]->value->string_value,
			    "\xef\xbf\xbd long enough to be copied in one go"
			    "\xef\xbf\xbd\xef\xbf\xbd");
	release(m);
}

/* Random spans of any shape, many in one body. */
static void test_random(void **state)
{
	static char text[4096];
	static struct at_span s[40];
	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(32 + at_entropy_u64() % 95);
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < 40; i++) {
			read_sample(&s[i], (unsigned)i);
			s[i].attr_count = (uint16_t)(at_entropy_u64() % 6);
			for (unsigned a = 0; a < s[i].attr_count; a++) {
				uint16_t key = (uint16_t)(at_entropy_u64() % AT_KEYS);
				s[i].attr[a] = (struct at_attr){
					.key = at_key_name((enum at_key)key),
					.key_id = key,
					.type = AT_ATTR_STRING,
					.str = {text, at_entropy_u64() % (a ? 200 : 4000)}};
			}
		}
		round_trip(s, 40);
	}
}

/* Bytes of the first `count` attributes. */
static uint32_t bytes_of(const struct at_attrs *attrs, unsigned count)
{
	uint32_t n = 0;
	for (unsigned k = 0; k < count; k++) {
		struct at_record_attr a;
		memcpy(&a, attrs->p + n, sizeof(a));
		n += (uint32_t)sizeof(a) + a.key_len + a.len;
	}
	return n;
}

/* Sample i with a padding attribute of `pad` bytes; the first `fixed` and the last `own` of its 15
 * attributes in their groups. */
static size_t grouped(char *record, unsigned i, unsigned fixed, unsigned own, size_t pad)
{
	static char text[2048];
	struct sample x;
	sample_make(&x, i, NULL);
	memset(text, 'x', sizeof(text));
	at_attrs_str(&x.attrs, AT_KEY_user_agent_original, at_str(text, pad));
	x.head.attrs = x.attrs.count;
	x.head.attr_bytes = x.attrs.n;
	x.head.fixed_attrs = (uint16_t)fixed;
	x.head.fixed_bytes = bytes_of(&x.attrs, fixed);
	x.head.own_attrs = (uint16_t)own;
	x.head.own_bytes = x.attrs.n - bytes_of(&x.attrs, 15 - own);
	/* Wrong now and then: it is a hint. */
	x.head.fixed_hash =
		i % 4 ? (uint32_t)at_str_hash(at_str(x.attrs.p, x.head.fixed_bytes)) : i % 3;
	memset(x.head.trace_id, 7, sizeof(x.head.trace_id));
	memset(x.head.span_id, 9, sizeof(x.head.span_id));
	return sample_record(&x, record);
}

/* What the worker does with a span of which nothing must be unpacked. */
static bool add_packed(struct at_span *s, const char *record, size_t n)
{
	assert_true(at_span_read(s, record, n));
	bool known = at_otlp_recall(s);
	assert_true(known || at_span_unpack(s, &s->shape));
	begin();
	at_otlp_add(&out, s);
	return known;
}

static void test_packed_attributes_encode_alike(void **state)
{
	static struct at_span packed, plain;
	static char record[8192], first[16384];
	unsigned known = 0;
	(void)state;
	/* More sets than are remembered, some met again, some too large to remember. */
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < 600; i++) {
			unsigned fixed = i % 16, own = i % 7 % (16 - fixed);
			size_t pad = i % 50 == 15 ? 1800 : i % 3;
			size_t size = grouped(record, i / 2, fixed, own, pad);
			known += add_packed(&packed, record, size);
			size_t n = out.n;
			assert_true(n < sizeof(first));
			memcpy(first, out.p, n);
			assert_true(at_span_read(&plain, record, size));
			assert_true(at_span_expand(&plain));
			assert_int_equal(plain.attr_count, 15);
			begin();
			at_otlp_add(&out, &plain);
			assert_int_equal(out.n, n);
			assert_memory_equal(out.p, first, n);
		}
	}
	assert_true(known > 100 && known < 1200);
}

/* Name, attributes and the count of dropped ones are remembered as the processors left them. */
static void test_processed_shapes_are_remembered(void **state)
{
	static struct at_span s;
	static char record[8192], first[16384];
	size_t size = grouped(record, 1, 4, 1, 7);
	(void)state;
	assert_true(at_span_read(&s, record, size));
	assert_false(at_otlp_recall(&s));
	assert_true(at_span_unpack(&s, &s.shape));
	assert_true(at_span_set_str(&s, AT_KEY_http_route, AT_STR("/api/users/{id}/orders")));
	s.name = AT_STR("GET /api/users/{id}/orders");
	s.dropped_attrs = 3;
	begin();
	at_otlp_add(&out, &s);
	size_t n = out.n;
	memcpy(first, out.p, n);
	assert_true(add_packed(&s, record, size));
	assert_int_equal(out.n, n);
	assert_memory_equal(out.p, first, n);
	/* Another kind, another name, another count: another shape. */
	assert_true(at_span_read(&s, record, size));
	s.kind = AT_SPAN_CLIENT;
	assert_false(at_otlp_recall(&s));
	assert_true(at_span_read(&s, record, size));
	s.dropped_attrs = 1;
	assert_false(at_otlp_recall(&s));
	assert_true(at_span_read(&s, record, size));
	s.name = AT_STR("PUT");
	assert_false(at_otlp_recall(&s));
}

/* What does not fit is left out whole, and the body stays good. */
static void test_cap(void **state)
{
	static struct at_span s;
	(void)state;
	read_sample(&s, 1);
	begin();
	at_otlp_add(&out, &s);
	size_t n = out.n;
	size_t cap = out.cap;
	out.cap = out.n + 10;
	out.room = out.cap;
	at_otlp_add(&out, &s);
	assert_true(out.failed);
	assert_int_equal(out.n, n);
	out.cap = cap;
	out.failed = false;
	request_message *m = decode();
	assert_int_equal(m->resource_spans[0]->scope_spans[0]->n_spans, 1);
	release(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_root_has_no_parent_field),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_short_span),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_invalid_text),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_packed_attributes_encode_alike),
		cmocka_unit_test(test_processed_shapes_are_remembered),
		cmocka_unit_test(test_cap),
	};
	if (!at_otlp_frame_open(&frame, &resource))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
