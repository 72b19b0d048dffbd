/*
 * gRPC as the client of a unary call meets it: the prefix of a message, and what an answer says by
 * its trailers (or by its head, when it has no body). Everything in an answer is foreign. Pure.
 */
#ifndef AT_EXPORT_GRPC_H
#define AT_EXPORT_GRPC_H

#include "export/http.h"
#include "trace/grpc_code.h"

/* Bytes before each message: whether it is compressed, and its length. */
#define AT_GRPC_PREFIX 5

/* Writes the prefix of a message of n bytes. */
void at_grpc_prefix(char *dst, bool packed, size_t n);

/* The length that a prefix tells; AT_GRPC_PREFIX bytes are there. */
uint32_t at_grpc_length(struct at_str body);

/* The first message of a body; false when it is not whole. *ret_packed: it is compressed. */
bool at_grpc_message(struct at_str body, struct at_str *ret, bool *ret_packed);

/* The status of a call that was answered: grpc-status, or what the HTTP status amounts to where a
 * server or a proxy did not say. */
enum at_grpc_code at_grpc_code(const struct at_http_answer *a);

/* What the server says about it, for people: grpc-message decoded, valid UTF-8, cut to the room
 * with its NUL; or what was missing. */
void at_grpc_words(const struct at_http_answer *a, char *dst, size_t room);

/* Whether the details of the status hold a RetryInfo, and the nanoseconds it asks for (0: none
 * given), at most an hour. */
bool at_grpc_retry_info(const struct at_http_answer *a, uint64_t *ret_ns);

#endif
