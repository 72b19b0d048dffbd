/*
 * See grpc_call.h. Fed by grpc_session, feeds the intake. Owns body and answer.
 *
 *   header --refused--------------------------> answer
 *      |                                          ^
 *      \--> prefix --too big--> refused ----------|
 *              \--> message --end--> intake ------/
 */
#include "view/grpc_call.h"
#include "export/grpc.h"

#include <stdlib.h>

#define PATH     "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
#define TYPE     "application/grpc"
#define HEAD_MAX (16u << 10)

void at_grpc_call_free(struct at_grpc_call *call)
{
	at_intake_release(call->intake, &call->body);
	at_body_free(&call->answer);
	free(call);
}

/* application/grpc or application/grpc+proto, with parameters or without. */
static bool is_grpc(struct at_str type)
{
	struct at_str rest = at_str_from(type, sizeof(TYPE) - 1);

	if (!at_str_eq_nocase(at_str_head(type, sizeof(TYPE) - 1), AT_STR(TYPE)))
		return false;
	if (at_str_eq_nocase(at_str_head(rest, 6), AT_STR("+proto")))
		rest = at_str_from(rest, 6);
	return rest.n == 0 || rest.p[0] == ';' || rest.p[0] == ' ';
}

void at_grpc_call_field(struct at_grpc_call *call, struct at_str name, struct at_str value)
{
	call->head += name.n + value.n + 32;
	if (at_str_eq(name, AT_STR(":method"))) {
		call->post = at_str_eq(value, AT_STR("POST"));
	} else if (at_str_eq(name, AT_STR(":path"))) {
		call->path = at_str_eq(value, AT_STR(PATH));
	} else if (at_str_eq(name, AT_STR("content-type"))) {
		call->type = is_grpc(value);
	} else if (at_str_eq(name, AT_STR("grpc-encoding"))) {
		call->gzip = at_str_eq(value, AT_STR("gzip"));
		call->packing = call->gzip || at_str_eq(value, AT_STR("identity"));
	}
}

/* ---- answers ---- */

/* As grpc-message wants it: what is not printable ASCII, and '%', as %XX. */
static void encode(char *dst, size_t room, struct at_str text)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < text.n && room - n > 3; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c >= ' ' && c <= '~' && c != '%') {
			dst[n++] = (char)c;
			continue;
		}
		dst[n++] = '%';
		dst[n++] = hex[c >> 4];
		dst[n++] = hex[c & 15];
	}
	dst[n] = '\0';
}

static void settle(struct at_grpc_call *call, unsigned int status, int code, struct at_str message)
{
	struct at_tally *tally = call->intake->tally;

	call->decided = true;
	call->status = status;
	call->code = code;
	encode(call->message, sizeof(call->message), message);
	at_intake_release(call->intake, &call->body);
	tally->requests++;
	tally->bytes += call->bytes;
	tally->refused += status != 200 || code != AT_GRPC_OK;
}

static bool refuse(struct at_grpc_call *call, const struct at_refusal *why)
{
	settle(call, 200, why->code, why->message);
	return false;
}

static bool refuse_as(struct at_grpc_call *call, enum at_refusal_id id)
{
	return refuse(call, &at_refusals[id]);
}

/* False when there is no memory. */
static bool accept(struct at_grpc_call *call, const struct at_view_batch *batch)
{
	char prefix[AT_GRPC_PREFIX] = {0};

	if (!at_body_add(&call->answer, at_str(prefix, sizeof(prefix))) ||
	    !at_answer_accept(&call->answer, AT_FORMAT_PROTOBUF, batch))
		return false;
	at_grpc_prefix(call->answer.p, false, call->answer.n - AT_GRPC_PREFIX);
	settle(call, 200, AT_GRPC_OK, AT_STR_NONE);
	return true;
}

/* ---- the request ---- */

bool at_grpc_call_begin(struct at_grpc_call *call)
{
	if (call->head > HEAD_MAX)
		return refuse_as(call, AT_REFUSAL_LONG_HEAD);
	if (!call->post) {
		settle(call, at_refusals[AT_REFUSAL_METHOD].status, 0, AT_STR_NONE);
		return false;
	}
	if (!call->type) {
		settle(call, at_refusals[AT_REFUSAL_TYPE].status, 0, AT_STR_NONE);
		return false;
	}
	if (!call->path)
		return refuse_as(call, AT_REFUSAL_SERVICE);
	return call->packing || refuse_as(call, AT_REFUSAL_PACKING);
}

bool at_grpc_call_take(struct at_grpc_call *call, struct at_str piece)
{
	const struct at_refusal *why = at_intake_collect(call->intake, &call->body, piece);

	call->bytes += piece.n;
	if (why)
		return refuse(call, why);
	/* The prefix tells what will come: better to refuse it now. */
	if (call->body.n >= AT_GRPC_PREFIX &&
	    at_grpc_length(at_body_str(&call->body)) > call->intake->max_body)
		return refuse_as(call, AT_REFUSAL_TOO_BIG);
	return true;
}

static void pretend(struct at_grpc_call *call, struct at_trouble *trouble, unsigned int status)
{
	call->drop = status == AT_TROUBLE_DROP;
	call->retry_after = trouble->retry_after[0] ? trouble->retry_after : NULL;
	settle(call, status, 0, AT_STR_NONE);
}

void at_grpc_call_end(struct at_grpc_call *call, struct at_trouble *trouble)
{
	unsigned int status = at_trouble_next(trouble);
	struct at_outcome outcome;
	struct at_str message;
	bool packed;

	if (status) {
		pretend(call, trouble, status);
		return;
	}
	if (!at_grpc_message(at_body_str(&call->body), &message, &packed) ||
	    message.n + AT_GRPC_PREFIX != call->body.n || (packed && !call->gzip)) {
		refuse_as(call, AT_REFUSAL_FRAMING);
		return;
	}
	at_intake_serve(call->intake, message, AT_FORMAT_PROTOBUF, packed, &outcome);
	if (outcome.refusal)
		settle(call, 200, outcome.refusal->code, outcome.message);
	else if (!accept(call, &outcome.batch))
		refuse_as(call, AT_REFUSAL_BUSY);
	at_intake_done(call->intake);
}
