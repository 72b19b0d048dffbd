/*
 * Fed by otlp.c with the bodies of answers. proto/ has the messages.
 */
#include "export/otlp_answer.h"

#include <google/rpc/status.pb-c.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h>

#include "export/grpc.h"
#include "export/json.h"
#include "export/utf8.h"

static void keep_message(struct at_otlp_answer *r, struct at_str s)
{
	s = at_str_head(s, AT_OTLP_MESSAGE_MAX);
	s.n = at_utf8_valid(s);
	if (s.p && s.n)
		memcpy(r->message, s.p, s.n);
	r->message[s.n] = 0;
}

static void read_response(struct at_otlp_answer *r, struct at_str body)
{
	struct Opentelemetry__Proto__Collector__Trace__V1__ExportTraceServiceResponse *m =
		opentelemetry__proto__collector__trace__v1__export_trace_service_response__unpack(
			NULL, body.n, (const uint8_t *)body.p);
	if (!m)
		return;
	if (m->partial_success) {
		int64_t n = m->partial_success->rejected_spans;
		r->rejected = n > 0 ? (uint64_t)n : 0;
		keep_message(r, at_str_c(m->partial_success->error_message));
	}
	opentelemetry__proto__collector__trace__v1__export_trace_service_response__free_unpacked(
		m, NULL);
}

static void read_status(struct at_otlp_answer *r, struct at_str body)
{
	struct Google__Rpc__Status *m =
		google__rpc__status__unpack(NULL, body.n, (const uint8_t *)body.p);
	if (!m)
		return;
	keep_message(r, at_str_c(m->message));
	google__rpc__status__free_unpacked(m, NULL);
}

static void read_json(struct at_otlp_answer *r, struct at_str body, bool accepted)
{
	if (accepted && !at_str_u64(at_json_find(body, AT_STR("rejectedSpans")), &r->rejected))
		r->rejected = 0;
	keep_message(r, at_json_find(body, accepted ? AT_STR("errorMessage") : AT_STR("message")));
}

/* A compressed message nobody asked for; it stays unread. */
static void read_grpc(struct at_otlp_answer *r, const struct at_http_answer *a)
{
	struct at_str message;
	bool packed;
	if (at_grpc_code(a) != AT_GRPC_OK)
		at_grpc_words(a, r->message, sizeof(r->message));
	else if (at_grpc_message(a->body, &message, &packed) && !packed)
		read_response(r, message);
}

void at_otlp_answer_read(struct at_otlp_answer *r, const struct at_http_answer *a)
{
	bool accepted = a->status >= 200 && a->status < 300;
	struct at_str rest = a->type;
	struct at_str type = at_str_trim(at_str_cut(&rest, ';'));
	*r = (struct at_otlp_answer){.rejected = 0};
	if (a->grpc)
		read_grpc(r, a);
	else if (at_str_eq_nocase(type, AT_STR("application/json")))
		read_json(r, a->body, accepted);
	else if (!at_str_eq_nocase(type, AT_STR("application/x-protobuf")))
		return;
	else if (accepted)
		read_response(r, a->body);
	else
		read_status(r, a->body);
}
