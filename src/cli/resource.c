/*
 * Merging resource attributes; see resource.h. Feeds run.c. Owns nothing.
 */
#include "cli/resource.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Adds size bytes with everything encoded but what a baggage value may hold and no list needs. */
static void add_encoded(struct at_text *text, const char *data, size_t size)
{
	static const char plain[] = "-._~:/@!$&'()*+?#[]^`|{}<>";

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)data[i];

		if (c < 0x80 && c != '\0' && (isalnum(c) || strchr(plain, c)))
			at_text_add(text, data + i, 1);
		else
			at_text_addf(text, "%%%02X", c);
	}
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Adds size bytes with the percent-encoding undone; a % without two digits stays. */
static void add_decoded(struct at_text *text, const char *data, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		char c = data[i];

		if (c == '%' && i + 2 < size && hex(data[i + 1]) >= 0 && hex(data[i + 2]) >= 0) {
			c = (char)(hex(data[i + 1]) * 16 + hex(data[i + 2]));
			i += 2;
		}
		at_text_add(text, &c, 1);
	}
}

/* True if the pair of size bytes has this key. */
static bool has_key(const char *pair, size_t size, const char *key, size_t key_size)
{
	const char *end = memchr(pair, '=', size);
	struct at_text name = {0};
	bool same;

	if (!end)
		return false;
	while (pair < end && *pair == ' ')
		pair++;
	while (end > pair && end[-1] == ' ')
		end--;
	add_decoded(&name, pair, (size_t)(end - pair));
	same = name.size == key_size && memcmp(at_text_get(&name), key, key_size) == 0;
	at_text_free(&name);
	return same;
}

bool at_resource_merge(const char *existing, const char *attribute, struct at_text *merged)
{
	const char *value = strchr(attribute, '=');
	size_t key_size = value ? (size_t)(value - attribute) : 0;

	if (key_size == 0)
		return false;
	while (existing && *existing) {
		size_t size = strcspn(existing, ",");

		if (size > 0 && !has_key(existing, size, attribute, key_size)) {
			at_text_add(merged, existing, size);
			at_text_add(merged, ",", 1);
		}
		existing += size + (existing[size] != '\0');
	}
	add_encoded(merged, attribute, key_size);
	at_text_add(merged, "=", 1);
	add_encoded(merged, value + 1, strlen(value + 1));
	return true;
}
