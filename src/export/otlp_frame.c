/*
 * Fed by the exporters that speak OTLP protobuf: what stands around the spans of a body. Packed by
 * protobuf-c once per process. proto/ has the messages.
 *
 *   room for: what a transport has | resource_spans { resource, scope_spans { scope | spans … |
 * schema_url } schema_url }
 */
#include "export/otlp_frame.h"

#include <opentelemetry/proto/common/v1/common.pb-c.h>
#include <opentelemetry/proto/resource/v1/resource.pb-c.h>

#include "export/otlp_encode.h"
#include "export/pb.h"
#include "trace/resource.h"

/* Two tags with lengths, for resource_spans and scope_spans. */
#define ENVELOPE_MAX 12
#define FRAME_CAP    (1u << 20)

/* Appends tag, length and the packed message. */
static void add_message(struct at_out *o, unsigned tag, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	char *p = at_out_place(o, 1 + AT_PB_VARINT_MAX + n);
	if (!p)
		return;
	char *body = at_pb_varint(at_pb_tag(p, tag), n);
	protobuf_c_message_pack(m, (uint8_t *)body);
	o->n += (size_t)(body - p) + n;
}

/* protobuf-c wants C strings. The texts are made valid and end with NUL in `pool`. */
static char *c_text(struct at_out *pool, struct at_str s)
{
	char *p = at_out_place(pool, 3 * s.n + 1);
	if (!p)
		return NULL;
	size_t n = at_utf8_fix(p, s);
	p[n] = 0;
	pool->n += n + 1;
	return p;
}

static void pack_resource(struct at_out *o, struct at_out *pool, const struct at_resource *r)
{
	Opentelemetry__Proto__Resource__V1__Resource m =
		OPENTELEMETRY__PROTO__RESOURCE__V1__RESOURCE__INIT;
	struct Opentelemetry__Proto__Common__V1__KeyValue pair[AT_RESOURCE_MAX];
	struct Opentelemetry__Proto__Common__V1__KeyValue *pairs[AT_RESOURCE_MAX];
	struct Opentelemetry__Proto__Common__V1__AnyValue value[AT_RESOURCE_MAX];
	for (unsigned i = 0; i < r->count; i++) {
		const struct at_resource_attr *a = &r->attr[i];
		pair[i] = (struct Opentelemetry__Proto__Common__V1__KeyValue)
			OPENTELEMETRY__PROTO__COMMON__V1__KEY_VALUE__INIT;
		value[i] = (struct Opentelemetry__Proto__Common__V1__AnyValue)
			OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__INIT;
		pairs[i] = &pair[i];
		pair[i].key = c_text(pool, a->key);
		pair[i].value = &value[i];
		if (a->is_int) {
			value[i].value_case =
				OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_INT_VALUE;
			value[i].int_value = a->i;
		} else {
			value[i].value_case =
				OPENTELEMETRY__PROTO__COMMON__V1__ANY_VALUE__VALUE_STRING_VALUE;
			value[i].string_value = c_text(pool, a->str);
		}
	}
	m.n_attributes = r->count;
	m.attributes = pairs;
	if (!pool->failed)
		add_message(o, AT_PB_LEN(1), &m.base);
}

static size_t pool_size(const struct at_resource *r)
{
	size_t n = 1;
	for (unsigned i = 0; i < r->count; i++)
		n += 3 * (r->attr[i].key.n + r->attr[i].str.n) + 2;
	return n;
}

bool at_otlp_frame_open(struct at_otlp_frame *f, const struct at_resource *r)
{
	char name[] = AT_OTLP_SCOPE_NAME;
	char version[] = AT_VERSION;
	Opentelemetry__Proto__Common__V1__InstrumentationScope scope =
		OPENTELEMETRY__PROTO__COMMON__V1__INSTRUMENTATION_SCOPE__INIT;
	struct at_out pool = {.cap = FRAME_CAP};
	*f = (struct at_otlp_frame){.resource.cap = FRAME_CAP, .scope.cap = FRAME_CAP};
	at_otlp_encode_open();
	scope.name = name;
	scope.version = version;
	add_message(&f->scope, AT_PB_LEN(1), &scope.base);
	/* All at once: a growing pool would move the texts. */
	if (at_out_place(&pool, pool_size(r)))
		pack_resource(&f->resource, &pool, r);
	bool ok = !pool.failed && !f->resource.failed && !f->scope.failed;
	at_out_free(&pool);
	return ok;
}

void at_otlp_frame_free(struct at_otlp_frame *f)
{
	at_out_free(&f->resource);
	at_out_free(&f->scope);
}

static size_t head_room(const struct at_otlp_frame *f)
{
	return AT_OTLP_FRONT + ENVELOPE_MAX + f->resource.n + f->scope.n;
}

void at_otlp_begin(const struct at_otlp_frame *f, struct at_out *o)
{
	if (at_out_place(o, head_room(f)))
		o->n = head_room(f);
}

size_t at_otlp_close(const struct at_otlp_frame *f, struct at_out *o)
{
	struct at_str url = AT_STR(AT_OTLP_SCHEMA_URL);
	size_t spans = o->n - head_room(f);
	char head[ENVELOPE_MAX];
	char *p = at_out_place(o, 2 * (url.n + 2));
	if (!p)
		return 0;
	o->n = (size_t)(at_pb_string(at_pb_string(p, AT_PB_LEN(3), url), AT_PB_LEN(3), url) - o->p);
	size_t scope = f->scope.n + spans + url.n + 2;
	size_t resource = f->resource.n + 1 + at_pb_varint_len(scope) + scope + url.n + 2;
	size_t outer = (size_t)(at_pb_varint(at_pb_tag(head, AT_PB_LEN(1)), resource) - head);
	size_t start =
		head_room(f) - f->scope.n - 1 - at_pb_varint_len(scope) - f->resource.n - outer;
	p = at_pb_raw(o->p + start, head, outer);
	p = at_pb_raw(p, f->resource.p, f->resource.n);
	p = at_pb_varint(at_pb_tag(p, AT_PB_LEN(2)), scope);
	at_pb_raw(p, f->scope.p, f->scope.n);
	return start;
}
