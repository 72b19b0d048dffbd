/*
 * Fed by flow on the program's threads with finished spans, with fork and with the end of the
 * program; feeds the queue and the worker. Owns the configuration pointer and what was said at the
 * end.
 */
#include "export/export.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/fault.h"
#include "base/fdmap.h"
#include "base/handler.h"
#include "base/thread.h"
#include "config/config.h"
#include "export/gate.h"
#include "export/health.h"
#include "export/http.h"
#include "export/lookup.h"
#include "export/lately.h"
#include "export/queue.h"
#include "export/report.h"
#include "export/sink.h"
#include "export/spool.h"
#include "export/worker.h"

#define NS_PER_MS   1000000u
#define DESCRIBE_MS 200u

/* A thread that runs nothing but signal handlers gets its worker at last. */
#define REFUSALS 1000

static const struct at_config *config; /* NULL: no exporter */
static uint32_t refusals;              /* starts that were put off (atomic) */
uint32_t at_export_due;

bool at_export_boot(const struct at_config *c)
{
	if (!c->exporters || c->sdk_disabled)
		return false;
	at_fdmap_make_room();
	at_sink_boot(c);
	config = c;
	at_thread_on_jump = at_queue_ring; /* perhaps it had just disarmed the bell */
	at_queue_show();
	at_worker_show();
	return true;
}

bool at_export_enabled(void)
{
	return config != NULL;
}

bool at_export_offer(const struct at_record_head *head, const char *name, const char *state,
		     const char *attrs, const struct at_record_link *links)
{
	if (!config)
		return false;
	at_count(spans_finished, 1);
	if (at_fault_raised()) {
		at_count(drop_fault, 1);
		return false;
	}
	if (at_gate_spoiled()) {
		at_count(drop_export_failed, 1);
		return false;
	}
	at_thread_self.offering = true;
	enum at_queue_put put = at_queue_put(head, name, state, attrs, links, config);
	at_thread_self.offering = false;
	if (put == AT_QUEUE_FULL)
		at_count(drop_queue_full, 1);
	else if (put == AT_QUEUE_TOO_LARGE)
		at_count(drop_too_large, 1);
	if (!at_worker_running()) {
		__atomic_store_n(&at_export_due, 1, __ATOMIC_RELAXED);
		if (!at_thread_self.guard)
			at_export_start();
	}
	return put == AT_QUEUE_OK;
}

void at_export_watch(uint64_t (*look)(uint64_t now))
{
	at_worker_watch(look);
}

void at_export_attend(uint64_t when)
{
	if (!config || !at_worker_attend(when))
		return;
	if (at_worker_running())
		at_queue_ring();
	else
		__atomic_store_n(&at_export_due, 1, __ATOMIC_RELAXED);
}

void at_export_start(void)
{
	if (at_handler_runs() && __atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED) < REFUSALS)
		return;
	uint64_t before = at_thread_block(); /* no handler may leave this half done */
	__atomic_store_n(&at_export_due, 0, __ATOMIC_RELAXED);
	at_thread_self.guard += AT_THREAD_OURS;
	at_worker_start(config);
	at_thread_self.guard -= AT_THREAD_OURS;
	at_thread_unblock(before);
}

/* Waits until the queue is settled up to `position`, or time is up. */
static int wait_settled(uint64_t position, unsigned timeout_ms)
{
	uint64_t deadline = at_clock_now() + (uint64_t)timeout_ms * NS_PER_MS;
	uint32_t *progress = at_worker_progress();
	at_worker_flush(position);
	for (;;) {
		uint32_t seen = __atomic_load_n(progress, __ATOMIC_ACQUIRE);
		uint64_t now = at_clock_now();
		if (at_worker_settled() >= position)
			return 0;
		if (now >= deadline || at_worker_parked())
			return -1;
		at_queue_wait_word(progress, seen, deadline - now);
	}
}

int at_export_flush(unsigned timeout_ms)
{
	if (!config || at_worker_is_self())
		return 0;
	uint64_t position = at_queue_head();
	if (at_worker_settled() >= position)
		return 0;
	return at_worker_running() ? wait_settled(position, timeout_ms) : -1;
}

/* What other processes left is on its way: cutting it short could deliver it twice. */
static void wait_recovered(uint64_t deadline)
{
	uint32_t *progress = at_worker_progress();
	while (at_worker_running() && at_worker_recovering()) {
		uint32_t seen = __atomic_load_n(progress, __ATOMIC_ACQUIRE);
		uint64_t now = at_clock_now();
		if (now >= deadline)
			return;
		if (at_worker_recovering())
			at_queue_wait_word(progress, seen, deadline - now);
	}
}

/* Spans stay behind in the spool: whose they are must stand there too. A matter of a millisecond,
 * unless the machine is very busy. */
static void wait_described(void)
{
	uint64_t deadline = at_clock_now() + DESCRIBE_MS * NS_PER_MS;
	uint32_t *progress = at_worker_progress();
	while (at_worker_running() && !at_spool_described()) {
		uint32_t seen = __atomic_load_n(progress, __ATOMIC_ACQUIRE);
		uint64_t now = at_clock_now();
		if (now >= deadline)
			return;
		if (!at_spool_described())
			at_queue_wait_word(progress, seen, deadline - now);
	}
}

/* Without time to wait, a spool keeps the spans and nothing is sent in a hurry. */
static void deliver_last(unsigned timeout_ms, bool exiting)
{
	bool spooled = at_queue_spooled();
	uint64_t deadline = at_clock_now() + (uint64_t)timeout_ms * NS_PER_MS;
	if ((timeout_ms || !spooled) && exiting) {
		at_worker_exiting(deadline);
		at_queue_ring();
	}
	if (timeout_ms || !spooled)
		at_export_flush(timeout_ms);
	if (spooled)
		wait_described();
	wait_recovered(deadline);
}

void at_export_exec(unsigned timeout_ms)
{
	if (config && !at_worker_is_self() && at_counter_get(AT_COUNT_spans_finished))
		deliver_last(timeout_ms, false);
}

void at_export_exit(unsigned timeout_ms)
{
	if (!config || at_worker_is_self() || !at_counter_get(AT_COUNT_spans_finished))
		return;
	deliver_last(timeout_ms, true);
	at_queue_end();
	at_report_end();
}

void at_export_fork_prepare(void)
{
	if (config)
		at_gate_fork_prepare();
}

void at_export_fork_parent(void)
{
	if (config)
		at_gate_fork_parent();
}

void at_export_fork_unseen(bool threads)
{
	if (config)
		at_gate_fork_unseen(threads || at_lookup_state() == AT_LOOKUP_BUSY);
}

void at_export_fork_child(void)
{
	__atomic_store_n(&at_export_due, 0, __ATOMIC_RELAXED);
	if (!config)
		return;
	at_fdmap_make_room();
	at_gate_fork_child();
	at_http_fork_child();
	at_sink_after_fork();
	at_queue_after_fork();
	at_worker_after_fork();
	at_health_after_fork();
	at_lately_after_fork();
	at_report_after_fork();
	at_counter_reset();
}

bool at_export_is_own_thread(void)
{
	return at_worker_is_self();
}
