/*
 * What happens to a finished span before it is exported: the processors, in the order of
 * processors.def. The exporter's thread only.
 */
#ifndef AT_PROCESSOR_CHAIN_H
#define AT_PROCESSOR_CHAIN_H

#include "processor/scratch.h"
#include "trace/record.h"

struct at_config;

/* What a processor is. */
struct at_processor_ops {
	const char *name;
	/* What it makes of a span depends on the span's kind, name and those attributes alone that
	 * tell one kind of request from others (trace/record.h), so that it may be remembered. */
	bool repeats;
	/* Makes its state; NULL when it has nothing to do or no memory. */
	void *(*open)(const struct at_config *config);
	void (*close)(void *self);
	/* Looks at a span and changes it; new text lives in the scratch. False: the span is
	 * dropped. */
	bool (*run)(void *self, struct at_span *s, struct at_scratch *scratch);
};

#define AT_PROCESSOR(name) extern const struct at_processor_ops at_##name##_ops;
#include "processor/processors.def"
#undef AT_PROCESSOR

#define AT_CHAIN_MAX 8

struct at_chain {
	const struct at_processor_ops *ops[AT_CHAIN_MAX];
	void *self[AT_CHAIN_MAX];
	unsigned count;            /* processors that have something to do */
	bool repeats;              /* all of them do */
	struct at_scratch scratch; /* text of the span under way */
};

void at_chain_open(struct at_chain *c, const struct at_config *config);
void at_chain_close(struct at_chain *c);

/* Runs them all; what they made of the span is valid until the next call. False: the span is
 * dropped. */
bool at_chain_run(struct at_chain *c, struct at_span *s);

#endif
