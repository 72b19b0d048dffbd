/*
 * Fed by the exporters that speak OTLP JSON (OTLP 1.11, JSON protobuf encoding): names in
 * lowerCamelCase, ids in hex, enums as numbers, 64-bit numbers as strings.
 */
#include "export/otlp_json.h"

#include "export/json.h"
#include "export/otlp_frame.h"
#include "trace/resource.h"

#define FLAG_REMOTE_KNOWN 0x100u
#define FLAG_REMOTE       0x200u
#define W3C_FLAGS         0x03u

static void put_i64_text(struct at_json *j, int64_t v)
{
	at_out_char(j->out, '"');
	at_json_int(j, v);
	at_out_char(j->out, '"');
}

static void put_string_value(struct at_json *j, struct at_str s)
{
	at_json_open(j, '{');
	at_json_member_text(j, AT_STR("stringValue"), s);
	at_json_close(j, '}');
}

static void put_int_value(struct at_json *j, int64_t v)
{
	at_json_open(j, '{');
	at_json_key(j, AT_STR("intValue"));
	put_i64_text(j, v);
	at_json_close(j, '}');
}

static void put_list_value(struct at_json *j, struct at_str s)
{
	at_json_open(j, '{');
	at_json_key(j, AT_STR("arrayValue"));
	at_json_open(j, '{');
	at_json_key(j, AT_STR("values"));
	at_json_open(j, '[');
	at_json_item(j);
	put_string_value(j, s);
	at_json_close(j, ']');
	at_json_close(j, '}');
	at_json_close(j, '}');
}

static void put_value(struct at_json *j, const struct at_attr *a)
{
	switch (a->type) {
	case AT_ATTR_STRING:
		put_string_value(j, a->str);
		return;
	case AT_ATTR_STRING_LIST:
		put_list_value(j, a->str);
		return;
	case AT_ATTR_INT:
		put_int_value(j, a->i);
		return;
	}
	at_json_open(j, '{');
	at_json_key(j, a->type == AT_ATTR_BOOL ? AT_STR("boolValue") : AT_STR("doubleValue"));
	if (a->type == AT_ATTR_BOOL)
		at_json_bool(j, a->i != 0);
	else
		at_json_double(j, a->d);
	at_json_close(j, '}');
}

static void put_attr(struct at_json *j, const struct at_attr *a)
{
	at_json_item(j);
	at_json_open(j, '{');
	at_json_member_text(j, AT_STR("key"), a->key);
	at_json_key(j, AT_STR("value"));
	put_value(j, a);
	at_json_close(j, '}');
}

static void put_link(struct at_json *j, const struct at_record_link *l)
{
	at_json_item(j);
	at_json_open(j, '{');
	at_json_key(j, AT_STR("traceId"));
	at_json_hex(j, AT_STR_NONE, l->trace_id, 16);
	at_json_key(j, AT_STR("spanId"));
	at_json_hex(j, AT_STR_NONE, l->span_id, 8);
	at_json_member_int(j, AT_STR("flags"), l->flags & W3C_FLAGS);
	at_json_close(j, '}');
}

static void put_lists(struct at_json *j, const struct at_span *s)
{
	if (s->attr_count) {
		at_json_key(j, AT_STR("attributes"));
		at_json_open(j, '[');
		for (unsigned i = 0; i < s->attr_count; i++)
			put_attr(j, &s->attr[i]);
		at_json_close(j, ']');
	}
	if (s->dropped_attrs)
		at_json_member_int(j, AT_STR("droppedAttributesCount"), s->dropped_attrs);
	if (s->link_count) {
		at_json_key(j, AT_STR("links"));
		at_json_open(j, '[');
		for (unsigned i = 0; i < s->link_count; i++)
			put_link(j, &s->link[i]);
		at_json_close(j, ']');
	}
}

static void put_status(struct at_json *j, const struct at_span *s)
{
	at_json_key(j, AT_STR("status"));
	at_json_open(j, '{');
	if (s->status == AT_STATUS_ERROR && s->status_message.n)
		at_json_member_text(j, AT_STR("message"), s->status_message);
	if (s->status)
		at_json_member_int(j, AT_STR("code"), s->status);
	at_json_close(j, '}');
}

static void put_span(struct at_json *j, const struct at_span *s)
{
	static const uint8_t none[8];
	at_json_open(j, '{');
	at_json_key(j, AT_STR("traceId"));
	at_json_hex(j, AT_STR_NONE, s->trace_id, 16);
	at_json_key(j, AT_STR("spanId"));
	at_json_hex(j, AT_STR_NONE, s->span_id, 8);
	if (s->state.n)
		at_json_member_text(j, AT_STR("traceState"), s->state);
	if (memcmp(s->parent_id, none, 8) != 0) {
		at_json_key(j, AT_STR("parentSpanId"));
		at_json_hex(j, AT_STR_NONE, s->parent_id, 8);
	}
	at_json_member_int(j, AT_STR("flags"),
			   (int64_t)((s->flags & W3C_FLAGS) | FLAG_REMOTE_KNOWN |
				     (s->parent_remote ? FLAG_REMOTE : 0)));
	at_json_member_text(j, AT_STR("name"), s->name);
	at_json_member_int(j, AT_STR("kind"), s->kind);
	at_json_key(j, AT_STR("startTimeUnixNano"));
	at_json_u64_text(j, s->start_ns);
	at_json_key(j, AT_STR("endTimeUnixNano"));
	at_json_u64_text(j, s->end_ns);
	put_lists(j, s);
	put_status(j, s);
	at_json_close(j, '}');
}

void at_otlp_json_begin(struct at_out *o, const struct at_resource *r)
{
	struct at_json j = {.out = o};
	at_out_str(o, AT_STR("{\"resourceSpans\":[{\"resource\":{\"attributes\":["));
	for (unsigned i = 0; i < r->count; i++) {
		at_json_item(&j);
		at_json_open(&j, '{');
		at_json_member_text(&j, AT_STR("key"), r->attr[i].key);
		at_json_key(&j, AT_STR("value"));
		if (r->attr[i].is_int)
			put_int_value(&j, r->attr[i].i);
		else
			put_string_value(&j, r->attr[i].str);
		at_json_close(&j, '}');
	}
	at_out_str(o, AT_STR("]},\"scopeSpans\":[{\"scope\":{\"name\":\"" AT_OTLP_SCOPE_NAME
			     "\",\"version\":\"" AT_VERSION "\"},\"spans\":["));
}

void at_otlp_json_add(struct at_out *o, const struct at_span *s, bool first)
{
	struct at_json j = {.out = o, .filled = !first};
	at_json_item(&j);
	put_span(&j, s);
}

void at_otlp_json_close(struct at_out *o)
{
	at_out_str(o, AT_STR("],\"schemaUrl\":\"" AT_OTLP_SCHEMA_URL
			     "\"}],\"schemaUrl\":\"" AT_OTLP_SCHEMA_URL "\"}]}"));
}
