/*
 * POST over HTTP and HTTPS, version 1.1, or 2 for gRPC. The one owner of libcurl: nobody else calls
 * it. The worker's thread only, but for the functions of fork.
 */
#ifndef AT_EXPORT_HTTP_H
#define AT_EXPORT_HTTP_H

#include "base/bytes.h"

/* Where and how; every text is NUL-terminated and outlives the client. */
struct at_http_options {
	struct at_str url;        /* http or https */
	struct at_str headers;    /* "name=value,…", values percent-encoded */
	const char *content_type; /* of the bodies */
	const char *user_agent;
	struct at_str certificate;        /* PEM of the authorities; empty: the system's */
	struct at_str client_key;         /* PEM or empty */
	struct at_str client_certificate; /* PEM or empty */
	bool grpc; /* HTTP/2 alone, bodies are messages of gRPC with their prefix */
};

/* Why there is no answer. */
enum at_http_fault {
	AT_HTTP_ANSWERED,    /* there is one: look at the status */
	AT_HTTP_UNREACHABLE, /* no name, no route, refused */
	AT_HTTP_BROKEN,      /* connected, but no whole answer came: cut or timed out */
	AT_HTTP_UNTRUSTED,   /* the other side's certificate, or ours, is no good */
	AT_HTTP_GARBAGE,     /* what came was not the HTTP that we speak, or over 4 MiB */
	AT_HTTP_BAD_SETTING  /* will never work: URL, files */
};

struct at_http_answer {
	enum at_http_fault fault;
	long status;               /* of HTTP, 0 without an answer */
	struct at_str body;        /* valid until the next start */
	struct at_str type;        /* Content-Type, as body */
	struct at_str retry_after; /* that header's value, as body */
	bool grpc;                 /* it is an answer to a call of gRPC; if so: */
	struct at_str grpc_status; /* the field, mostly a trailer, as body; p NULL: absent */
	struct at_str grpc_message;
	struct at_str grpc_details; /* grpc-status-details-bin */
	const char *error;          /* what went wrong, for people; static or as body */
};

struct at_http;

/* Makes a client for one destination, libcurl ready for use with the first one. NULL: no memory. */
struct at_http *at_http_open(const struct at_http_options *o);

/* Begins to send; the body must stay until the answer is there. timeout_ms 0: without limit. */
void at_http_start(struct at_http *h, struct at_str body, bool gzip, uint64_t timeout_ms);

/* Moves all transfers on. The answer once this client's is there, NULL before. */
const struct at_http_answer *at_http_step(struct at_http *h);

/* Waits until a transfer can move, at most timeout_ns (UINT64_MAX: as long as it takes). */
void at_http_wait(uint64_t timeout_ns);

/* In a forked child: forgets the parent's handles and closes its sockets, as plain descriptors. */
void at_http_fork_child(void);

#endif
