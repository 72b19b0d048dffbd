/*
 * Process-wide counters (counter.def). Relaxed atomics: any thread, any context. A forked child
 * starts at zero.
 */
#ifndef AT_BASE_COUNTER_H
#define AT_BASE_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

enum at_counter {
#define AT_COUNTER(name, is_loss, text) AT_COUNT_##name,
#include "base/counter.def"
#undef AT_COUNTER
	AT_COUNTERS
};

extern uint64_t at_counter_cells[AT_COUNTERS];

/* at_count(drop_queue_full, 1) */
#define at_count(name, by) at_counter_add(AT_COUNT_##name, (by))

static inline void at_counter_add(enum at_counter which, uint64_t by)
{
	__atomic_fetch_add(&at_counter_cells[which], by, __ATOMIC_RELAXED);
}

static inline uint64_t at_counter_get(enum at_counter which)
{
	return __atomic_load_n(&at_counter_cells[which], __ATOMIC_RELAXED);
}

/* The words for a counter, e.g. "queue full"; static storage. */
const char *at_counter_text(enum at_counter which);

/* Whether the counter counts finished spans that were lost. */
bool at_counter_is_loss(enum at_counter which);

/* Sum of all counters that count lost spans. */
uint64_t at_counter_lost(void);

/* Puts all counters on the notice board (base/board.h). */
void at_counter_show(void);

/* In a forked child. */
void at_counter_reset(void);

#endif
