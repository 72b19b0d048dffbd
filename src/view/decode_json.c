/*
 * OTLP JSON -> spans. Fed by the receiver with a whole body, on the program's one thread. jansson
 * parses; what it holds is counted, and is gone when the call returns: the spans are copies in the
 * request's region. Unknown members are ignored, null is absent, ids are hex, enums are numbers and
 * 64-bit numbers may be strings, as OTLP has it.
 */
#include "base/base64.h"
#include "view/decode.h"
#include "view/json_field.h"
#include "view/verdict.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>

/* What jansson may hold and holds at the moment. The program has one thread. */
static struct {
	size_t limit; /* bytes */
	size_t held;  /* bytes */
	bool refused; /* since the parser was last started */
} parser;

static void *parser_alloc(size_t size)
{
	void *block;

	if (size > parser.limit || parser.held > parser.limit - size) {
		parser.refused = true;
		return NULL;
	}
	block = malloc(size);
	if (block)
		parser.held += malloc_usable_size(block);
	return block;
}

static void parser_free(void *block)
{
	if (block)
		parser.held -= malloc_usable_size(block);
	free(block);
}

void at_decode_json_setup(size_t limit)
{
	parser.limit = limit;
	json_set_alloc_funcs(parser_alloc, parser_free);
}

static bool read_members(struct at_json_reader *r, const json_t *object, const char *key,
			 struct at_member **to, size_t *n, int depth);
static bool read_value(struct at_json_reader *r, const json_t *object, struct at_value *to,
		       int depth);

static bool read_string(struct at_json_reader *r, const json_t *from, struct at_value *to,
			int depth)
{
	(void)depth;
	to->type = AT_VALUE_STRING;
	return json_is_string(from) ? at_json_field_copy(r, &to->text, at_json_field_str(from))
				    : at_json_field_wrong(r, "stringValue", "is not a string");
}

static bool read_bool(struct at_json_reader *r, const json_t *from, struct at_value *to, int depth)
{
	(void)depth;
	to->type = AT_VALUE_BOOL;
	to->truth = json_is_true(from);
	return json_is_boolean(from) || at_json_field_wrong(r, "boolValue", "is not true or false");
}

static bool read_int(struct at_json_reader *r, const json_t *from, struct at_value *to, int depth)
{
	(void)depth;
	to->type = AT_VALUE_INT;
	return at_json_field_signed(from, &to->integer) ||
	       at_json_field_wrong(r, "intValue", "is not a 64-bit number");
}

static bool read_double(struct at_json_reader *r, const json_t *from, struct at_value *to,
			int depth)
{
	(void)depth;
	to->type = AT_VALUE_DOUBLE;
	to->number = json_number_value(from);
	if (json_is_number(from))
		return true;
	if (json_is_string(from) && at_str_eq(at_json_field_str(from), AT_STR("NaN")))
		to->number = NAN;
	else if (json_is_string(from) && at_str_eq(at_json_field_str(from), AT_STR("Infinity")))
		to->number = INFINITY;
	else if (json_is_string(from) && at_str_eq(at_json_field_str(from), AT_STR("-Infinity")))
		to->number = -INFINITY;
	else
		return at_json_field_wrong(r, "doubleValue", "is not a number");
	return true;
}

static bool read_bytes(struct at_json_reader *r, const json_t *from, struct at_value *to, int depth)
{
	struct at_str text = at_json_field_str(from);
	char *bytes;
	ptrdiff_t n;

	(void)depth;
	to->type = AT_VALUE_BYTES;
	if (!json_is_string(from))
		return at_json_field_wrong(r, "bytesValue", "is not a string");
	bytes = at_json_field_zeroed(r, text.n, 1);
	if (text.n && !bytes)
		return false;
	n = at_base64_decode(bytes, text);
	if (n < 0)
		return at_json_field_wrong(r, "bytesValue", "is not base64");
	to->text = at_str(bytes, (size_t)n);
	return true;
}

static bool read_array(struct at_json_reader *r, const json_t *from, struct at_value *to, int depth)
{
	const json_t *values = NULL;

	to->type = AT_VALUE_LIST;
	if (!json_is_object(from))
		return at_json_field_wrong(r, "arrayValue", "is not an object");
	if (!at_json_field_list(r, from, "values", &values))
		return false;
	to->n = json_array_size(values);
	to->list = at_json_field_zeroed(r, to->n, sizeof(*to->list));
	if (to->n && !to->list)
		return false;
	for (size_t i = 0; i < to->n; i++) {
		if (!read_value(r, json_array_get(values, i), &to->list[i], depth + 1))
			return false;
	}
	return true;
}

static bool read_map(struct at_json_reader *r, const json_t *from, struct at_value *to, int depth)
{
	to->type = AT_VALUE_MAP;
	if (!json_is_object(from))
		return at_json_field_wrong(r, "kvlistValue", "is not an object");
	return read_members(r, from, "values", &to->map, &to->n, depth + 1);
}

/* The members of AnyValue's oneof. */
static const struct {
	const char *key; /* lowerCamelCase */
	/* Reads the member's value into a zeroed struct at_value. */
	bool (*read)(struct at_json_reader *r, const json_t *from, struct at_value *to, int depth);
} value_members[] = {
	{"stringValue", read_string}, {"boolValue", read_bool},   {"intValue", read_int},
	{"doubleValue", read_double}, {"arrayValue", read_array}, {"kvlistValue", read_map},
	{"bytesValue", read_bytes},
};

static bool read_value(struct at_json_reader *r, const json_t *object, struct at_value *to,
		       int depth)
{
	if (depth > AT_VALUE_DEPTH)
		return at_json_field_wrong(r, "attribute values", "are nested too deeply");
	for (size_t i = 0; i < sizeof(value_members) / sizeof(value_members[0]); i++) {
		const json_t *from = at_json_field_get(object, value_members[i].key);

		if (from)
			return value_members[i].read(r, from, to, depth);
	}
	return true;
}

static bool read_members(struct at_json_reader *r, const json_t *object, const char *key,
			 struct at_member **to, size_t *n, int depth)
{
	const json_t *list = NULL;

	if (!at_json_field_list(r, object, key, &list))
		return false;
	*n = json_array_size(list);
	*to = at_json_field_zeroed(r, *n, sizeof(**to));
	if (*n && !*to)
		return false;
	for (size_t i = 0; i < *n; i++) {
		const json_t *member = json_array_get(list, i);
		const json_t *value = NULL;

		if (!at_json_field_text(r, member, "key", &(*to)[i].key) ||
		    !at_json_field_object(r, member, "value", &value) ||
		    !read_value(r, value, &(*to)[i].value, depth))
			return false;
	}
	return true;
}

static bool read_attributes(struct at_json_reader *r, const json_t *object,
			    struct at_attributes *to)
{
	return read_members(r, object, "attributes", &to->at, &to->n, 1) &&
	       at_json_field_u32(r, object, "droppedAttributesCount", &to->dropped);
}

static bool read_events(struct at_json_reader *r, const json_t *object, struct at_view_span *to)
{
	const json_t *list = NULL;

	if (!at_json_field_list(r, object, "events", &list))
		return false;
	to->n_events = json_array_size(list);
	to->events = at_json_field_zeroed(r, to->n_events, sizeof(*to->events));
	if (to->n_events && !to->events)
		return false;
	for (size_t i = 0; i < to->n_events; i++) {
		const json_t *event = json_array_get(list, i);

		if (!at_json_field_u64(r, event, "timeUnixNano", &to->events[i].time) ||
		    !at_json_field_text(r, event, "name", &to->events[i].name) ||
		    !read_attributes(r, event, &to->events[i].attributes))
			return false;
	}
	return true;
}

static bool read_links(struct at_json_reader *r, const json_t *object, struct at_view_span *to)
{
	const json_t *list = NULL;

	if (!at_json_field_list(r, object, "links", &list))
		return false;
	to->n_links = json_array_size(list);
	to->links = at_json_field_zeroed(r, to->n_links, sizeof(*to->links));
	if (to->n_links && !to->links)
		return false;
	for (size_t i = 0; i < to->n_links; i++) {
		const json_t *link = json_array_get(list, i);

		if (!at_json_field_id(r, link, "traceId", &to->links[i].trace_id) ||
		    !at_json_field_id(r, link, "spanId", &to->links[i].span_id) ||
		    !at_json_field_text(r, link, "traceState", &to->links[i].trace_state) ||
		    !at_json_field_u32(r, link, "flags", &to->links[i].flags) ||
		    !read_attributes(r, link, &to->links[i].attributes))
			return false;
	}
	return true;
}

static bool read_status(struct at_json_reader *r, const json_t *object, struct at_view_span *to)
{
	const json_t *status = NULL;

	return at_json_field_object(r, object, "status", &status) &&
	       at_json_field_enum(r, status, "code", &to->status) &&
	       at_json_field_text(r, status, "message", &to->status_message);
}

static bool read_span(struct at_json_reader *r, const json_t *object, struct at_view_span *to)
{
	return at_json_field_id(r, object, "traceId", &to->trace_id) &&
	       at_json_field_id(r, object, "spanId", &to->span_id) &&
	       at_json_field_id(r, object, "parentSpanId", &to->parent_id) &&
	       at_json_field_text(r, object, "name", &to->name) &&
	       at_json_field_text(r, object, "traceState", &to->trace_state) &&
	       at_json_field_u64(r, object, "startTimeUnixNano", &to->start) &&
	       at_json_field_u64(r, object, "endTimeUnixNano", &to->end) &&
	       at_json_field_u32(r, object, "flags", &to->flags) &&
	       at_json_field_enum(r, object, "kind", &to->kind) && read_status(r, object, to) &&
	       read_attributes(r, object, &to->attributes) && read_events(r, object, to) &&
	       read_links(r, object, to);
}

/* The spans of one element of scopeSpans, put behind those that are there. */
static bool read_scope_spans(struct at_json_reader *r, const json_t *object,
			     struct at_view_batch *batch, const struct at_view_resource *resource)
{
	struct at_view_scope *scope = at_json_field_zeroed(r, 1, sizeof(*scope));
	const json_t *from = NULL, *spans = NULL;

	if (!scope || !at_json_field_object(r, object, "scope", &from) ||
	    !at_json_field_text(r, from, "name", &scope->name) ||
	    !at_json_field_text(r, from, "version", &scope->version) ||
	    !read_attributes(r, from, &scope->attributes) ||
	    !at_json_field_list(r, object, "spans", &spans))
		return false;
	for (size_t i = 0; i < json_array_size(spans); i++) {
		struct at_view_span *span = &batch->spans[batch->n++];

		span->resource = resource;
		span->scope = scope;
		if (!read_span(r, json_array_get(spans, i), span))
			return false;
	}
	return true;
}

static bool read_resource_spans(struct at_json_reader *r, const json_t *object,
				struct at_view_batch *batch)
{
	struct at_view_resource *resource = at_json_field_zeroed(r, 1, sizeof(*resource));
	const json_t *from = NULL, *scopes = NULL;

	if (!resource || !at_json_field_object(r, object, "resource", &from) ||
	    !read_attributes(r, from, &resource->attributes) ||
	    !at_json_field_list(r, object, "scopeSpans", &scopes))
		return false;
	for (size_t i = 0; i < json_array_size(scopes); i++) {
		if (!read_scope_spans(r, json_array_get(scopes, i), batch, resource))
			return false;
	}
	return true;
}

static size_t count_spans(const json_t *resources)
{
	size_t i, j, n = 0;
	json_t *resource, *scope;

	json_array_foreach((json_t *)resources, i, resource)
	{
		json_array_foreach(json_object_get(resource, "scopeSpans"), j, scope) n +=
			json_array_size(json_object_get(scope, "spans"));
	}
	return n;
}

static bool read_request(struct at_json_reader *r, const json_t *root, struct at_view_batch *batch)
{
	const json_t *resources = NULL;
	size_t n;

	if (!json_is_object(root))
		return at_json_field_wrong(r, "the body", "is no JSON object");
	if (!at_json_field_list(r, root, "resourceSpans", &resources))
		return false;
	n = count_spans(resources);
	batch->spans = at_json_field_zeroed(r, n, sizeof(*batch->spans));
	if (n && !batch->spans)
		return false;
	for (size_t i = 0; i < json_array_size(resources); i++) {
		if (!read_resource_spans(r, json_array_get(resources, i), batch))
			return false;
	}
	return true;
}

enum at_decode_result at_decode_json(struct at_str body, struct at_region *region,
				     struct at_view_batch *batch, struct at_str *why)
{
	struct at_json_reader r = {.region = region, .why = why};
	json_error_t error;
	json_t *root;
	bool good;

	*batch = (struct at_view_batch){0};
	parser.refused = false;
	root = json_loadb(body.p ? body.p : "", body.n, JSON_ALLOW_NUL, &error);
	if (!root && parser.refused)
		return AT_DECODE_TOO_BIG;
	if (!root) {
		at_json_field_wrong(&r, "the body is no JSON:", error.text);
		return AT_DECODE_GARBAGE;
	}
	good = read_request(&r, root, batch);
	json_decref(root);
	if (good) {
		at_verdict_pass(batch, region);
		return AT_DECODE_DONE;
	}
	*batch = (struct at_view_batch){0};
	return r.full ? AT_DECODE_TOO_BIG : AT_DECODE_GARBAGE;
}
