/*
 * A span as it came over the wire, whatever its encoding was. Everything points into the region of
 * the request that brought it and dies with it; who wants to keep something copies it.
 * One thread; read-only once decoded.
 */
#ifndef AT_VIEW_SPAN_H
#define AT_VIEW_SPAN_H

#include "base/bytes.h"

/* Lists and maps within attribute values go no deeper; a request that does is refused. */
#define AT_VALUE_DEPTH 32

enum at_value_type {
	AT_VALUE_EMPTY,
	AT_VALUE_STRING,
	AT_VALUE_BYTES,
	AT_VALUE_BOOL,
	AT_VALUE_INT,
	AT_VALUE_DOUBLE,
	AT_VALUE_LIST,
	AT_VALUE_MAP
};

struct at_member;

/* OTLP's AnyValue. */
struct at_value {
	enum at_value_type type; /* says which of the members below counts */
	size_t n;                /* LIST, MAP: elements */
	union {
		struct at_str text;    /* STRING (any bytes, UTF-8 not checked), BYTES */
		bool truth;            /* BOOL */
		int64_t integer;       /* INT */
		double number;         /* DOUBLE */
		struct at_value *list; /* LIST */
		struct at_member *map; /* MAP */
	};
};

/* OTLP's KeyValue. */
struct at_member {
	struct at_str key; /* any bytes */
	struct at_value value;
};

struct at_attributes {
	struct at_member *at; /* n of them */
	size_t n;
	uint32_t dropped; /* how many the sender left out */
};

struct at_view_event {
	uint64_t time; /* nanoseconds since 1970 */
	struct at_str name;
	struct at_attributes attributes;
};

struct at_view_link {
	struct at_str trace_id; /* as it came; 16 bytes in an accepted span */
	struct at_str span_id;  /* as it came; 8 bytes in an accepted span */
	struct at_str trace_state;
	uint32_t flags; /* as in struct at_view_span */
	struct at_attributes attributes;
};

struct at_view_scope {
	struct at_str name;
	struct at_str version;
	struct at_attributes attributes;
};

struct at_view_resource {
	struct at_attributes attributes;
};

struct at_view_span {
	struct at_str trace_id;  /* as it came; 16 bytes in an accepted span */
	struct at_str span_id;   /* as it came; 8 bytes in an accepted span */
	struct at_str parent_id; /* as it came; 8 bytes or, for a root, none */
	struct at_str name;
	struct at_str trace_state; /* W3C tracestate */
	struct at_str status_message;
	uint64_t start; /* nanoseconds since 1970 */
	uint64_t end;   /* nanoseconds since 1970 */
	uint32_t flags; /* W3C trace flags, 0x100 and 0x200: parent is remote */
	int kind;       /* OTLP's number, any */
	int status;     /* OTLP's number, any */
	struct at_attributes attributes;
	struct at_view_event *events; /* n_events of them */
	size_t n_events;
	struct at_view_link *links; /* n_links of them */
	size_t n_links;
	const struct at_view_resource
		*resource;                 /* never NULL; shared by the spans of one process */
	const struct at_view_scope *scope; /* never NULL */
};

/* The accepted spans of one request, and what became of the others. */
struct at_view_batch {
	struct at_view_span *spans; /* n of them */
	size_t n;
	size_t rejected;         /* malformed spans */
	struct at_str complaint; /* which fault how often; empty when none was rejected */
};

/* The value of an attribute, NULL when there is none of that name. */
static inline const struct at_value *at_attribute(const struct at_attributes *in, struct at_str key)
{
	for (size_t i = 0; i < in->n; i++) {
		if (at_str_eq(in->at[i].key, key))
			return &in->at[i].value;
	}
	return NULL;
}

#endif
