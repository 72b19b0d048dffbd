/*
 * The bodies of OTLP/HTTP answers, in the content type of the request. One thread.
 */
#ifndef AT_VIEW_ANSWER_H
#define AT_VIEW_ANSWER_H

#include "view/body.h"
#include "view/span.h"

enum at_format {
	AT_FORMAT_PROTOBUF,
	AT_FORMAT_JSON,
	AT_FORMAT_TEXT /* the request's was none of the above */
};

/* The media type; static storage. */
const char *at_answer_type(enum at_format format);

/* Puts an ExportTraceServiceResponse into the empty body, its partial_success set when spans were
 * rejected. PROTOBUF or JSON. False: no memory. */
bool at_answer_accept(struct at_body *body, enum at_format format,
		      const struct at_view_batch *batch);

/* Puts a google.rpc.Status (or, as TEXT, the message alone) into the empty body. `message` is valid
 * UTF-8. False: no memory. */
bool at_answer_refuse(struct at_body *body, enum at_format format, int code, struct at_str message);

#endif
