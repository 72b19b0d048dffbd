/*
 * --json: accepted spans of one request -> lines. Fed by the program's sink for each request. Owns
 * its line buffer. Not its job: opening and closing the file.
 */
#include "view/jsonl.h"
#include "base/base64.h"
#include "view/glyph.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

#define REGION_FIRST 4096
#define REGION_MAX   (256u << 20)
#define KEEP         (1u << 20)

static const char *const kinds[] = {"unspecified", "internal", "server",
				    "client",      "producer", "consumer"};
static const char *const statuses[] = {"unset", "ok", "error"};

static const char *word(const char *const *words, size_t n, int number)
{
	return words[number > 0 && (size_t)number < n ? number : 0];
}

const char *at_jsonl_kind(int kind)
{
	return word(kinds, sizeof(kinds) / sizeof(kinds[0]), kind);
}

const char *at_jsonl_status(int status)
{
	return word(statuses, sizeof(statuses) / sizeof(statuses[0]), status);
}

static json_t *text(struct at_str raw, struct at_region *region)
{
	struct at_str good = at_glyph_repair(region, raw);

	return json_stringn_nocheck(good.p ? good.p : "", good.n);
}

static json_t *hex(struct at_str id)
{
	char digits[32];

	if (id.n > sizeof(digits) / 2)
		return NULL;
	at_hex_encode(digits, id.p, id.n);
	return json_stringn_nocheck(digits, 2 * id.n);
}

static json_t *number(double value)
{
	if (isnan(value))
		return json_string("NaN");
	if (isinf(value))
		return json_string(value < 0 ? "-Infinity" : "Infinity");
	return json_real(value);
}

static json_t *base64(struct at_str bytes, struct at_region *region)
{
	size_t n = at_base64_encoded(bytes.n);
	char *encoded = at_region_take(region, n);

	if (!encoded)
		return NULL;
	at_base64_encode(encoded, bytes);
	return json_stringn_nocheck(encoded, n);
}

static json_t *members(const struct at_member *member, size_t n, struct at_region *region)
{
	json_t *object = json_object();

	for (size_t i = 0; i < n; i++) {
		struct at_str key = at_glyph_repair(region, member[i].key);

		json_object_setn_new_nocheck(object, key.p ? key.p : "", key.n,
					     at_jsonl_value(&member[i].value, region));
	}
	return object;
}

static json_t *list(const struct at_value *value, struct at_region *region)
{
	json_t *array = json_array();

	for (size_t i = 0; i < value->n; i++)
		json_array_append_new(array, at_jsonl_value(&value->list[i], region));
	return array;
}

json_t *at_jsonl_value(const struct at_value *value, struct at_region *region)
{
	switch (value->type) {
	case AT_VALUE_STRING:
		return text(value->text, region);
	case AT_VALUE_BYTES:
		return base64(value->text, region);
	case AT_VALUE_BOOL:
		return json_boolean(value->truth);
	case AT_VALUE_INT:
		return json_integer(value->integer);
	case AT_VALUE_DOUBLE:
		return number(value->number);
	case AT_VALUE_LIST:
		return list(value, region);
	case AT_VALUE_MAP:
		return members(value->map, value->n, region);
	default:
		return json_null();
	}
}

static json_t *attributes(const struct at_attributes *from, struct at_region *region)
{
	return members(from->at, from->n, region);
}

static json_t *events(const struct at_view_span *span, struct at_region *region)
{
	json_t *array = json_array();

	for (size_t i = 0; i < span->n_events; i++) {
		const struct at_view_event *event = &span->events[i];

		uint64_t time = event->time < INT64_MAX ? event->time : INT64_MAX;

		json_array_append_new(array, json_pack("{s:I, s:o, s:o}", "time_unix_nano",
						       (json_int_t)time, "name",
						       text(event->name, region), "attributes",
						       attributes(&event->attributes, region)));
	}
	return array;
}

static json_t *links(const struct at_view_span *span, struct at_region *region)
{
	json_t *array = json_array();

	for (size_t i = 0; i < span->n_links; i++) {
		const struct at_view_link *link = &span->links[i];

		json_array_append_new(array,
				      json_pack("{s:o, s:o, s:o, s:I, s:o}", "trace_id",
						hex(link->trace_id), "span_id", hex(link->span_id),
						"trace_state", text(link->trace_state, region),
						"flags", (json_int_t)link->flags, "attributes",
						attributes(&link->attributes, region)));
	}
	return array;
}

static json_t *scope(const struct at_view_scope *from, struct at_region *region)
{
	return json_pack("{s:o, s:o, s:o}", "name", text(from->name, region), "version",
			 text(from->version, region), "attributes",
			 attributes(&from->attributes, region));
}

static json_t *line(const struct at_view_span *span, json_t *resource, json_t *in_scope,
		    struct at_region *region)
{
	json_t *object = json_object();

	json_object_set_new(object, "trace_id", hex(span->trace_id));
	json_object_set_new(object, "span_id", hex(span->span_id));
	if (span->parent_id.n)
		json_object_set_new(object, "parent_span_id", hex(span->parent_id));
	json_object_set_new(object, "name", text(span->name, region));
	json_object_set_new(object, "kind", json_string(at_jsonl_kind(span->kind)));
	json_object_set_new(object, "start_unix_nano", json_integer((json_int_t)span->start));
	json_object_set_new(object, "end_unix_nano", json_integer((json_int_t)span->end));
	json_object_set_new(object, "duration_ms",
			    json_real((double)(span->end - span->start) / 1e6));
	json_object_set_new(object, "status", json_string(at_jsonl_status(span->status)));
	json_object_set_new(object, "status_message", text(span->status_message, region));
	json_object_set_new(object, "trace_state", text(span->trace_state, region));
	json_object_set_new(object, "flags", json_integer(span->flags));
	json_object_set_new(object, "attributes", attributes(&span->attributes, region));
	json_object_set_new(object, "dropped_attributes", json_integer(span->attributes.dropped));
	json_object_set_new(object, "events", events(span, region));
	json_object_set_new(object, "links", links(span, region));
	json_object_set(object, "resource", resource);
	json_object_set(object, "scope", in_scope);
	return object;
}

static int append(const char *bytes, size_t n, void *data)
{
	return at_body_add(data, at_str(bytes, n)) ? 0 : -1;
}

/* The lines of all spans; spans of one process share the objects of its resource and scope. */
static bool build(struct at_jsonl *out, const struct at_view_batch *batch)
{
	const struct at_view_span *last = NULL;
	json_t *resource = NULL, *in_scope = NULL;
	bool good = true;

	for (size_t i = 0; i < batch->n && good; i++) {
		const struct at_view_span *span = &batch->spans[i];
		json_t *object;

		if (!last || last->resource != span->resource) {
			json_decref(resource);
			resource = attributes(&span->resource->attributes, &out->region);
		}
		if (!last || last->scope != span->scope) {
			json_decref(in_scope);
			in_scope = scope(span->scope, &out->region);
		}
		object = line(span, resource, in_scope, &out->region);
		good = json_dump_callback(object, append, &out->lines, JSON_COMPACT) == 0 &&
		       at_body_add(&out->lines, AT_STR("\n"));
		json_decref(object);
		last = span;
	}
	json_decref(resource);
	json_decref(in_scope);
	return good;
}

void at_jsonl_init(struct at_jsonl *out, int fd)
{
	*out = (struct at_jsonl){.fd = fd};
	at_region_init(&out->region, REGION_FIRST, REGION_MAX);
}

static bool flush(struct at_jsonl *out)
{
	struct at_str rest = at_body_str(&out->lines);

	while (rest.n) {
		ssize_t n = write(out->fd, rest.p, rest.n);

		if (n > 0)
			rest = at_str_from(rest, (size_t)n);
		else if (n == 0 || errno != EINTR)
			return false;
	}
	return true;
}

bool at_jsonl_write(struct at_jsonl *out, const struct at_view_batch *batch)
{
	bool good;

	errno = ENOMEM;
	good = build(out, batch) && flush(out);
	if (!good && !out->error)
		out->error = errno ? errno : EIO;
	at_body_clear(&out->lines, KEEP);
	at_region_clear(&out->region, KEEP);
	return good;
}

void at_jsonl_free(struct at_jsonl *out)
{
	at_body_free(&out->lines);
	at_region_free(&out->region);
}
