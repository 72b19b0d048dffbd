/*
 * Fed by the worker span by span. Owns the processors' states and the scratch.
 */
#include "processor/chain.h"

void at_chain_open(struct at_chain *c, const struct at_config *config)
{
	static const struct at_processor_ops *const all[] = {
#define AT_PROCESSOR(name) &at_##name##_ops,
#include "processor/processors.def"
#undef AT_PROCESSOR
	};
	*c = (struct at_chain){.repeats = true};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		void *self = all[i]->open(config);
		if (!self || c->count == AT_CHAIN_MAX)
			continue;
		c->repeats = c->repeats && all[i]->repeats;
		c->ops[c->count] = all[i];
		c->self[c->count++] = self;
	}
}

void at_chain_close(struct at_chain *c)
{
	for (unsigned i = 0; i < c->count; i++)
		c->ops[i]->close(c->self[i]);
	c->count = 0;
	at_scratch_free(&c->scratch);
}

bool at_chain_run(struct at_chain *c, struct at_span *s)
{
	c->scratch.n = 0;
	for (unsigned i = 0; i < c->count; i++)
		if (!c->ops[i]->run(c->self[i], s, &c->scratch))
			return false;
	return true;
}
