/*
 * A finished span on its way from the thread that finished it to the exporter's thread: one
 * contiguous block of bytes in native order. The writer fills a caller's buffer and never
 * allocates; the reader trusts nothing (the block may come back from a file one day).
 *
 * Layout: struct at_record_head, name, tracestate, then the attributes, then the links. An
 * attribute is struct at_record_attr followed by its literal key (when key == AT_KEY_LITERAL) and
 * its payload. Attributes stand in three groups by how they repeat, because an exporter need not
 * encode anew what it has met before:
 *
 *   fixed   alike for all requests on a connection: peer, host, method, user agent
 *   shape   alike for requests of a kind: path, status, sizes
 *   own     measured: hardly ever the same twice
 */
#ifndef AT_TRACE_RECORD_H
#define AT_TRACE_RECORD_H

#include "trace/context.h"

enum at_key {
#define AT_KEY(id, name) AT_KEY_##id,
#include "trace/semconv.def"
#undef AT_KEY
	AT_KEYS,
	AT_KEY_LITERAL = 0xffff /* the name stands in the record */
};

/* The attribute's name; static storage. */
struct at_str at_key_name(enum at_key key);

/* OTLP's numbers. */
enum at_span_kind { AT_SPAN_INTERNAL = 1, AT_SPAN_SERVER = 2, AT_SPAN_CLIENT = 3 };
enum at_span_status { AT_STATUS_UNSET = 0, AT_STATUS_OK = 1, AT_STATUS_ERROR = 2 };

enum at_attr_type {
	AT_ATTR_STRING,      /* UTF-8 text or what the wire had; exporters make it valid */
	AT_ATTR_STRING_LIST, /* one element list: string[] with this single string */
	AT_ATTR_INT,         /* int64 */
	AT_ATTR_DOUBLE,
	AT_ATTR_BOOL
};

struct at_record_head {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t parent_id[8];   /* all zero: root */
	uint64_t start_ns;      /* Unix time */
	uint64_t end_ns;        /* Unix time, >= start_ns */
	uint8_t kind;           /* enum at_span_kind */
	uint8_t status;         /* enum at_span_status */
	uint8_t flags;          /* W3C trace flags */
	uint8_t parent_remote;  /* 1: the parent came over the wire */
	uint16_t attrs;         /* count */
	uint16_t dropped_attrs; /* over the count limit or the buffer */
	uint16_t links;         /* count */
	uint16_t name_len;      /* bytes */
	uint16_t state_len;     /* bytes of tracestate */
	uint16_t fixed_attrs;   /* leading attributes that repeat on their connection */
	uint16_t own_attrs;     /* trailing ones that are hardly ever the same twice */
	uint16_t unused;        /* 0 */
	uint32_t attr_bytes;    /* bytes of all attributes */
	uint32_t fixed_bytes;   /* bytes of the leading fixed_attrs */
	uint32_t own_bytes;     /* bytes of the trailing own_attrs */
	uint32_t fixed_hash;    /* low half of at_str_hash over the fixed_bytes */
};

struct at_record_attr {
	uint16_t key;    /* enum at_key */
	uint8_t type;    /* enum at_attr_type */
	uint8_t key_len; /* length of the literal key, 0 otherwise */
	uint32_t len;    /* payload bytes: text length, or 8 for numbers, 1 for bool */
};

struct at_record_link {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t flags;
	uint8_t pad[7];
};

/* A number that changes with the layout of records and with the numbers of the attributes' names:
 * whether a record that another program wrote can be read. */
uint64_t at_record_layout(void);

/* ---- writing: attributes are collected first, the rest is put around them at the end ---- */

/* Attributes being collected in a caller's buffer. */
struct at_attrs {
	char *p;          /* caller's memory */
	uint32_t n;       /* bytes used */
	uint32_t room;    /* bytes there are */
	uint16_t count;   /* attributes so far */
	uint16_t dropped; /* that did not fit or were over the count limit */
	uint16_t limit;   /* attributes at most (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT, capped) */
};

void at_attrs_str(struct at_attrs *a, enum at_key key, struct at_str v);
/* Text put together from `count` parts. */
void at_attrs_join(struct at_attrs *a, enum at_key key, const struct at_str *parts, size_t count);
void at_attrs_int(struct at_attrs *a, enum at_key key, int64_t v);
void at_attrs_bool(struct at_attrs *a, enum at_key key, bool v);
void at_attrs_double(struct at_attrs *a, enum at_key key, double v);
/* A string[] of one element under a name that is not in the table: prefix + lower-cased name. */
void at_attrs_list(struct at_attrs *a, struct at_str prefix, struct at_str name, struct at_str v);

/* Size of the record that at_record_write will make. */
size_t at_record_size(const struct at_record_head *head);

/* Puts the record together at dst (at_record_size bytes). head->attrs, attr_bytes, dropped_attrs,
 * name_len, state_len and links must be set. */
void at_record_write(void *dst, const struct at_record_head *head, const char *name,
		     const char *state, const char *attrs, const struct at_record_link *links);

/* ---- reading, on the exporter's thread ---- */

/* Attributes a decoded span can hold. */
#define AT_SPAN_ATTRS_MAX 128
#define AT_SPAN_LINKS_MAX 8

struct at_attr {
	struct at_str key; /* name: static or borrowed */
	uint16_t key_id;   /* enum at_key, AT_KEY_LITERAL for others */
	uint8_t type;      /* enum at_attr_type */
	struct at_str str; /* AT_ATTR_STRING, AT_ATTR_STRING_LIST: borrowed */
	union {
		int64_t i; /* AT_ATTR_INT, AT_ATTR_BOOL (0 or 1) */
		double d;  /* AT_ATTR_DOUBLE */
	};
};

/* Attributes as they stand in a record. */
struct at_packed {
	struct at_str text;
	uint16_t count; /* how many they are; 0: they stand in the span's attr by now */
};

struct at_known;

/* A span as processors and exporters see it: text borrowed from the record or from the batch's
 * arena. Processors may change it. */
struct at_span {
	uint8_t trace_id[16];
	uint8_t span_id[8];
	uint8_t parent_id[8];
	uint64_t start_ns;
	uint64_t end_ns;
	uint8_t kind;
	uint8_t status;
	uint8_t flags;
	uint8_t parent_remote;
	uint16_t dropped_attrs;
	uint16_t attr_count;
	uint16_t link_count;
	struct at_str name;
	struct at_str state;          /* tracestate */
	struct at_str status_message; /* mostly empty */
	uint32_t fixed_hash;          /* as the record says */
	struct at_packed fixed;       /* in front of attr */
	struct at_packed shape;       /* in front of attr, behind fixed */
	struct at_packed own;         /* behind attr */
	struct at_known *known; /* the exporter's note about this shape; NULL: it takes none */
	struct at_attr attr[AT_SPAN_ATTRS_MAX];
	struct at_record_link link[AT_SPAN_LINKS_MAX];
};

/* False when the block is not a whole, consistent record. The attributes stay packed, unchecked: an
 * exporter may know them already. */
bool at_span_read(struct at_span *s, const void *record, size_t n);

/* Unpacks one group into attr, which is empty. False when it is not consistent. */
bool at_span_unpack(struct at_span *s, struct at_packed *group);

/* Unpacks all that is packed. False when it is not consistent; too many are dropped and counted. */
bool at_span_expand(struct at_span *s);

/* The attribute with this key, or NULL. */
struct at_attr *at_span_attr(struct at_span *s, enum at_key key);

/* Adds or replaces a text attribute; v must outlive the span's use. False when all places are taken
 * (dropped_attrs counts it). */
bool at_span_set_str(struct at_span *s, enum at_key key, struct at_str v);

/* Takes the attribute away; nothing when it is not there. */
void at_span_unset(struct at_span *s, enum at_key key);

#endif
