/*
 * What an OTLP receiver says in the body of its answer. Everything in it is foreign: read with
 * care, cut short. The worker's thread only.
 */
#ifndef AT_EXPORT_OTLP_ANSWER_H
#define AT_EXPORT_OTLP_ANSWER_H

#include "export/http.h"

#define AT_OTLP_MESSAGE_MAX 256

struct at_otlp_answer {
	uint64_t rejected;                     /* spans, of an accepted request */
	char message[AT_OTLP_MESSAGE_MAX + 1]; /* for people; empty when there is none */
};

/* Reads ExportTraceServiceResponse of a 2xx answer, google.rpc.Status of another, in protobuf or
 * JSON by its Content-Type; of gRPC the message, or grpc-message of a call that failed. A body that
 * is neither counts as empty. */
void at_otlp_answer_read(struct at_otlp_answer *r, const struct at_http_answer *a);

#endif
