/*
 * A span as protobuf-c encodes it: what our own writer is compared with, for content in the tests
 * and for speed in the benchmark.
 */
#ifndef AT_TESTS_SUPPORT_REFERENCE_H
#define AT_TESTS_SUPPORT_REFERENCE_H

#include <opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h>

#include "trace/record.h"

#define REF(name) Opentelemetry__Proto__##name

/* A span message and all it points to; texts are cut at a NUL, as C strings are. */
struct reference {
	REF(Trace__V1__Span) span;
	REF(Trace__V1__Status) status;
	REF(Common__V1__KeyValue) pair[AT_SPAN_ATTRS_MAX];
	REF(Common__V1__KeyValue) * pairs[AT_SPAN_ATTRS_MAX];
	REF(Common__V1__AnyValue) value[AT_SPAN_ATTRS_MAX];
	REF(Common__V1__AnyValue) item[AT_SPAN_ATTRS_MAX];
	REF(Common__V1__AnyValue) * items[AT_SPAN_ATTRS_MAX];
	REF(Common__V1__ArrayValue) array[AT_SPAN_ATTRS_MAX];
	REF(Trace__V1__Span__Link) link[AT_SPAN_LINKS_MAX];
	REF(Trace__V1__Span__Link) * links[AT_SPAN_LINKS_MAX];
	char text[32768]; /* C strings */
	size_t used;
};

static inline char *reference_text(struct reference *r, struct at_str s)
{
	char *p = r->text + r->used;
	if (s.n)
		memcpy(p, s.p, s.n);
	p[s.n] = 0;
	r->used += s.n + 1;
	return p;
}

static inline void reference_value(struct reference *r, unsigned i, const struct at_attr *a)
{
	REF(Common__V1__AnyValue) *v = &r->value[i];
	opentelemetry__proto__common__v1__any_value__init(v);
	switch (a->type) {
	case AT_ATTR_INT:
		v->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
		v->int_value = a->i;
		break;
	case AT_ATTR_DOUBLE:
		v->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_DOUBLE_VALUE;
		v->double_value = a->d;
		break;
	case AT_ATTR_BOOL:
		v->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_BOOL_VALUE;
		v->bool_value = a->i != 0;
		break;
	case AT_ATTR_STRING_LIST:
		opentelemetry__proto__common__v1__any_value__init(&r->item[i]);
		opentelemetry__proto__common__v1__array_value__init(&r->array[i]);
		r->item[i].value_case =
			OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
		r->item[i].string_value = reference_text(r, a->str);
		r->items[i] = &r->item[i];
		r->array[i].n_values = 1;
		r->array[i].values = &r->items[i];
		v->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_ARRAY_VALUE;
		v->array_value = &r->array[i];
		break;
	default:
		v->value_case = OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
		v->string_value = reference_text(r, a->str);
	}
}

static inline void reference_lists(struct reference *r, const struct at_span *s)
{
	for (unsigned i = 0; i < s->attr_count; i++) {
		opentelemetry__proto__common__v1__key_value__init(&r->pair[i]);
		reference_value(r, i, &s->attr[i]);
		r->pair[i].key = reference_text(r, s->attr[i].key);
		r->pair[i].value = &r->value[i];
		r->pairs[i] = &r->pair[i];
	}
	for (unsigned i = 0; i < s->link_count; i++) {
		opentelemetry__proto__trace__v1__span__link__init(&r->link[i]);
		r->link[i].trace_id =
			(ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)s->link[i].trace_id};
		r->link[i].span_id =
			(ProtobufCBinaryData){8, (uint8_t *)(uintptr_t)s->link[i].span_id};
		r->link[i].flags = s->link[i].flags & 3;
		r->links[i] = &r->link[i];
	}
	r->span.n_attributes = s->attr_count;
	r->span.attributes = r->pairs;
	r->span.n_links = s->link_count;
	r->span.links = r->links;
}

/* Fills r->span from s, which must stay. */
static inline void reference_make(struct reference *r, const struct at_span *s)
{
	static const uint8_t none[8];
	r->used = 0;
	opentelemetry__proto__trace__v1__span__init(&r->span);
	opentelemetry__proto__trace__v1__status__init(&r->status);
	r->span.trace_id = (ProtobufCBinaryData){16, (uint8_t *)(uintptr_t)s->trace_id};
	r->span.span_id = (ProtobufCBinaryData){8, (uint8_t *)(uintptr_t)s->span_id};
	if (memcmp(s->parent_id, none, 8) != 0)
		r->span.parent_span_id =
			(ProtobufCBinaryData){8, (uint8_t *)(uintptr_t)s->parent_id};
	r->span.trace_state = reference_text(r, s->state);
	r->span.name = reference_text(r, s->name);
	r->span.kind = (REF(Trace__V1__Span__SpanKind))s->kind;
	r->span.start_time_unix_nano = s->start_ns;
	r->span.end_time_unix_nano = s->end_ns;
	r->span.dropped_attributes_count = s->dropped_attrs;
	r->span.flags = (s->flags & 3u) | 0x100u | (s->parent_remote ? 0x200u : 0);
	if (s->status) {
		r->status.code = (REF(Trace__V1__Status__StatusCode))s->status;
		r->status.message = reference_text(r, s->status_message);
		r->span.status = &r->status;
	}
	reference_lists(r, s);
}

#endif
