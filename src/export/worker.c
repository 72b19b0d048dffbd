/*
 * Fed by the queue, feeds the lanes. Runs on the thread it owns, from the first finished span to
 * the end of the process. Not my job: the rules of a batch (lane.c) and how it is sent (the
 * exporters).
 *
 *   look for work -> drain -> step every lane -> say how far we are -> nothing moved? sleep
 *
 * Spans leave the queue only while some lane is idle: while all are sending, the queue fills up to
 * its limit and then refuses.
 */
#include "export/worker.h"

#include "base/board.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/fault.h"
#include "base/fdmap.h"
#include "base/log.h"
#include "base/thread.h"
#include "config/config.h"
#include "export/gate.h"
#include "export/http.h"
#include "export/lane.h"
#include "export/otlp_encode.h"
#include "export/queue.h"
#include "export/recover.h"
#include "export/sink.h"
#include "export/spool.h"
#include "processor/chain.h"
#include "trace/resource.h"

/* Handshakes of TLS and name service modules want more than the 256 KiB that would do otherwise. */
#define STACK     (512u << 10)
#define LANES     4
#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u
/* Nobody can ring while we wait for the network: with an idle lane beside the busy one, look often.
 */
#define NETWORK_GLANCE (20 * NS_PER_MS)
/* A record that is not finished for so long is looked into: no thread that is there and able to run
 * stays behind for so long. */
#define STUCK (100 * NS_PER_MS)
/* The wall clock is followed this often. */
#define ANCHOR_EVERY (10ull * NS_PER_S)
/* What ended processes left is looked for this often. */
#define RECOVER_EVERY (30ull * NS_PER_S)
/* A program that does not wait at its end would cut a delivery short: it has to live a bit first.
 */
#define RECOVER_LATER NS_PER_S
/* Before the end of a waiting program no more batches of others are begun. */
#define RECOVER_HURRY (150ull * NS_PER_MS)

/* What the thread has; nobody else touches it but for the totals of the lanes. */
struct worker {
	struct at_lane lane[LANES];
	unsigned lanes;        /* that are open */
	struct at_chain chain; /* the processors */
	bool packed;         /* attributes are unpacked only when the exporter does not know them */
	struct at_span span; /* the one being handled */
	uint64_t since;      /* when the oldest span in the queue was noticed; 0: none */
	uint64_t stuck;      /* since when the oldest one is unfinished; 0: it is not */
	uint64_t anchored;   /* when the clocks were last compared, monotonic ns */
	struct at_recover *recover; /* delivers what others left, or NULL */
	uint64_t recover_due;       /* when it is to begin again, monotonic ns */
};

/* What others may look at and ask for; all atomic. */
struct shared {
	uint32_t started;  /* 1: the thread was started */
	uint32_t lanes;    /* open lanes, published once they are */
	uint64_t retry_at; /* not before: after a refused start, monotonic ns */
	uint64_t flush;    /* queue position that is asked to be settled */
	uint64_t settled;  /* queue position that is settled */
	uint32_t progress; /* futex word: changes with settled */
	bool exiting;      /* the program ends */
	uint64_t end;      /* and when, monotonic ns */
	bool recovering;   /* the worker delivers what others left */
	bool parked;       /* a lane has given up until another process takes over */
};

static struct worker worker;
static struct shared shared;
static const struct at_config *config;
static __thread bool is_self __attribute__((tls_model("initial-exec")));

#define LOAD(field)     __atomic_load_n(&shared.field, __ATOMIC_ACQUIRE)
#define STORE(field, v) __atomic_store_n(&shared.field, (v), __ATOMIC_RELEASE)

static void open_lanes(struct worker *w, const struct at_exporter_env *env)
{
	for (unsigned i = 0; i < at_exporters; i++)
		if ((env->config->exporters & at_exporter[i].bit) && w->lanes < LANES &&
		    at_lane_open(&w->lane[w->lanes], at_exporter[i].ops, env))
			w->lanes++;
	STORE(lanes, w->lanes);
}

/* Whether attributes may stay packed: OTLP protobuf, when it is alone and no processor must look at
 * each span, knows most of them already. */
static bool packed_will_do(const struct worker *w)
{
	return config->exporters == AT_EXPORTER_OTLP && config->otlp_protocol != AT_OTLP_JSON &&
	       w->chain.repeats;
}

/* Wakes those who wait for the worker to get further. */
static void news(void)
{
	__atomic_add_fetch(&shared.progress, 1, __ATOMIC_RELEASE);
	at_queue_wake_word(&shared.progress);
}

static void set_up(struct worker *w)
{
	struct at_resource_user user = {
		.service_name = config->service_name,
		.attributes = config->resource_attributes,
		.injected = config->injected_attributes,
		.command = config->command,
		.instance = at_queue_spooled() ? at_spool_instance() : NULL,
	};
	bool bad = false;
	struct at_resource *resource = at_resource_build(&user, &bad);
	if (bad)
		at_log(AT_LOG_WARN, "OTEL_RESOURCE_ATTRIBUTES cannot be decoded, ignored");
	struct at_exporter_env env = {config, resource, &shared.exiting, at_queue_spooled()};
	if (resource && env.keep) {
		at_spool_describe(resource);
		news();
	}
	at_chain_open(&w->chain, config);
	w->recover = at_recover_open(config, false);
	w->recover_due = at_clock_now() + (config->exit_timeout_ms ? 0 : RECOVER_LATER);
	if (resource)
		open_lanes(w, &env);
	else
		at_log(AT_LOG_ERROR, "no memory for the exporters: spans are dropped");
	w->packed = packed_will_do(w);
}

/* Hands the oldest record, which ends at position `end`, to all lanes. */
static void hand_out(struct worker *w, const void *record, size_t n, uint64_t end)
{
	struct at_span *s = &w->span;
	bool packed = w->packed;
	bool good = at_span_read(s, record, n);
	if (!good)
		at_fault(AT_FAULT_record);
	bool known = good && packed && at_otlp_recall(s);
	if (!good || (!packed && !at_span_expand(s)) ||
	    (packed && !known && !at_span_unpack(s, &s->shape))) {
		at_count(drop_export_failed, 1);
		return;
	}
	if (!known && !at_chain_run(&w->chain, s)) {
		at_count(drop_processor, 1);
		return;
	}
	for (unsigned i = 0; i < w->lanes; i++)
		at_lane_add(&w->lane[i], s, end, w->since);
	if (!w->lanes)
		at_count(drop_export_failed, 1);
}

/* How many spans the idle lanes want: *ret_least make a drain worthwhile, the result is the most
 * that is taken at once; 0 when all lanes are busy. *ret_delay: the shortest wait of an idle lane.
 */
static uint32_t wanted(const struct worker *w, uint32_t *ret_least, uint64_t *ret_delay)
{
	uint32_t most = w->lanes ? 0 : 1;
	*ret_least = w->lanes ? UINT32_MAX : 1;
	*ret_delay = UINT64_MAX;
	for (unsigned i = 0; i < w->lanes; i++) {
		const struct at_lane *l = &w->lane[i];
		uint32_t room = at_lane_room(l);
		if (!room)
			continue;
		uint32_t least = l->ops->prompt ? 1 : room;
		most = room > most ? room : most;
		*ret_least = least < *ret_least ? least : *ret_least;
		*ret_delay = l->delay < *ret_delay ? l->delay : *ret_delay;
	}
	return most;
}

/* The oldest record is being written, which takes a microsecond, or its producer is gone. */
static void wait_for_oldest(struct worker *w, uint64_t now)
{
	if (!w->stuck)
		w->stuck = now;
	if (now - w->stuck < STUCK)
		return;
	w->stuck = 0;
	at_queue_unstick(true);
}

static bool drain(struct worker *w, uint64_t now, bool flush)
{
	uint32_t least;
	uint64_t delay;
	uint32_t most = wanted(w, &least, &delay);
	uint32_t waiting = at_queue_count();
	size_t n;
	uint64_t end;
	const void *record;
	uint32_t taken = 0;
	if (!waiting) {
		w->since = 0;
		return false;
	}
	if (!w->since)
		w->since = now;
	if (!most || (waiting < least && !flush && now < w->since + delay))
		return false;
	while (taken < most && (record = at_queue_peek(&n, &end))) {
		hand_out(w, record, n, end);
		at_queue_pop();
		taken++;
	}
	if (taken) {
		w->since = now;
		w->stuck = 0;
		at_queue_unstick(false);
	} else {
		wait_for_oldest(w, now);
	}
	return taken != 0;
}

/* Steps all lanes; publishes how far everything is settled. True when a lane got further. */
static bool step_lanes(struct worker *w, uint64_t now, bool flush)
{
	uint64_t tail = at_queue_tail();
	uint64_t settled = tail;
	uint64_t kept = tail;
	bool further = false;
	bool parked = false;
	for (unsigned i = 0; i < w->lanes; i++) {
		struct at_lane *l = &w->lane[i];
		uint64_t before = l->settled;
		at_lane_step(l, now, flush, tail);
		further = further || l->settled != before;
		settled = l->settled < settled ? l->settled : settled;
		kept = l->keep && l->settled < kept ? l->settled : kept;
		parked = parked || l->parked;
	}
	at_queue_settle(kept);
	if (parked && !LOAD(parked)) {
		STORE(parked, true);
		news();
	}
	if (settled != LOAD(settled)) {
		STORE(settled, settled);
		if (flush)
			news();
	}
	return further;
}

/* Goes on with what others left. True when it got further. */
static bool recover(struct worker *w, uint64_t now)
{
	struct at_recover *r = w->recover;
	bool hurry = LOAD(exiting) && now + RECOVER_HURRY > LOAD(end);
	if (r && at_recover_idle(r) && now >= w->recover_due && !hurry) {
		w->recover_due = now + RECOVER_EVERY;
		at_recover_begin(r);
	}
	bool further = r && at_recover_step(r, now, hurry);
	bool busy = r && !at_recover_idle(r);
	if (busy != LOAD(recovering)) {
		STORE(recovering, busy);
		news();
	}
	return further;
}

/* When the next step for what others left makes sense; as at_lane_next. */
static uint64_t recovery_next(const struct worker *w)
{
	if (!w->recover)
		return UINT64_MAX;
	return at_recover_idle(w->recover) ? w->recover_due : at_recover_next(w->recover);
}

/* Who keeps spans back, and when it wants to be called, 0: not at all (atomic). */
static uint64_t (*look_after)(uint64_t now);
static uint64_t look_at;

void at_worker_watch(uint64_t (*look)(uint64_t now))
{
	look_after = look;
}

bool at_worker_attend(uint64_t when)
{
	uint64_t none = 0;
	return __atomic_load_n(&look_at, __ATOMIC_RELAXED) == 0 &&
	       __atomic_compare_exchange_n(&look_at, &none, when, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

/* What comes in meanwhile asks again: the time is taken back before the look. */
static void look(uint64_t now)
{
	uint64_t when = __atomic_load_n(&look_at, __ATOMIC_ACQUIRE);
	if (!when || when > now)
		return;
	__atomic_store_n(&look_at, 0, __ATOMIC_RELEASE);
	uint64_t next = look_after(now);
	if (next != UINT64_MAX)
		at_worker_attend(next);
}

/* Sleeps until somebody rings, the network moves or a lane is due. */
static void rest(struct worker *w, uint32_t seen, uint64_t now)
{
	uint32_t least;
	uint64_t delay;
	uint32_t most = wanted(w, &least, &delay);
	uint64_t until = most && w->since ? w->since + delay : UINT64_MAX;
	bool network = false;
	uint64_t held = __atomic_load_n(&look_at, __ATOMIC_ACQUIRE);
	if (held && held < until)
		until = held;
	for (unsigned i = 0; i <= w->lanes; i++) {
		uint64_t next = i < w->lanes ? at_lane_next(&w->lane[i]) : recovery_next(w);
		network = network || next == 0;
		until = next && next < until ? next : until;
	}
	if (network && most && until > now + NETWORK_GLANCE)
		until = now + NETWORK_GLANCE;
	uint64_t timeout = until == UINT64_MAX ? UINT64_MAX : until > now ? until - now : 0;
	if (network) {
		at_http_wait(timeout);
		return;
	}
	at_queue_arm(!most ? AT_QUEUE_SILENT : w->since ? least : 1);
	uint32_t waiting = at_queue_count();
	/* Nothing moved, so the oldest one is still being written. */
	if (most && waiting && (!timeout || !w->since || waiting >= least))
		timeout = NS_PER_MS;
	if (timeout) {
		at_gate_leave();
		at_queue_sleep(seen, timeout);
		at_gate_enter();
	}
	at_queue_arm(AT_QUEUE_SILENT);
}

static void *run(void *unused)
{
	struct worker *w = &worker;
	(void)unused;
	is_self = true;
	if (!at_sink_is_the_programs(config))
		at_fdmap_part();
	at_gate_enter();
	set_up(w);
	for (;;) {
		uint32_t seen = at_queue_bell();
		bool flush = LOAD(flush) > LOAD(settled);
		uint64_t now = at_clock_now();
		if (now - w->anchored > ANCHOR_EVERY) {
			w->anchored = now;
			at_clock_anchor();
		}
		at_gate_yield();
		look(now);
		bool moved = drain(w, now, flush);
		bool further = step_lanes(w, now, flush);
		if (!recover(w, now) && !further && !moved)
			rest(w, seen, now);
	}
	return NULL;
}

void at_worker_start(const struct at_config *c)
{
	uint32_t expected = 0;
	if (at_clock_now() < LOAD(retry_at) ||
	    !__atomic_compare_exchange_n(&shared.started, &expected, 1, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		return;
	config = c;
	STORE(recovering, c->spool_dir.n && c->exit_timeout_ms);
	at_gate_expect();
	if (at_thread_start(run, NULL, STACK))
		return;
	at_gate_unexpect();
	if (!LOAD(retry_at))
		at_log(AT_LOG_WARN, "the system refuses a thread: spans wait in the queue");
	STORE(retry_at, at_clock_now() + NS_PER_S);
	STORE(started, 0);
}

bool at_worker_running(void)
{
	return LOAD(started);
}

void at_worker_flush(uint64_t position)
{
	uint64_t old = LOAD(flush);
	while (old < position && !__atomic_compare_exchange_n(&shared.flush, &old, position, false,
							      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		continue;
	at_queue_ring();
}

void at_worker_exiting(uint64_t by)
{
	STORE(end, by);
	STORE(exiting, true);
}

bool at_worker_recovering(void)
{
	return LOAD(recovering);
}

bool at_worker_parked(void)
{
	return LOAD(parked);
}

uint64_t at_worker_settled(void)
{
	return LOAD(settled);
}

uint32_t *at_worker_progress(void)
{
	return &shared.progress;
}

unsigned at_worker_lanes(const struct at_lane **ret)
{
	*ret = worker.lane;
	return LOAD(lanes);
}

bool at_worker_is_self(void)
{
	return is_self;
}

void at_worker_show(void)
{
	AT_BOARD_SHOW("exporter.started", AT_BOARD_NUMBER, shared.started);
	AT_BOARD_SHOW("exporter.retry_at", AT_BOARD_NUMBER, shared.retry_at);
	AT_BOARD_SHOW("exporter.settled", AT_BOARD_NUMBER, shared.settled);
}

void at_worker_after_fork(void)
{
	at_recover_after_fork(worker.recover);
	memset(&worker, 0, sizeof(worker));
	memset(&shared, 0, sizeof(shared));
	look_at = 0;
}
