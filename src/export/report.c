/*
 * Fed by the counters and the totals of the lanes, on the program's last thread; writes through
 * base/log.h. Owns what was said before.
 *
 *   lost 3 of 120 spans: 2 queue full, 1 not delivered before exit; otlp: http://… cannot be
 * reached
 */
#include "export/report.h"

#include "base/counter.h"
#include "base/log.h"
#include "export/health.h"
#include "export/lane.h"
#include "export/queue.h"
#include "export/worker.h"

#define CAUSES 300
#define LANES  8

static uint64_t at_exit[LANES]; /* spans of a lane that count as not delivered before exit */
static uint64_t reported;       /* lost spans when the line was last written */
static bool spoken;             /* a line was written */

static uint64_t get(const uint64_t *total)
{
	return __atomic_load_n(total, __ATOMIC_RELAXED);
}

/* Spans that were handed to the lanes or still wait for it. */
static uint64_t meant_for_lanes(const struct at_lane *lane, unsigned lanes)
{
	uint64_t turned_away =
		at_counter_get(AT_COUNT_drop_queue_full) + at_counter_get(AT_COUNT_drop_too_large) +
		at_counter_get(AT_COUNT_drop_export_failed) +
		at_counter_get(AT_COUNT_drop_interrupted) + at_counter_get(AT_COUNT_drop_fault) +
		at_counter_get(AT_COUNT_drop_processor);
	for (unsigned i = 0; i < lanes; i++)
		turned_away -= get(&lane[i].totals.dropped) + get(&lane[i].totals.failed);
	return at_counter_get(AT_COUNT_spans_finished) - turned_away;
}

/* Sets what lane i has not delivered; a later call may find that some of it was, after all. */
static void set_rest(unsigned i, uint64_t rest, bool kept)
{
	at_counter_add(kept ? AT_COUNT_spans_left : AT_COUNT_drop_at_exit, rest - at_exit[i]);
	at_exit[i] = rest;
}

static void count_the_rest(const struct at_lane *lane, unsigned lanes)
{
	uint64_t meant = meant_for_lanes(lane, lanes);
	if (!lanes)
		set_rest(0, meant, at_queue_spooled());
	for (unsigned i = 0; i < lanes && i < LANES; i++) {
		const struct at_lane_totals *t = &lane[i].totals;
		set_rest(i,
			 meant - get(&t->delivered) - get(&t->rejected) - get(&t->failed) -
				 get(&t->dropped),
			 lane[i].keep);
	}
}

/* "2 queue full, 1 export failed" into dst. */
static void list_causes(char *dst, size_t room)
{
	size_t n = 0;
	for (int i = 0; i < AT_COUNTERS; i++) {
		uint64_t lost = at_counter_get((enum at_counter)i);
		struct at_str text = at_str_c(at_counter_text((enum at_counter)i));
		if (!at_counter_is_loss((enum at_counter)i) || !lost || room - n < text.n + 26)
			continue;
		if (n) {
			dst[n++] = ',';
			dst[n++] = ' ';
		}
		n += at_dec_encode(dst + n, lost);
		dst[n++] = ' ';
		if (text.n)
			memcpy(dst + n, text.p, text.n);
		n += text.n;
	}
	dst[n] = 0;
}

void at_report_end(void)
{
	const struct at_lane *lane;
	unsigned lanes = at_worker_lanes(&lane);
	char causes[CAUSES];
	count_the_rest(lane, lanes);
	unsigned long finished = at_counter_get(AT_COUNT_spans_finished);
	unsigned long lost = at_counter_lost();
	const char *each = lanes > 1 ? " (counted for each exporter)" : "";
	const char *trouble = at_health_trouble();
	if (lost > reported) {
		list_causes(causes, sizeof(causes));
		at_log(AT_LOG_WARN, "lost %lu of %lu spans%s: %s%s%s", lost, finished, each, causes,
		       trouble ? "; " : "", trouble ? trouble : "");
	} else if (!spoken) {
		at_log(AT_LOG_INFO, "%lu spans finished, %lu delivered%s%s", finished,
		       (unsigned long)at_counter_get(AT_COUNT_spans_exported), each,
		       at_counter_get(AT_COUNT_spans_left) ? ", the rest is in the spool" : "");
	}
	reported = lost;
	spoken = true;
}

void at_report_after_fork(void)
{
	memset(at_exit, 0, sizeof(at_exit));
	reported = 0;
	spoken = false;
}
