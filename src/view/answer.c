/*
 * What OTLP/HTTP demands of a receiver ("OTLP/HTTP Response"). Fed by the receiver. Owns nothing.
 */
#include "view/answer.h"

#include "google/rpc/status.pb-c.h"
#include "opentelemetry/proto/collector/trace/v1/trace_service.pb-c.h"

#include <inttypes.h>
#include <jansson.h>

#define MESSAGE_MAX 1200

#define EXPORT(name)      Opentelemetry__Proto__Collector__Trace__V1__##name
#define EXPORT_INIT(name) OPENTELEMETRY__PROTO__COLLECTOR__TRACE__V1__##name##__INIT

const char *at_answer_type(enum at_format format)
{
	static const char *const types[] = {[AT_FORMAT_PROTOBUF] = "application/x-protobuf",
					    [AT_FORMAT_JSON] = "application/json",
					    [AT_FORMAT_TEXT] = "text/plain; charset=utf-8"};

	return types[format];
}

static bool put_message(struct at_body *body, const ProtobufCMessage *message)
{
	size_t n = protobuf_c_message_get_packed_size(message);

	if (!at_body_reserve(body, n + 1))
		return false;
	body->n += protobuf_c_message_pack(message, (uint8_t *)body->p + body->n);
	return true;
}

static int append(const char *bytes, size_t n, void *data)
{
	return at_body_add(data, at_str(bytes, n)) ? 0 : -1;
}

static bool put_json(struct at_body *body, json_t *json)
{
	bool good = json && json_dump_callback(json, append, body, JSON_COMPACT) == 0;

	json_decref(json);
	return good;
}

static void terminate(char text[MESSAGE_MAX], struct at_str from)
{
	struct at_str head = at_str_head(from, MESSAGE_MAX - 1);

	memcpy(text, head.p ? head.p : "", head.n);
	text[head.n] = '\0';
}

bool at_answer_accept(struct at_body *body, enum at_format format,
		      const struct at_view_batch *batch)
{
	struct EXPORT(ExportTraceServiceResponse) response =
		EXPORT_INIT(EXPORT_TRACE_SERVICE_RESPONSE);
	struct EXPORT(ExportTracePartialSuccess) partial =
		EXPORT_INIT(EXPORT_TRACE_PARTIAL_SUCCESS);
	char message[MESSAGE_MAX], rejected[24];

	if (format == AT_FORMAT_JSON && !batch->rejected)
		return at_body_add(body, AT_STR("{}"));
	terminate(message, batch->complaint);
	if (format == AT_FORMAT_JSON) {
		snprintf(rejected, sizeof(rejected), "%zu", batch->rejected);
		return put_json(body, json_pack("{s:{s:s, s:s}}", "partialSuccess", "rejectedSpans",
						rejected, "errorMessage", message));
	}
	partial.rejected_spans = (int64_t)batch->rejected;
	partial.error_message = message;
	if (batch->rejected)
		response.partial_success = &partial;
	return put_message(body, &response.base);
}

bool at_answer_refuse(struct at_body *body, enum at_format format, int code, struct at_str message)
{
	struct Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	char text[MESSAGE_MAX];

	terminate(text, message);
	if (format == AT_FORMAT_TEXT)
		return at_body_add(body, message) && at_body_add(body, AT_STR("\n"));
	if (format == AT_FORMAT_JSON)
		return put_json(body, json_pack("{s:i, s:s}", "code", code, "message", text));
	status.code = code;
	status.message = text;
	return put_message(body, &status.base);
}
