/*
 * The exporter `line`: a readable line for each span. Fed by its lane, feeds a sink.
 *
 *   2026-11-21T12:54:55.123456Z shop SERVER GET /users/{id} 200 12.345ms trace=… span=… parent=…
 *   url.path=/users/7
 */
#include "export/print.h"
#include "trace/resource.h"

/* Attributes that follow the ids. */
static const enum at_key shown[] = {
	AT_KEY_error_type,     AT_KEY_url_path,       AT_KEY_url_query,           AT_KEY_url_full,
	AT_KEY_client_address, AT_KEY_server_address, AT_KEY_autotrace_link_rule,
};

/* Spaces and what is not ASCII text would make the line ambiguous in a terminal. */
static void put_text(struct at_out *o, struct at_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		at_out_char(o, c < 0x20 || c == 0x7f ? '?' : (char)c);
	}
}

static void put_id(struct at_out *o, struct at_str label, const uint8_t *id, size_t n)
{
	at_out_str(o, label);
	at_out_hex(o, id, n);
}

static void put_duration(struct at_out *o, uint64_t ns)
{
	char fraction[3];
	uint64_t us = ns / 1000;
	at_out_char(o, ' ');
	at_out_u64(o, us / 1000);
	fraction[0] = (char)('0' + us / 100 % 10);
	fraction[1] = (char)('0' + us / 10 % 10);
	fraction[2] = (char)('0' + us % 10);
	at_out_char(o, '.');
	at_out_bytes(o, fraction, 3);
	at_out_str(o, AT_STR("ms"));
}

static const struct at_attr *find(const struct at_span *s, enum at_key key)
{
	for (unsigned i = 0; i < s->attr_count; i++)
		if (s->attr[i].key_id == key)
			return &s->attr[i];
	return NULL;
}

static void put_attrs(struct at_out *o, const struct at_span *s)
{
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
		const struct at_attr *a = find(s, shown[i]);
		if (!a || a->type != AT_ATTR_STRING)
			continue;
		at_out_char(o, ' ');
		put_text(o, a->key);
		at_out_char(o, '=');
		put_text(o, a->str);
	}
}

static void add(void *self, struct at_batch *b, const struct at_span *s)
{
	static const uint8_t none[8];
	struct at_out *o = &b->out;
	char time[AT_PRINT_TIME];
	const struct at_attr *status = find(s, AT_KEY_http_response_status_code);
	at_print_time(time, s->start_ns);
	at_out_bytes(o, time, sizeof(time));
	at_out_char(o, ' ');
	put_text(o, at_resource_get(at_print_resource(self), AT_STR("service.name")));
	at_out_char(o, ' ');
	at_out_str(o, at_print_kind(s->kind));
	at_out_char(o, ' ');
	put_text(o, s->name);
	at_out_char(o, ' ');
	if (status && status->type == AT_ATTR_INT)
		at_out_i64(o, status->i);
	else
		at_out_char(o, '-');
	put_duration(o, s->end_ns - s->start_ns);
	if (s->status == AT_STATUS_ERROR)
		at_out_str(o, AT_STR(" ERROR"));
	put_id(o, AT_STR(" trace="), s->trace_id, 16);
	put_id(o, AT_STR(" span="), s->span_id, 8);
	if (memcmp(s->parent_id, none, 8) != 0)
		put_id(o, AT_STR(" parent="), s->parent_id, 8);
	put_attrs(o, s);
	at_out_char(o, '\n');
}

const struct at_exporter_ops at_line_ops = {
	.name = "line",
	.prompt = true,
	.open = at_print_open,
	.begin = at_print_begin,
	.add = add,
	.close = at_print_close,
	.step = at_print_step,
	.next = at_print_next,
};
