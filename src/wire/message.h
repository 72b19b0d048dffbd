/*
 * What a protocol engine hands upwards: one message of a conversation, protocol-neutral. Slices
 * are borrowed from the bytes being fed and die when the callback returns.
 */
#ifndef AT_WIRE_MESSAGE_H
#define AT_WIRE_MESSAGE_H

#include "base/bytes.h"

/* Which half of the conversation a stream carries. */
enum at_wire_half { AT_WIRE_REQUEST, AT_WIRE_RESPONSE };

/* Header fields with a meaning for tracing; the engine finds them while it scans, so that nobody
 * scans twice. wire/field.def has a row for each. */
enum at_field {
#define AT_FIELD(id, name, where) AT_FIELD_##id,
#include "wire/field.def"
#undef AT_FIELD
	AT_FIELDS
};

/* The first value of a known field, and how often the field stood there. */
struct at_field_value {
	struct at_str value; /* trimmed; the first line's. Without one n is 0 and p anything */
	uint32_t count;      /* lines with this name; 0 also for what this half has no use for */
};

struct at_message {
	enum at_wire_half half; /* request or response */
	uint8_t version;        /* 10 = HTTP/1.0, 11 = HTTP/1.1, 20 = HTTP/2 */
	bool chunked;           /* Transfer-Encoding ends in chunked */
	uint16_t status;        /* responses: 100..999 */
	struct at_str method;   /* requests: as sent */
	struct at_str target;   /* requests: any of the four forms, as sent */
	struct at_str scheme;   /* requests: where the protocol says it, else empty */
	struct at_str block;    /* header lines, each with its line end, without the empty line */
	uint64_t head_bytes;    /* first line, header lines and empty line, on the wire */
	uint64_t declared_body; /* Content-Length; UINT64_MAX: none, or Transfer-Encoding overrules
				 */
	struct at_field_value field[AT_FIELDS]; /* known fields */
};

/* Iterates over all lines of a header block (captured headers, repeated fields): false at the end.
 * *pos starts at 0. Obsolete line folding is joined to the value as it stands. */
bool at_message_next(const struct at_message *m, size_t *pos, struct at_str *ret_name,
		     struct at_str *ret_value);

#endif
