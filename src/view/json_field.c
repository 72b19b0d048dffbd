/*
 * Reads single members of JSON objects. Fed by decode_json, on the program's one thread. Owns
 * nothing.
 */
#include "view/json_field.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY_MAX 256

bool at_json_field_wrong(struct at_json_reader *r, const char *key, const char *what)
{
	char text[WHY_MAX];
	int n = snprintf(text, sizeof(text), "%s %s", key, what);

	*r->why = at_region_copy(r->region, at_str(text, (size_t)n));
	return false;
}

void *at_json_field_zeroed(struct at_json_reader *r, size_t count, size_t size)
{
	void *block = count ? at_region_zeroed(r->region, count, size) : NULL;

	if (count && !block)
		r->full = true;
	return block;
}

json_t *at_json_field_get(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : value;
}

struct at_str at_json_field_str(const json_t *string)
{
	return at_str(json_string_value(string), json_string_length(string));
}

bool at_json_field_copy(struct at_json_reader *r, struct at_str *to, struct at_str text)
{
	*to = at_region_copy(r->region, text);
	if (to->n != text.n)
		r->full = true;
	return to->n == text.n;
}

bool at_json_field_text(struct at_json_reader *r, const json_t *object, const char *key,
			struct at_str *to)
{
	const json_t *value = at_json_field_get(object, key);

	if (!value)
		return true;
	if (!json_is_string(value))
		return at_json_field_wrong(r, key, "is not a string");
	return at_json_field_copy(r, to, at_json_field_str(value));
}

/* An id that is no hex at all is kept as one byte, which the verdict finds to be of wrong length.
 */
bool at_json_field_id(struct at_json_reader *r, const json_t *object, const char *key,
		      struct at_str *to)
{
	const json_t *value = at_json_field_get(object, key);
	struct at_str hex;
	char id[16];

	if (!value)
		return true;
	if (!json_is_string(value))
		return at_json_field_wrong(r, key, "is not a string");
	hex = at_json_field_str(value);
	if (hex.n == 0)
		return true;
	if (hex.n % 2 || hex.n > 2 * sizeof(id) || !at_hex_decode(id, hex.p, hex.n / 2))
		return at_json_field_copy(r, to, AT_STR("?"));
	return at_json_field_copy(r, to, at_str(id, hex.n / 2));
}

static bool unsigned_of(const json_t *value, uint64_t *to)
{
	char digits[24] = "";
	char *end;

	if (json_is_integer(value)) {
		*to = (uint64_t)json_integer_value(value);
		return json_integer_value(value) >= 0;
	}
	if (!json_is_string(value) || json_string_length(value) >= sizeof(digits))
		return false;
	memcpy(digits, json_string_value(value), json_string_length(value));
	errno = 0;
	*to = strtoull(digits, &end, 10);
	return digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && errno == 0;
}

bool at_json_field_signed(const json_t *value, int64_t *to)
{
	char digits[24] = "";
	char *end;

	if (json_is_integer(value)) {
		*to = json_integer_value(value);
		return true;
	}
	if (!json_is_string(value) || json_string_length(value) >= sizeof(digits))
		return false;
	memcpy(digits, json_string_value(value), json_string_length(value));
	errno = 0;
	*to = strtoll(digits, &end, 10);
	return end != digits && *end == '\0' && errno == 0;
}

bool at_json_field_u64(struct at_json_reader *r, const json_t *object, const char *key,
		       uint64_t *to)
{
	const json_t *value = at_json_field_get(object, key);

	if (!value || unsigned_of(value, to))
		return true;
	return at_json_field_wrong(r, key, "is not an unsigned 64-bit number");
}

bool at_json_field_u32(struct at_json_reader *r, const json_t *object, const char *key,
		       uint32_t *to)
{
	const json_t *value = at_json_field_get(object, key);
	uint64_t number = 0;

	if (value && (!unsigned_of(value, &number) || number > UINT32_MAX))
		return at_json_field_wrong(r, key, "is not an unsigned 32-bit number");
	*to = (uint32_t)number;
	return true;
}

bool at_json_field_enum(struct at_json_reader *r, const json_t *object, const char *key, int *to)
{
	const json_t *value = at_json_field_get(object, key);
	json_int_t number = json_integer_value(value);

	if (value && (!json_is_integer(value) || number < INT32_MIN || number > INT32_MAX))
		return at_json_field_wrong(r, key, "is not a number, as enums are in OTLP");
	*to = (int)number;
	return true;
}

bool at_json_field_list(struct at_json_reader *r, const json_t *object, const char *key,
			const json_t **to)
{
	size_t i;
	json_t *element;

	*to = at_json_field_get(object, key);
	if (*to && !json_is_array(*to))
		return at_json_field_wrong(r, key, "is not an array");
	json_array_foreach((json_t *)*to, i, element)
	{
		if (!json_is_object(element))
			return at_json_field_wrong(r, key, "has an element that is no object");
	}
	return true;
}

bool at_json_field_object(struct at_json_reader *r, const json_t *object, const char *key,
			  const json_t **to)
{
	*to = at_json_field_get(object, key);
	return !*to || json_is_object(*to) || at_json_field_wrong(r, key, "is not an object");
}
