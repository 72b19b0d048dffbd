/*
 * JSON (RFC 8259) written piece by piece, and the little that is read. The worker's thread only.
 */
#ifndef AT_EXPORT_JSON_H
#define AT_EXPORT_JSON_H

#include "export/out.h"

/* A document under way. */
struct at_json {
	struct at_out *out;
	unsigned indent; /* spaces for each level, 0: all on one line */
	unsigned depth;  /* open objects and arrays */
	bool filled;     /* the innermost one has a member already */
};

/* '{' or '[', and their ends. */
void at_json_open(struct at_json *j, char bracket);
void at_json_close(struct at_json *j, char bracket);

/* A member's name; its value, or at_json_open, follows. */
void at_json_key(struct at_json *j, struct at_str key);

/* An element of an array; at_json_open or a value below follows. */
void at_json_item(struct at_json *j);

/* Values. Text is made valid UTF-8 and escaped; doubles that JSON cannot say become strings. */
void at_json_text(struct at_json *j, struct at_str s);
void at_json_int(struct at_json *j, int64_t v);
void at_json_u64_text(struct at_json *j, uint64_t v); /* as a string of digits */
void at_json_double(struct at_json *j, double v);
void at_json_bool(struct at_json *j, bool v);
void at_json_null(struct at_json *j);
void at_json_hex(struct at_json *j, struct at_str prefix, const void *src, size_t n);

/* Shorthands for members. */
void at_json_member_text(struct at_json *j, struct at_str key, struct at_str s);
void at_json_member_int(struct at_json *j, struct at_str key, int64_t v);

/* The raw text of the first member called `key`, at any depth; empty when there is none. A string
 * is returned without its quotes, still escaped. */
struct at_str at_json_find(struct at_str json, struct at_str key);

#endif
