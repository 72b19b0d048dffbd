/*
 * Fed by the worker, feeds one exporter. Owns the batches and counts the fate of their spans. The
 * rules are those of OpenTelemetry's batch span processor: one export at a time; a batch goes when
 * it is full, when its oldest span has waited long enough, or on flush; what fails is dropped.
 * Where the spans lie in a spool file, what fails for now is sent again instead.
 *
 *   add -> open --full, due or flush--> closed … closed --none is flying--> flying -> spare
 */
#include "export/lane.h"

#include <stdlib.h>

#include "base/counter.h"
#include "config/config.h"
#include "export/queue.h"

/* A batch is closed early when it has grown to this; OTLP forbids bodies above 64 MiB, gzip makes
 * none larger by a tenth. */
#define BATCH_BYTES (8u << 20)
/* One span may still go on top. */
#define BATCH_CAP (32u << 20)
/* Memory an empty batch keeps. */
#define SPARE_BYTES (1u << 20)
#define NS_PER_MS   1000000u

bool at_lane_open(struct at_lane *l, const struct at_exporter_ops *ops,
		  const struct at_exporter_env *env)
{
	*l = (struct at_lane){
		.ops = ops,
		.batch_max = env->config->bsp_max_export_batch_size,
		.waiting_max = env->config->bsp_max_queue_size,
		.exiting = env->exiting,
		.keep = env->keep && !ops->prompt,
		.delay = ops->prompt ? 0 : (uint64_t)env->config->bsp_schedule_delay_ms * NS_PER_MS,
	};
	l->self = ops->open(env);
	return l->self != NULL;
}

static void count(uint64_t *total, uint32_t by)
{
	if (by)
		__atomic_fetch_add(total, by, __ATOMIC_RELAXED);
}

static void drop(struct at_lane *l)
{
	count(&l->totals.dropped, 1);
	at_count(drop_queue_full, 1);
}

static struct at_batch *fresh(struct at_lane *l)
{
	struct at_batch *b = l->spare;
	if (b)
		l->spare = b->next;
	else
		b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->next = NULL;
	b->start = 0;
	b->spans = 0;
	b->out.cap = BATCH_CAP;
	at_out_reset(&b->out, SPARE_BYTES);
	l->ops->begin(l->self, b);
	if (!b->out.failed)
		return b;
	b->next = l->spare;
	l->spare = b;
	return NULL;
}

static void close_open(struct at_lane *l)
{
	struct at_batch *b = l->open;
	l->open = NULL;
	l->ops->close(l->self, b);
	if (l->last)
		l->last->next = b;
	else
		l->first = b;
	l->last = b;
}

void at_lane_add(struct at_lane *l, const struct at_span *s, uint64_t position, uint64_t since)
{
	if (l->waiting >= l->waiting_max) {
		drop(l);
		return;
	}
	if (!l->open) {
		l->open = fresh(l);
		l->due = since + l->delay;
	}
	if (!l->open) {
		drop(l);
		return;
	}
	struct at_batch *b = l->open;
	size_t mark = b->out.n;
	l->ops->add(l->self, b, s);
	if (b->out.failed) {
		b->out.failed = false;
		b->out.n = mark;
		count(&l->totals.dropped, 1);
		at_count(drop_too_large, 1);
	} else {
		b->spans++;
		l->waiting++;
	}
	b->position = position;
	if (b->spans >= l->batch_max || b->out.n >= BATCH_BYTES)
		close_open(l);
}

uint32_t at_lane_room(const struct at_lane *l)
{
	if (l->flying || l->first)
		return 0;
	return l->batch_max - (l->open ? l->open->spans : 0);
}

static void settle(struct at_lane *l, const struct at_result *r)
{
	struct at_batch *b = l->flying;
	count(&l->totals.delivered, r->delivered);
	count(&l->totals.rejected, r->rejected);
	count(&l->totals.failed, r->failed);
	at_count(spans_exported, r->delivered);
	at_count(drop_rejected, r->rejected);
	at_count(drop_export_failed, r->failed);
	l->settled = b->position;
	l->flying = NULL;
	b->next = l->spare;
	l->spare = b;
}

/* Moves the next batch to `flying` when there is one to send. */
static void take_off(struct at_lane *l, uint64_t now, bool flush)
{
	if (l->open && !l->first && (flush || now >= l->due))
		close_open(l);
	if (!l->first)
		return;
	l->flying = l->first;
	l->first = l->first->next;
	if (!l->first)
		l->last = NULL;
	l->waiting -= l->flying->spans;
	if (l->keep)
		at_queue_depart(l->flying->position);
}

void at_lane_step(struct at_lane *l, uint64_t now, bool flush, uint64_t drained)
{
	for (;;) {
		struct at_result result = {0};
		if (l->parked)
			return;
		if (!l->flying)
			take_off(l, now, flush);
		if (!l->flying)
			break;
		if (l->flying->spans &&
		    l->ops->step(l->self, l->flying, now, &result) == AT_STEP_BUSY)
			return;
		if (l->keep && result.again) {
			l->parked = __atomic_load_n(l->exiting, __ATOMIC_ACQUIRE);
			return;
		}
		settle(l, &result);
	}
	if (!l->open)
		l->settled = drained;
}

uint64_t at_lane_next(const struct at_lane *l)
{
	if (l->parked)
		return UINT64_MAX;
	if (l->flying)
		return l->ops->next(l->self);
	if (l->first)
		return 1;
	return l->open ? l->due : UINT64_MAX;
}
