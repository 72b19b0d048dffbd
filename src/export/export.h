/*
 * The door between the traced program's threads and the one background thread: finished spans come
 * in here, and what happens at fork and at exit is decided here. Feeds the queue and wakes the
 * worker; whoever lives above knows no other header of this room.
 */
#ifndef AT_EXPORT_EXPORT_H
#define AT_EXPORT_EXPORT_H

#include "trace/record.h"

struct at_config;

/* Remembers the configuration, which must live as long as the process. Called once, by the
 * constructor: maps nothing and starts nothing. False when no exporter is configured or the SDK is
 * disabled, and then every call below is welcome and does nothing. */
bool at_export_boot(const struct at_config *config);

/* Whether finished spans go anywhere. Any thread, any context. */
bool at_export_enabled(void);

/* Hands over a finished span: counts it (spans_finished), copies it into the queue and, with the
 * first one of the process, makes the queue and starts the background thread; inside a hook's own
 * work and in a signal handler that is left to at_export_catch_up. All is copied; the pieces are
 * those of at_record_write. False when it was dropped: the queue is full
 * (drop_queue_full) or the span larger than a quarter of it (drop_too_large); both are counted.
 * Any thread, signal handlers as well; never blocks. */
bool at_export_offer(const struct at_record_head *head, const char *name, const char *state,
		     const char *attrs, const struct at_record_link *links);

/* Spans that are finished and kept back by their owner for a while: `look` is called on the
 * background thread at the monotonic time, ns, that at_export_attend named (a little later when it
 * is busy), hands over those whose time is up and returns the next time, UINT64_MAX: none. Set once
 * at the start; attend: any thread, any context. */
void at_export_watch(uint64_t (*look)(uint64_t now));
void at_export_attend(uint64_t when);

/* Waits until every span that was handed over before the call is delivered or given up, at most
 * timeout_ms milliseconds. 0 when all are settled, -1 when time was up. Any thread; async-signal-
 * safe; errno is kept. */
int at_export_flush(unsigned timeout_ms);

/* The program ends: no back-off from now on, waits like at_export_flush, counts what is left
 * (drop_at_exit) and says on stderr, in one line, what was lost (AT_LOG_WARN) or that all is well
 * (AT_LOG_INFO). With a spool, what is not delivered stays there, and with a timeout_ms of 0
 * nothing is sent now. A second call waits only for what is new and speaks only when more was lost.
 */
void at_export_exit(unsigned timeout_ms);

/* The program is about to be replaced by exec, which may still fail: waits like at_export_exit and
 * ends nothing. */
void at_export_exec(unsigned timeout_ms);

/* For pthread_atfork. prepare waits until the background thread does nothing but wait, for the
 * network or for spans (some milliseconds, two seconds at most); the child has an empty queue,
 * counters at zero, none of the parent's descriptors, and starts a thread of its own with its first
 * span. */
void at_export_fork_prepare(void);
void at_export_fork_parent(void);
void at_export_fork_child(void);

/* In a child that no fork handler has seen, before at_export_fork_child: when the worker or other
 * threads of the program (`threads`) may have been in the middle of something, it exports nothing.
 */
void at_export_fork_unseen(bool threads);

/* 1: the background thread is to be started, but could not be where that was found (atomic). */
extern uint32_t at_export_due;

/* Starts it, unless this is a signal handler again. Any context, outside of hooks' own work. */
void at_export_start(void);

static inline void at_export_catch_up(void)
{
	if (__builtin_expect(__atomic_load_n(&at_export_due, __ATOMIC_RELAXED), 0))
		at_export_start();
}

/* Whether the calling thread is the background thread. */
bool at_export_is_own_thread(void);

#endif
