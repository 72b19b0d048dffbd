/*
 * Messages into attributes, by the stable HTTP semantic conventions. Writes into an exchange's
 * attribute memory; pure otherwise. Called under the connection's lock.
 */
#ifndef AT_FLOW_DESCRIBE_H
#define AT_FLOW_DESCRIBE_H

#include "conn/conn.h"
#include "flow/exchange.h"
#include "wire/message.h"

/* Methods whose meaning the flow needs. */
enum at_method { AT_METHOD_OTHER, AT_METHOD_HEAD, AT_METHOD_CONNECT };

/* http.request.method and the name of the span, for every exchange that gets a span. */
void at_describe_method(struct at_exchange *x, struct at_str method);

/* A server's view of a request from `peer`. */
void at_describe_server(struct at_exchange *x, const struct at_message *m,
			const struct at_endpoint *peer);

/* A client's view of a request to `peer`. */
void at_describe_client(struct at_exchange *x, const struct at_message *m,
			const struct at_endpoint *peer);

/* Whether a call with this head repeats the request x, which is recording: method, target, host and
 * user agent. x may end meanwhile. */
bool at_describe_same(const struct at_exchange *x, const struct at_message *m);

/* The head of the final response. */
void at_describe_response(struct at_exchange *x, const struct at_message *m);

/* A connection that could not be made. */
void at_describe_connect(struct at_exchange *x, const struct at_endpoint *peer);

/* What is known at the end: status code, sizes, error.type; returns the span's status. */
enum at_span_status at_describe_end(struct at_exchange *x, const char *error_type);

/* By which rule its parent was found, as autotrace.link.rule has it. */
struct at_str at_describe_rule(const struct at_exchange *x);

#endif
