/*
 * See otlp_known.h. Fed by otlp_encode.c, which owns the tables.
 */
#include "export/otlp_known.h"

bool at_known_is(const struct at_known *k, uint32_t tag, struct at_str a, struct at_str b)
{
	return k->made_n && k->tag == tag && k->raw_n == a.n + b.n &&
	       (!a.n || memcmp(k->raw, a.p, a.n) == 0) &&
	       (!b.n || memcmp(k->raw + a.n, b.p, b.n) == 0);
}

bool at_known_begin(struct at_known *k, uint32_t tag, struct at_str a, struct at_str b)
{
	k->made_n = 0;
	if (a.n > AT_KNOWN_RAW || b.n > AT_KNOWN_RAW - a.n)
		return false;
	k->tag = tag;
	k->raw_n = (uint16_t)(a.n + b.n);
	if (a.n)
		memcpy(k->raw, a.p, a.n);
	if (b.n)
		memcpy(k->raw + a.n, b.p, b.n);
	return true;
}

void at_known_made(struct at_known *k, struct at_str head, struct at_str rest, uint16_t dropped)
{
	if (head.n > AT_KNOWN_MADE || rest.n > AT_KNOWN_MADE - head.n)
		return;
	if (head.n)
		memcpy(k->made, head.p, head.n);
	if (rest.n)
		memcpy(k->made + head.n, rest.p, rest.n);
	k->head = (uint16_t)head.n;
	k->made_n = (uint16_t)(head.n + rest.n);
	k->dropped = dropped;
}
