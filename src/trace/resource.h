/*
 * Who emits: the resource attributes of this process (semantic conventions, resource). Built on the
 * exporter's thread (may read /proc and /etc, may malloc), once per process and anew after fork.
 */
#ifndef AT_TRACE_RESOURCE_H
#define AT_TRACE_RESOURCE_H

#include "base/bytes.h"

struct at_resource_attr {
	struct at_str key; /* owned by the resource, or static */
	struct at_str str; /* text value when is_int is false */
	int64_t i;         /* value when is_int */
	bool is_int;
};

#define AT_RESOURCE_MAX 96

struct at_resource {
	struct at_resource_attr attr[AT_RESOURCE_MAX];
	unsigned count;
};

/* What the user said. */
struct at_resource_user {
	struct at_str service_name; /* OTEL_SERVICE_NAME, empty when unset */
	struct at_str attributes;   /* OTEL_RESOURCE_ATTRIBUTES as it stands, empty when unset */
	struct at_str injected;     /* OTEL_INJECTOR_… in the same syntax; weaker; or empty */
	struct at_str command;      /* argv[0] as it was at start; empty: what /proc says now */
	const uint8_t *instance;    /* 16 bytes for service.instance.id; NULL: new ones */
};

/* The resource: user > injected > detected. A list of attributes that does not decode is discarded
 * as a whole and *ret_bad set. Free with at_resource_free. NULL when memory is refused. */
struct at_resource *at_resource_build(const struct at_resource_user *user, bool *ret_bad);
void at_resource_free(struct at_resource *r);

/* The resource of another process of which little is known: what the user said, its process id, the
 * path of its executable (may be empty). Otherwise as at_resource_build. */
struct at_resource *at_resource_outline(const struct at_resource_user *user, int64_t pid,
					struct at_str executable);

/* Writes the attributes to dst, as many as fit; returns the bytes written. Takes no memory. */
size_t at_resource_pack(const struct at_resource *r, char *dst, size_t room);

/* Reads what at_resource_pack wrote, trusting nothing. NULL: malformed, or no memory. Free with
 * at_resource_free. */
struct at_resource *at_resource_unpack(struct at_str packed);

/* The value of a text attribute, empty when absent. */
struct at_str at_resource_get(const struct at_resource *r, struct at_str key);

#endif
