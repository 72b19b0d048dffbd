/*
 * --count. Fed by the receiver and the viewer. Owns nothing.
 */
#include "view/tally.h"

#include <inttypes.h>

static void print(FILE *out, const char **gap, const char *name, uint64_t n, bool always)
{
	if (!n && !always)
		return;
	fprintf(out, "%s%s=%" PRIu64, *gap, name, n);
	*gap = " ";
}

void at_tally_print(FILE *out, const struct at_tally *tally)
{
	const char *gap = "";

#define AT_TALLY(name, always) print(out, &gap, #name, tally->name, always);
#include "view/tally.def"
#undef AT_TALLY
	putc('\n', out);
}
