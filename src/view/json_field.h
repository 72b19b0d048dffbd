/*
 * A member of a JSON object, as OTLP writes it, becomes a C value. Absent members and null leave
 * *to at zero and are fine; a member of the wrong type is not: the functions return false, with the
 * reason in reader->why, or with reader->full set when the region has no more room. `object` may be
 * NULL, which has no members. One thread.
 */
#ifndef AT_VIEW_JSON_FIELD_H
#define AT_VIEW_JSON_FIELD_H

#include "view/region.h"

#include <jansson.h>

/* One request on its way. */
struct at_json_reader {
	struct at_region *region; /* where everything goes */
	struct at_str *why;       /* the sentence for the sender, once something is wrong */
	bool full;                /* the region refused a block */
};

/* Notes "<key> <what>" as the reason; always false. */
bool at_json_field_wrong(struct at_json_reader *r, const char *key, const char *what);

/* A zeroed array in the region; NULL when count is 0 or the region is full. */
void *at_json_field_zeroed(struct at_json_reader *r, size_t count, size_t size);

/* The member, NULL when absent or null. Borrowed. */
json_t *at_json_field_get(const json_t *object, const char *key);

/* The string's text, NULs included; borrowed. Empty for anything but a string. */
struct at_str at_json_field_str(const json_t *string);

/* Copies text into the region. */
bool at_json_field_copy(struct at_json_reader *r, struct at_str *to, struct at_str text);

bool at_json_field_text(struct at_json_reader *r, const json_t *object, const char *key,
			struct at_str *to);

/* Hex of either case. What is no hex is kept as a single byte, so that its length is wrong. */
bool at_json_field_id(struct at_json_reader *r, const json_t *object, const char *key,
		      struct at_str *to);

/* Numbers: JSON integers or strings of decimal digits. */
bool at_json_field_u64(struct at_json_reader *r, const json_t *object, const char *key,
		       uint64_t *to);
bool at_json_field_u32(struct at_json_reader *r, const json_t *object, const char *key,
		       uint32_t *to);
bool at_json_field_signed(const json_t *value, int64_t *to);

/* JSON integers only: OTLP has no names for enums. */
bool at_json_field_enum(struct at_json_reader *r, const json_t *object, const char *key, int *to);

/* An array of objects. */
bool at_json_field_list(struct at_json_reader *r, const json_t *object, const char *key,
			const json_t **to);

bool at_json_field_object(struct at_json_reader *r, const json_t *object, const char *key,
			  const json_t **to);

#endif
