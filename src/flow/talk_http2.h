/*
 * HTTP/2's part of a talk: an engine for each direction, the exchanges by stream, and what was read
 * or written in the present call. Protected by the connection's lock.
 */
#ifndef AT_FLOW_TALK_HTTP2_H
#define AT_FLOW_TALK_HTTP2_H

#include "flow/stream.h"
#include "flow/talk.h"
#include "wire/http2.h"

struct at_talk_http2 {
	struct at_http2 request;   /* engine of the requests' direction */
	struct at_http2 response;  /* engine of the responses' direction */
	struct at_streams streams; /* exchanges that are open, by stream */
	uint32_t last;             /* the highest stream that a request has opened */
	uint32_t refused_above;    /* GOAWAY: streams above it are not worked on */
	struct at_ref present;     /* whose bytes the present read brought; calls: who made them */
	bool read_some;            /* present is valid, and may be nobody */
	bool read_several;         /* it brought bytes of several */
	bool shared;               /* two calls were under way at once on this connection */
};

/* Makes t, which is new, a conversation in HTTP/2. False: no memory. */
bool at_talk_http2_begin(struct at_talk *t);

/* The same for one whose request x, the only one, is an upgrade that was granted: x goes on as
 * stream 1. */
bool at_talk_http2_upgrade(struct at_talk *t, struct at_exchange *x);

/* Injection's part in it (inject_http2.c); see struct at_protocol. */
uint64_t at_inject_http2_unread(const struct at_talk *t);
void at_inject_http2_look(struct at_talk *t, struct at_edits **e, const char *data, size_t n);

/* A request on a stream that is new: its exchange in row and table, not identified yet. NULL: it
 * cannot be observed (no new request's stream, too many at once, no memory). */
struct at_exchange *at_talk_http2_open(struct at_talk *t, uint32_t stream, enum at_span_kind kind);

#endif
