/*
 * Request targets, authorities, and who the original client was (RFC 9110, RFC 7239). Pure slices
 * of the message.
 */
#ifndef AT_FLOW_TARGET_H
#define AT_FLOW_TARGET_H

#include "wire/message.h"

/* host[:port] taken apart. */
struct at_authority {
	struct at_str host; /* without brackets and port */
	unsigned port;      /* 0: none there */
};

struct at_target {
	struct at_str authority; /* absolute-form: host[:port], without user information */
	struct at_str path;  /* "/…" or "*"; "/" for an absolute form without a path; empty for
			      * authority-form */
	struct at_str query; /* behind '?', without it; without fragment */
};

/* What a server should say of the original request: Forwarded, then X-Forwarded-*, then Host. */
struct at_origin {
	struct at_str scheme;          /* the connection's, unless a proxy says otherwise */
	struct at_authority authority; /* the host asked for; empty host: unknown */
	struct at_str client;          /* the original client's address; empty: the peer itself */
};

struct at_target at_target_parse(struct at_str target);

/* True for "scheme://…". */
bool at_target_is_absolute(struct at_str target);

struct at_authority at_target_authority(struct at_str text);

/* What the client asked for; `secure`: the request came by TLS. */
struct at_origin at_target_origin(const struct at_message *m, bool secure);

#endif
