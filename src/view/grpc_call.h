/*
 * One call of OTLP/gRPC: what its header says, its message on the way in, its answer. Knows nothing
 * of HTTP/2's frames. One thread.
 */
#ifndef AT_VIEW_GRPC_CALL_H
#define AT_VIEW_GRPC_CALL_H

#include "view/intake.h"
#include "view/trouble.h"

struct at_grpc_call {
	struct at_intake *intake;
	int32_t stream;            /* id */
	bool post, path, type;     /* the header says what it must */
	bool gzip;                 /* compressed messages may come */
	bool packing;              /* it is one that we know */
	size_t head;               /* bytes of the header so far */
	struct at_body body;       /* prefix and message as they come */
	uint64_t bytes;            /* of the body */
	bool decided;              /* the answer is made */
	uint64_t due;              /* when it goes: milliseconds, monotonic */
	bool sent;                 /* it has been handed to the connection */
	bool stop;                 /* the rest of the request is not wanted */
	bool drop;                 /* the connection ends instead */
	unsigned int status;       /* of HTTP; not 200: the answer has nothing of gRPC */
	int code;                  /* of gRPC; 0: there is a message */
	char message[512];         /* grpc-message, percent-encoded */
	const char *retry_after;   /* or NULL */
	struct at_body answer;     /* prefix and message */
	size_t given;              /* bytes of it the connection has taken */
	struct at_grpc_call *next; /* of the connection's */
};

void at_grpc_call_free(struct at_grpc_call *call);

/* A field of the header. */
void at_grpc_call_field(struct at_grpc_call *call, struct at_str name, struct at_str value);

/* The header is there; false: the answer is made and the body is not wanted. */
bool at_grpc_call_begin(struct at_grpc_call *call);

/* Bytes of the body, likewise. */
bool at_grpc_call_take(struct at_grpc_call *call, struct at_str piece);

/* The body is whole: makes the answer. */
void at_grpc_call_end(struct at_grpc_call *call, struct at_trouble *trouble);

#endif
