/*
 * The one background thread: takes spans out of the queue, runs them through the processors and
 * drives the exporters.
 */
#ifndef AT_EXPORT_WORKER_H
#define AT_EXPORT_WORKER_H

#include <stdbool.h>
#include <stdint.h>

struct at_config;

/* Starts the thread unless it runs. After a refusal of the system it is tried again a second later
 * at the earliest. Any thread. */
void at_worker_start(const struct at_config *config);

/* Whether a thread was started in this process. */
bool at_worker_running(void);

/* See at_export_watch. attend: true when nothing was due before and the thread must hear of it. */
void at_worker_watch(uint64_t (*look)(uint64_t now));
bool at_worker_attend(uint64_t when);

/* Asks for everything that is in the queue to be sent now. Any thread, any context. */
void at_worker_flush(uint64_t position);

/* The program ends at the monotonic time `by`, ns: exporters no longer wait between attempts. */
void at_worker_exiting(uint64_t by);

/* Whether what other processes left is being delivered, or soon will be. */
bool at_worker_recovering(void);

/* Whether, the program ending, what is not settled was left to the spool. */
bool at_worker_parked(void);

/* Position of the queue up to which every exporter is done with every span. */
uint64_t at_worker_settled(void);

/* A futex word that changes whenever one of at_worker_settled, at_worker_parked,
 * at_worker_recovering and at_spool_described does. */
uint32_t *at_worker_progress(void);

/* The lanes, for their totals; 0 before the thread has opened them. */
struct at_lane;
unsigned at_worker_lanes(const struct at_lane **ret);

/* Whether the calling thread is the worker. */
bool at_worker_is_self(void);

/* Puts its state on the notice board. */
void at_worker_show(void);

/* In a forked child: forgets the parent's thread and all it had. */
void at_worker_after_fork(void);

#endif
