/*
 * The processor `limit`: cuts text attributes to the configured number of characters
 * (OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT). Fed by the chain, last, so that nothing is cut before it is
 * redacted.
 */
#include <stdlib.h>

#include "config/config.h"
#include "processor/chain.h"

struct limit {
	size_t chars;
};

static void *open_limit(const struct at_config *c)
{
	struct limit *l = c->attr_value_limit == SIZE_MAX ? NULL : malloc(sizeof(*l));
	if (l)
		l->chars = c->attr_value_limit;
	return l;
}

/* The first characters: a byte 10xxxxxx goes on with the character before it. */
static struct at_str cut(struct at_str s, size_t chars)
{
	size_t i = 0;
	if (s.n <= chars)
		return s;
	for (; i < s.n; i++)
		if (((unsigned char)s.p[i] & 0xc0) != 0x80 && chars-- == 0)
			break;
	return at_str_head(s, i);
}

static bool run(void *self, struct at_span *s, struct at_scratch *scratch)
{
	const struct limit *l = self;
	(void)scratch;
	for (unsigned i = 0; i < s->attr_count; i++)
		if (s->attr[i].type == AT_ATTR_STRING || s->attr[i].type == AT_ATTR_STRING_LIST)
			s->attr[i].str = cut(s->attr[i].str, l->chars);
	return true;
}

const struct at_processor_ops at_limit_ops = {
	.name = "limit",
	.open = open_limit,
	.close = free,
	.run = run,
};
