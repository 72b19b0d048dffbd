/*
 * New identities. Fed by flow on the traced program's threads; owns nothing.
 */
#include "trace/context.h"

#include "base/entropy.h"

static uint64_t load(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t random_not_zero(void)
{
	uint64_t v;
	do
		v = at_entropy_u64();
	while (v == 0);
	return v;
}

bool at_context_valid(const struct at_context *c)
{
	return (load(c->trace_id) | load(c->trace_id + 8)) != 0 && load(c->span_id) != 0;
}

void at_context_new_trace(struct at_context *c)
{
	uint64_t high = at_entropy_u64(), low = random_not_zero();
	memcpy(c->trace_id, &high, sizeof(high));
	memcpy(c->trace_id + 8, &low, sizeof(low));
	c->flags = AT_FLAG_RANDOM;
	c->deferred = false;
	at_context_new_span(c);
}

void at_context_new_span(struct at_context *c)
{
	uint64_t id = random_not_zero();
	memcpy(c->span_id, &id, sizeof(id));
}
