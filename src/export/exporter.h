/*
 * What an exporter is: spans are encoded one by one into a batch as they leave the queue, and whole
 * batches are sent. Everything here happens on the worker's thread.
 */
#ifndef AT_EXPORT_EXPORTER_H
#define AT_EXPORT_EXPORTER_H

#include "export/out.h"
#include "trace/record.h"

struct at_config;
struct at_resource;

/* Spans on their way to one destination. */
struct at_batch {
	struct at_batch *next; /* in its list */
	struct at_out out;     /* encoded spans, after close() the whole body */
	size_t start;          /* where the body begins in out */
	uint32_t spans;        /* encoded */
	uint64_t position;     /* in the queue, behind the last of them */
};

/* What became of a batch: the three add up to its spans. */
struct at_result {
	uint32_t delivered; /* accepted by the other side */
	uint32_t rejected;  /* refused by the other side within an accepted batch */
	uint32_t failed;    /* given up */
	bool again;         /* … for a reason that may pass: the batch may be sent once more */
};

enum at_step { AT_STEP_BUSY, AT_STEP_DONE };

/* What an exporter is given at its birth; valid as long as it lives. */
struct at_exporter_env {
	const struct at_config *config;
	const struct at_resource *resource;
	const bool *exiting; /* the program ends: no waiting between attempts (atomic) */
	bool keep; /* spans lie in a spool file: what cannot be delivered now is not given up */
};

struct at_exporter_ops {
	const char *name;
	bool prompt; /* spans go out at once instead of by the batch rules */

	/* Makes the exporter's own state. NULL: it cannot work (it has said why). */
	void *(*open)(const struct at_exporter_env *env);

	/* Begins a batch in b->out, which is empty. */
	void (*begin)(void *self, struct at_batch *b);

	/* Encodes one span behind the others; on failure (b->out.failed) the worker takes back what
	 * was written. */
	void (*add)(void *self, struct at_batch *b, const struct at_span *s);

	/* Completes the body: b->out from b->start on. */
	void (*close)(void *self, struct at_batch *b);

	/* Sends a closed batch: called first when it is its turn, then again and again until it
	 * says done and fills *ret. now is monotonic, ns. */
	enum at_step (*step)(void *self, struct at_batch *b, uint64_t now, struct at_result *ret);

	/* When the next step makes sense, monotonic ns; 0: when the network says so. */
	uint64_t (*next)(void *self);

	/* The batches begun from now on are of this resource, which stays until the next call.
	 * False: no memory. NULL: this exporter delivers for its own process only. */
	bool (*adopt)(void *self, const struct at_resource *r);
};

/* Every exporter there is, as exporters.def lists them. */
extern const struct at_exporter_row {
	unsigned bit; /* enum at_exporter, of config->exporters */
	const struct at_exporter_ops *ops;
} at_exporter[];
extern const unsigned at_exporters;

#endif
