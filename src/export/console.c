/*
 * The exporter `console`: an indented JSON object for each span, in the shape that the
 * OpenTelemetry SDK for Python prints. Fed by its lane, feeds a sink.
 */
#include "export/json.h"
#include "export/print.h"
#include "trace/resource.h"

static void put_context(struct at_json *j, const uint8_t trace[16], const uint8_t span[8],
			struct at_str state)
{
	struct at_str rest = state;
	at_json_key(j, AT_STR("context"));
	at_json_open(j, '{');
	at_json_key(j, AT_STR("trace_id"));
	at_json_hex(j, AT_STR("0x"), trace, 16);
	at_json_key(j, AT_STR("span_id"));
	at_json_hex(j, AT_STR("0x"), span, 8);
	at_json_key(j, AT_STR("trace_state"));
	struct at_out list = {.cap = 64u << 10};
	at_out_char(&list, '[');
	while (rest.n) {
		struct at_str value = at_str_trim(at_str_cut(&rest, ','));
		struct at_str key = at_str_cut(&value, '=');
		if (!key.n)
			continue;
		at_out_str(&list, list.n > 1 ? AT_STR(", '{key=") : AT_STR("'{key="));
		at_out_str(&list, key);
		at_out_str(&list, AT_STR(", value="));
		at_out_str(&list, value);
		at_out_str(&list, AT_STR("}'"));
	}
	at_out_char(&list, ']');
	at_json_text(j, at_str(list.p, list.n));
	at_out_free(&list);
	at_json_close(j, '}');
}

static void put_time(struct at_json *j, struct at_str key, uint64_t ns)
{
	char text[AT_PRINT_TIME];
	at_print_time(text, ns);
	at_json_member_text(j, key, at_str(text, sizeof(text)));
}

static void put_attr(struct at_json *j, const struct at_attr *a)
{
	at_json_key(j, a->key);
	switch (a->type) {
	case AT_ATTR_INT:
		at_json_int(j, a->i);
		break;
	case AT_ATTR_DOUBLE:
		at_json_double(j, a->d);
		break;
	case AT_ATTR_BOOL:
		at_json_bool(j, a->i != 0);
		break;
	case AT_ATTR_STRING_LIST:
		at_json_open(j, '[');
		at_json_item(j);
		at_json_text(j, a->str);
		at_json_close(j, ']');
		break;
	default:
		at_json_text(j, a->str);
	}
}

static void put_status(struct at_json *j, const struct at_span *s)
{
	static const struct at_str codes[] = {AT_STR("UNSET"), AT_STR("OK"), AT_STR("ERROR")};
	at_json_key(j, AT_STR("status"));
	at_json_open(j, '{');
	at_json_member_text(j, AT_STR("status_code"), codes[s->status % 3]);
	if (s->status == AT_STATUS_ERROR && s->status_message.n)
		at_json_member_text(j, AT_STR("description"), s->status_message);
	at_json_close(j, '}');
}

static void put_links(struct at_json *j, const struct at_span *s)
{
	at_json_key(j, AT_STR("links"));
	at_json_open(j, '[');
	for (unsigned i = 0; i < s->link_count; i++) {
		at_json_item(j);
		at_json_open(j, '{');
		put_context(j, s->link[i].trace_id, s->link[i].span_id, AT_STR_NONE);
		at_json_key(j, AT_STR("attributes"));
		at_json_open(j, '{');
		at_json_close(j, '}');
		at_json_close(j, '}');
	}
	at_json_close(j, ']');
}

static void put_resource(struct at_json *j, const struct at_resource *r)
{
	at_json_key(j, AT_STR("resource"));
	at_json_open(j, '{');
	at_json_key(j, AT_STR("attributes"));
	at_json_open(j, '{');
	for (unsigned i = 0; i < r->count; i++)
		if (r->attr[i].is_int)
			at_json_member_int(j, r->attr[i].key, r->attr[i].i);
		else
			at_json_member_text(j, r->attr[i].key, r->attr[i].str);
	at_json_close(j, '}');
	at_json_member_text(j, AT_STR("schema_url"), AT_STR(""));
	at_json_close(j, '}');
}

static void add(void *self, struct at_batch *b, const struct at_span *s)
{
	static const uint8_t none[8];
	struct at_json j = {.out = &b->out, .indent = 4};
	char kind[24] = "SpanKind.";
	struct at_str k = at_print_kind(s->kind);
	memcpy(kind + 9, k.p, k.n);
	at_json_open(&j, '{');
	at_json_member_text(&j, AT_STR("name"), s->name);
	put_context(&j, s->trace_id, s->span_id, s->state);
	at_json_member_text(&j, AT_STR("kind"), at_str(kind, 9 + k.n));
	at_json_key(&j, AT_STR("parent_id"));
	if (memcmp(s->parent_id, none, 8) == 0)
		at_json_null(&j);
	else
		at_json_hex(&j, AT_STR("0x"), s->parent_id, 8);
	put_time(&j, AT_STR("start_time"), s->start_ns);
	put_time(&j, AT_STR("end_time"), s->end_ns);
	put_status(&j, s);
	at_json_key(&j, AT_STR("attributes"));
	at_json_open(&j, '{');
	for (unsigned i = 0; i < s->attr_count; i++)
		put_attr(&j, &s->attr[i]);
	at_json_close(&j, '}');
	at_json_key(&j, AT_STR("events"));
	at_json_open(&j, '[');
	at_json_close(&j, ']');
	put_links(&j, s);
	put_resource(&j, at_print_resource(self));
	at_json_close(&j, '}');
	at_out_char(&b->out, '\n');
}

const struct at_exporter_ops at_console_ops = {
	.name = "console",
	.prompt = true,
	.open = at_print_open,
	.begin = at_print_begin,
	.add = add,
	.close = at_print_close,
	.step = at_print_step,
	.next = at_print_next,
};
