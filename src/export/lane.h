/*
 * A lane leads from the worker to one exporter: the batch that is being filled, batches that wait,
 * the one that is being sent. Each exporter has its own, so that a slow one does not hold up the
 * others. The worker's thread only; the totals may be read by any.
 */
#ifndef AT_EXPORT_LANE_H
#define AT_EXPORT_LANE_H

#include "export/exporter.h"

/* Spans of a lane by their fate, since the start of the process (atomic). */
struct at_lane_totals {
	uint64_t delivered;
	uint64_t rejected;
	uint64_t failed;
	uint64_t dropped; /* the lane was full or the span could not be encoded */
};

struct at_lane {
	const struct at_exporter_ops *ops;
	void *self;             /* the exporter's state */
	struct at_batch *open;  /* being filled, or NULL */
	struct at_batch *first; /* closed ones, oldest first */
	struct at_batch *last;
	struct at_batch *flying; /* being sent, or NULL */
	struct at_batch *spare;  /* empty ones with their memory */
	uint32_t waiting;        /* spans in open and in closed batches */
	uint32_t batch_max;      /* spans of a batch */
	uint32_t waiting_max;    /* spans that wait at most */
	uint64_t delay;          /* ns a span waits for its batch to fill */
	uint64_t due;            /* when the open batch goes out, monotonic ns */
	uint64_t settled;        /* queue position up to which every span has met its fate */
	const bool *exiting;     /* the program ends (atomic) */
	bool keep;               /* a batch that cannot be delivered now is tried again, for ever */
	bool parked;             /* … but not while the program ends: it stays in the spool */
	struct at_lane_totals totals;
};

/* A lane to an exporter; false when it cannot be opened. */
bool at_lane_open(struct at_lane *l, const struct at_exporter_ops *ops,
		  const struct at_exporter_env *env);

/* Puts a span that ends at `position` of the queue and has waited since `since` into the open
 * batch; dropped and counted when the lane is full. */
void at_lane_add(struct at_lane *l, const struct at_span *s, uint64_t position, uint64_t since);

/* Spans that the open batch still takes when nothing waits before it; 0 when the lane is busy. */
uint32_t at_lane_room(const struct at_lane *l);

/* Goes on sending: begins the next batch when none is flying and one is full or due, or (flush)
 * when there is any. `drained` is the queue's tail. A parked lane does nothing any more. */
void at_lane_step(struct at_lane *l, uint64_t now, bool flush, uint64_t drained);

/* When the lane wants its next step, monotonic ns; UINT64_MAX: never, 0: when the network says. */
uint64_t at_lane_next(const struct at_lane *l);

#endif
