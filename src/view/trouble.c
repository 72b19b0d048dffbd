/*
 * --fail, --fail-first. Fed by main with the options and by the receiver with each request. Owns
 * nothing.
 */
#include "view/trouble.h"

#include <stdlib.h>
#include <string.h>

bool at_trouble_parse(struct at_trouble *trouble, const char *text)
{
	const char *after;
	char *end;
	long status;

	if (strcmp(text, "drop") == 0) {
		trouble->status = AT_TROUBLE_DROP;
		return true;
	}
	status = strtol(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || status < 300 || status > 599)
		return false;
	after = *end == ':' ? end + 1 : "";
	if ((*end && !*after) || strlen(after) >= sizeof(trouble->retry_after))
		return false;
	for (const char *c = after; *c; c++) {
		if (*c < ' ' || *c > '~')
			return false;
	}
	trouble->status = (unsigned int)status;
	memcpy(trouble->retry_after, after, strlen(after) + 1);
	return true;
}

unsigned int at_trouble_next(struct at_trouble *trouble)
{
	if (!trouble->status || (trouble->first && trouble->failed >= trouble->first))
		return 0;
	trouble->failed++;
	return trouble->status;
}
