/*
 * See json.h.
 */
#include "cli/json.h"

#include "cli/text.h"

#include <stdlib.h>

json_t *at_json_safe(const char *string)
{
	json_t *value = json_string(string);
	char *copy;

	if (value)
		return value;
	copy = at_text_copy(string);
	for (char *at = copy; *at; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	value = json_string(copy);
	free(copy);
	return value;
}
