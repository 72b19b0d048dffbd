/*
 * OTLP protobuf -> spans. Fed by the receiver with a whole body, on the program's one thread.
 * protobuf-c unpacks into the request's region, and the unpacked messages are then read into
 * view/span.h's structs. Owns nothing.
 *
 * protobuf-c recurses once per nested message, as deep as the body says; the allocator, which it
 * asks for each message, ends that by refusing when the stack has grown too far.
 */
#include "view/decode.h"
#include "view/verdict.h"

#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"

#define STACK_MAX (256u * 1024)

#define EXPORT(name)   struct Opentelemetry__Proto__Collector__Trace__V1__##name
#define TRACE(name)    struct Opentelemetry__Proto__Trace__V1__##name
#define RESOURCE(name) struct Opentelemetry__Proto__Resource__V1__##name
#define COMMON(name)   struct Opentelemetry__Proto__Common__V1__##name

/* One request on its way. */
struct reader {
	struct at_region *region; /* where everything goes */
	char *stack;              /* the frame unpacking started from */
	bool full;                /* the region refused a block */
	bool deep;                /* nested too deeply */
};

static void *take(void *data, size_t size)
{
	struct reader *r = data;
	void *block;

	if ((size_t)(r->stack - (char *)__builtin_frame_address(0)) > STACK_MAX) {
		r->deep = true;
		return NULL;
	}
	block = at_region_take(r->region, size);
	if (!block)
		r->full = true;
	return block;
}

static void keep(void *data, void *block)
{
	(void)data;
	(void)block;
}

static void *zeroed(struct reader *r, size_t count, size_t size)
{
	void *block = count ? at_region_zeroed(r->region, count, size) : NULL;

	if (count && !block)
		r->full = true;
	return block;
}

static struct at_str bytes(ProtobufCBinaryData data)
{
	return at_str((const char *)data.data, data.len);
}

static bool read_value(struct reader *r, struct at_value *to, const COMMON(AnyValue) * from,
		       int depth);

static bool read_members(struct reader *r, struct at_member **to, size_t n,
			 COMMON(KeyValue) * *from, int depth)
{
	struct at_member *members = zeroed(r, n, sizeof(*members));

	*to = members;
	if (n && !members)
		return false;
	for (size_t i = 0; i < n; i++) {
		members[i].key = at_str_c(from[i]->key);
		if (!read_value(r, &members[i].value, from[i]->value, depth))
			return false;
	}
	return true;
}

static bool read_list(struct reader *r, struct at_value *to, const COMMON(ArrayValue) * from,
		      int depth)
{
	to->type = AT_VALUE_LIST;
	to->n = from->n_values;
	to->list = zeroed(r, to->n, sizeof(*to->list));
	if (to->n && !to->list)
		return false;
	for (size_t i = 0; i < to->n; i++) {
		if (!read_value(r, &to->list[i], from->values[i], depth))
			return false;
	}
	return true;
}

#define IS(name) OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_##name

static bool read_value(struct reader *r, struct at_value *to, const COMMON(AnyValue) * from,
		       int depth)
{
	if (depth > AT_VALUE_DEPTH) {
		r->deep = true;
		return false;
	}
	switch (from ? from->value_case : IS(_NOT_SET)) {
	case IS(STRING_VALUE):
		*to = (struct at_value){.type = AT_VALUE_STRING,
					.text = at_str_c(from->string_value)};
		return true;
	case IS(BYTES_VALUE):
		*to = (struct at_value){.type = AT_VALUE_BYTES, .text = bytes(from->bytes_value)};
		return true;
	case IS(BOOL_VALUE):
		*to = (struct at_value){.type = AT_VALUE_BOOL, .truth = from->bool_value};
		return true;
	case IS(INT_VALUE):
		*to = (struct at_value){.type = AT_VALUE_INT, .integer = from->int_value};
		return true;
	case IS(DOUBLE_VALUE):
		*to = (struct at_value){.type = AT_VALUE_DOUBLE, .number = from->double_value};
		return true;
	case IS(ARRAY_VALUE):
		return read_list(r, to, from->array_value, depth + 1);
	case IS(KVLIST_VALUE):
		to->type = AT_VALUE_MAP;
		to->n = from->kvlist_value->n_values;
		return read_members(r, &to->map, to->n, from->kvlist_value->values, depth + 1);
	default:
		*to = (struct at_value){.type = AT_VALUE_EMPTY};
		return true;
	}
}

static bool read_attributes(struct reader *r, struct at_attributes *to, size_t n,
			    COMMON(KeyValue) * *from, uint32_t dropped)
{
	to->n = n;
	to->dropped = dropped;
	return read_members(r, &to->at, n, from, 1);
}

static bool read_events(struct reader *r, struct at_view_span *to, const TRACE(Span) * from)
{
	to->n_events = from->n_events;
	to->events = zeroed(r, to->n_events, sizeof(*to->events));
	if (to->n_events && !to->events)
		return false;
	for (size_t i = 0; i < to->n_events; i++) {
		const TRACE(Span__Event) *event = from->events[i];

		to->events[i].time = event->time_unix_nano;
		to->events[i].name = at_str_c(event->name);
		if (!read_attributes(r, &to->events[i].attributes, event->n_attributes,
				     event->attributes, event->dropped_attributes_count))
			return false;
	}
	return true;
}

static bool read_links(struct reader *r, struct at_view_span *to, const TRACE(Span) * from)
{
	to->n_links = from->n_links;
	to->links = zeroed(r, to->n_links, sizeof(*to->links));
	if (to->n_links && !to->links)
		return false;
	for (size_t i = 0; i < to->n_links; i++) {
		const TRACE(Span__Link) *link = from->links[i];

		to->links[i].trace_id = bytes(link->trace_id);
		to->links[i].span_id = bytes(link->span_id);
		to->links[i].trace_state = at_str_c(link->trace_state);
		to->links[i].flags = link->flags;
		if (!read_attributes(r, &to->links[i].attributes, link->n_attributes,
				     link->attributes, link->dropped_attributes_count))
			return false;
	}
	return true;
}

static bool read_span(struct reader *r, struct at_view_span *to, const TRACE(Span) * from)
{
	to->trace_id = bytes(from->trace_id);
	to->span_id = bytes(from->span_id);
	to->parent_id = bytes(from->parent_span_id);
	to->name = at_str_c(from->name);
	to->trace_state = at_str_c(from->trace_state);
	to->start = from->start_time_unix_nano;
	to->end = from->end_time_unix_nano;
	to->flags = from->flags;
	to->kind = (int)from->kind;
	if (from->status) {
		to->status = (int)from->status->code;
		to->status_message = at_str_c(from->status->message);
	}
	return read_attributes(r, &to->attributes, from->n_attributes, from->attributes,
			       from->dropped_attributes_count) &&
	       read_events(r, to, from) && read_links(r, to, from);
}

static const struct at_view_scope *read_scope(struct reader *r,
					      const COMMON(InstrumentationScope) * from)
{
	struct at_view_scope *scope = zeroed(r, 1, sizeof(*scope));

	if (!scope || !from)
		return scope;
	scope->name = at_str_c(from->name);
	scope->version = at_str_c(from->version);
	if (!read_attributes(r, &scope->attributes, from->n_attributes, from->attributes,
			     from->dropped_attributes_count))
		return NULL;
	return scope;
}

static const struct at_view_resource *read_resource(struct reader *r,
						    const RESOURCE(Resource) * from)
{
	struct at_view_resource *resource = zeroed(r, 1, sizeof(*resource));

	if (!resource || !from)
		return resource;
	if (!read_attributes(r, &resource->attributes, from->n_attributes, from->attributes,
			     from->dropped_attributes_count))
		return NULL;
	return resource;
}

static bool read_scope_spans(struct reader *r, struct at_view_batch *batch,
			     const TRACE(ScopeSpans) * from,
			     const struct at_view_resource *resource)
{
	const struct at_view_scope *scope = read_scope(r, from->scope);

	if (!scope)
		return false;
	for (size_t i = 0; i < from->n_spans; i++) {
		struct at_view_span *span = &batch->spans[batch->n++];

		span->resource = resource;
		span->scope = scope;
		if (!read_span(r, span, from->spans[i]))
			return false;
	}
	return true;
}

static size_t count_spans(const EXPORT(ExportTraceServiceRequest) * request)
{
	size_t n = 0;

	for (size_t i = 0; i < request->n_resource_spans; i++) {
		for (size_t j = 0; j < request->resource_spans[i]->n_scope_spans; j++)
			n += request->resource_spans[i]->scope_spans[j]->n_spans;
	}
	return n;
}

static bool read_request(struct reader *r, struct at_view_batch *batch,
			 const EXPORT(ExportTraceServiceRequest) * request)
{
	size_t n = count_spans(request);

	batch->spans = zeroed(r, n, sizeof(*batch->spans));
	if (n && !batch->spans)
		return false;
	for (size_t i = 0; i < request->n_resource_spans; i++) {
		const TRACE(ResourceSpans) *from = request->resource_spans[i];
		const struct at_view_resource *resource = read_resource(r, from->resource);

		if (!resource)
			return false;
		for (size_t j = 0; j < from->n_scope_spans; j++) {
			if (!read_scope_spans(r, batch, from->scope_spans[j], resource))
				return false;
		}
	}
	return true;
}

enum at_decode_result at_decode_protobuf(struct at_str body, struct at_region *region,
					 struct at_view_batch *batch, struct at_str *why)
{
	struct reader r = {.region = region, .stack = __builtin_frame_address(0)};
	ProtobufCAllocator allocator = {.alloc = take, .free = keep, .allocator_data = &r};
	EXPORT(ExportTraceServiceRequest) * request;

	*batch = (struct at_view_batch){0};
	request = opentelemetry__proto__collector__trace__v1__export_trace_service_request__unpack(
		&allocator, body.n, (const uint8_t *)body.p);
	if (request && read_request(&r, batch, request)) {
		at_verdict_pass(batch, region);
		return AT_DECODE_DONE;
	}
	*batch = (struct at_view_batch){0};
	if (r.full)
		return AT_DECODE_TOO_BIG;
	*why = r.deep ? AT_STR("attribute values are nested too deeply")
		      : AT_STR("the body is no protobuf ExportTraceServiceRequest");
	return AT_DECODE_GARBAGE;
}
