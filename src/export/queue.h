/*
 * The queue of finished spans: a ring that all threads fill and the worker empties, and the bell
 * that wakes the worker.
 */
#ifndef AT_EXPORT_QUEUE_H
#define AT_EXPORT_QUEUE_H

#include "trace/record.h"

struct at_config;

/* Never wakes: the value of at_queue_arm for a worker that is awake. */
#define AT_QUEUE_SILENT UINT32_MAX

/* What became of a record. */
enum at_queue_put { AT_QUEUE_OK, AT_QUEUE_FULL, AT_QUEUE_TOO_LARGE };

/* Copies a record into the queue and rings when as many wait as the worker asked for. The first
 * call makes the ring, as the configuration says: how long, and whether it lies in a spool file.
 * Any thread, any context. */
enum at_queue_put at_queue_put(const struct at_record_head *head, const char *name,
			       const char *state, const char *attrs,
			       const struct at_record_link *links, const struct at_config *c);

/* ---- the worker's side ---- */

/* The oldest record or NULL; valid until at_queue_pop. *ret_end, when not NULL, is the position
 * behind it. */
const void *at_queue_peek(size_t *ret_n, uint64_t *ret_end);
void at_queue_pop(void);

/* Whether records lie in a spool file. Then those that were popped stay there until everything
 * before `position` is settled with every exporter that must have it. */
bool at_queue_spooled(void);
void at_queue_settle(uint64_t position);

/* Notes in the spool file that a batch that ends at `position` is about to be sent. */
void at_queue_depart(uint64_t position);

/* The process ends: a spool file with nothing in it goes away. */
void at_queue_end(void);

/* Records that wait to be popped or are being written. Of a corrupt ring nothing comes any more: 0,
 * and its end is the beginning, so that nobody waits for it. */
uint32_t at_queue_count(void);

/* Clears up what threads left that were taken out of their work. `stuck`: the oldest record has
 * been unfinished for long, and is passed over when it is one of those. */
void at_queue_unstick(bool stuck);

/* Positions in the stream of records: behind the youngest, and behind the last popped one. */
uint64_t at_queue_head(void);
uint64_t at_queue_tail(void);

/* Asks to be woken once `count` records wait. Check at_queue_count after it, then at_queue_sleep.
 */
void at_queue_arm(uint32_t count);

/* The bell's present value, to be read before looking for work. */
uint32_t at_queue_bell(void);

/* Sleeps unless the bell has rung since `seen`; timeout in nanoseconds, UINT64_MAX: none. */
void at_queue_sleep(uint32_t seen, uint64_t timeout_ns);

/* Wakes the worker. Any thread, any context. */
void at_queue_ring(void);

/* Puts its filling on the notice board. */
void at_queue_show(void);

/* In a forked child: empty, armed for the first record. */
void at_queue_after_fork(void);

/* Waits on or wakes a 32-bit word (futex); errno is kept. timeout_ns as above. */
void at_queue_wait_word(uint32_t *word, uint32_t seen, uint64_t timeout_ns);
void at_queue_wake_word(uint32_t *word);

#endif
