/*
 * The rules thread, loop, inherited and only-one (header and environment are client.c's, which has
 * the bytes). Fed by server.c and client.c with what was read, by the shore with waits; owns each
 * thread's notion of its current request.
 *
 * The rule loop holds for loops that work on an event when they have read it (nginx, libuv). Others
 * read several requests first and work on them later (HAProxy, uvloop's tasks): then the request
 * read last is not the one worked on. It shows: a second request is read before the thread has
 * written a byte for the first. From there to the next wait nobody is taken for a parent by this
 * rule; and beyond it, when that wait does not wait because work is left over.
 */
#include "flow/causality.h"

#include "base/clock.h"
#include "base/pool.h"
#include "flow/bridge.h"
#include "flow/defer.h"
#include "flow/describe.h"

/* Threads made for a request that must have been its helpers before any thread's call is believed
 * to be its creator's, and how many for each one that stayed. */
#define HELPED_MIN     4
#define HELPED_FOR_ONE 8

/* Requests taken that must have been answered by their takers, in a row, before a taker's call is
 * believed to be theirs; one that was not doubles it. */
#define TAKEN_MIN      8u
#define TAKEN_LOST_MAX 20u

/* Requests read whole and put off that a thread knows of. */
#define WAITING_MAX 64

/* What a thread is working on. */
struct worker {
	struct at_ref current; /* the request, valid while it is open */
	uint8_t rule;     /* AT_RULE_THREAD, AT_RULE_TAKEN, AT_RULE_LOOP or AT_RULE_INHERITED */
	bool looped;      /* this thread multiplexes connections */
	bool serves;      /* it has read requests */
	bool touched;     /* it has done something for the current one since it took it up */
	bool defers;      /* it took up another before: several are waiting to be worked on */
	bool spilled;     /* more are waiting than find a place */
	bool queues;      /* it has worked on one that it had put off, as HAProxy does */
	uint64_t due;     /* when the last wait of a loop would have ended: from then on it may be
			     a timer's turn; 0: it did not wait */
	uint32_t waiting; /* how many are in put_off */
	struct at_ref *put_off; /* room for WAITING_MAX from the pool, NULL until one is: requests
				   read whole, and left without anything done for them */
};

static __thread struct worker worker __attribute__((tls_model("initial-exec")));

/* Whether the current request is read whole, and nothing was done for it yet. */
static bool is_waiting(void)
{
	return at_exchange_valid(worker.current) && !worker.touched &&
	       worker.current.exchange->asked;
}

static bool is_same(struct at_ref a, struct at_ref b)
{
	return a.exchange == b.exchange && a.generation == b.generation;
}

static void forget_answered(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < worker.waiting; i++)
		if (at_exchange_valid(worker.put_off[i]))
			worker.put_off[n++] = worker.put_off[i];
	worker.waiting = n;
	worker.spilled = worker.spilled && n;
}

/* Leaves the current request, which may be come back to. True when nothing was done for it. */
static bool put_off(void)
{
	if (!is_waiting())
		return false;
	if (worker.waiting && is_same(worker.put_off[worker.waiting - 1], worker.current))
		return true;
	if (!worker.put_off)
		worker.put_off = at_pool_get(WAITING_MAX * sizeof(*worker.put_off), NULL);
	if (worker.waiting == WAITING_MAX)
		forget_answered();
	if (worker.put_off && worker.waiting < WAITING_MAX)
		worker.put_off[worker.waiting++] = worker.current;
	else
		worker.spilled = true;
	return true;
}

static void take_up(struct at_ref r, enum at_rule rule)
{
	if (!is_same(r, worker.current)) {
		worker.defers = put_off() || worker.defers;
		worker.touched = false;
	}
	worker.current = r;
	worker.rule = (uint8_t)rule;
}

/* Requests taken and answered by the same thread since the last that was not, and these (atomic).
 */
static uint32_t kept, lost;

static bool are_takers(void)
{
	uint32_t n = __atomic_load_n(&lost, __ATOMIC_RELAXED);
	return __atomic_load_n(&kept, __ATOMIC_RELAXED) >=
	       TAKEN_MIN << (n < TAKEN_LOST_MAX ? n : TAKEN_LOST_MAX);
}

static bool has_taken(void)
{
	return worker.current.exchange && worker.rule == AT_RULE_TAKEN;
}

static void taken_in_vain(void)
{
	if (__atomic_load_n(&lost, __ATOMIC_RELAXED) < TAKEN_LOST_MAX)
		__atomic_add_fetch(&lost, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&kept, 0, __ATOMIC_RELAXED);
}

/* The thread turns to something else. A request that is over may have lost its client. */
static void leave_taken(void)
{
	if (!has_taken())
		return;
	if (at_exchange_valid(worker.current))
		taken_in_vain();
	worker.current = (struct at_ref){0};
}

void at_causality_serve(const struct at_exchange *x)
{
	leave_taken();
	worker.serves = true;
	at_causality_left();
	take_up(at_exchange_ref(x), worker.looped ? AT_RULE_LOOP : AT_RULE_THREAD);
}

void at_causality_spoke(void)
{
	worker.touched = worker.touched || (worker.looped && !worker.queues);
}

void at_causality_elsewhere(void)
{
	if (worker.looped && worker.current.exchange)
		take_up((struct at_ref){0}, AT_RULE_LOOP);
}

void at_causality_strange(const struct at_conn *c)
{
	if (at_conn_is_watched(c))
		at_causality_elsewhere();
}

void at_causality_hung_up(const struct at_exchange *first)
{
	if (first && worker.looped)
		take_up(at_exchange_ref(first), AT_RULE_LOOP);
	else
		at_causality_elsewhere();
}

void at_causality_reached(struct at_ref owner)
{
	if (at_exchange_valid(owner) && worker.looped)
		take_up(owner, AT_RULE_LOOP);
	else
		at_causality_elsewhere();
}

void at_causality_several(void)
{
	put_off();
	worker.defers = true;
}

void at_causality_touch(const struct at_exchange *x)
{
	if (!x)
		return;
	if (worker.current.exchange == x)
		worker.touched = true;
	else if (worker.looped && !at_bridge_is_on())
		at_causality_elsewhere();
}

/* Two alike cannot be told apart. */
struct at_ref at_causality_repeated(const struct at_message *m)
{
	struct at_ref found = {0};
	if (!worker.looped || at_bridge_is_on())
		return found;
	put_off();
	forget_answered();
	for (uint32_t i = 0; i < worker.waiting; i++) {
		struct at_ref r = worker.put_off[i];
		if (!at_describe_same(r.exchange, m) || is_same(r, found))
			continue;
		if (found.exchange || worker.spilled)
			return (struct at_ref){0};
		found = r;
	}
	worker.queues = worker.queues || found.exchange;
	return found;
}

void at_causality_orphan(struct at_exchange *call)
{
	at_exchange_own_call();
	/* What shares a connection is often written and read by another thread than its maker's. */
	if (worker.looped || call->stream || at_bridge_is_on() || !at_exchange_any_open())
		at_exchange_adopt(call, NULL, false);
	else
		at_defer_begin(call);
}

void at_causality_take(struct at_exchange *x)
{
	struct at_ref r = at_exchange_ref(x);
	bool busy = at_exchange_valid(worker.current) && !has_taken();
	if (worker.looped || at_bridge_is_on() || busy || is_same(r, worker.current))
		return;
	leave_taken();
	worker.current = r;
	worker.rule = AT_RULE_TAKEN;
	x->taken = true;
}

void at_causality_answer(struct at_exchange *x)
{
	if (has_taken() && worker.current.exchange == x) {
		__atomic_add_fetch(&kept, 1, __ATOMIC_RELAXED);
		worker.rule = AT_RULE_THREAD;
	} else if (x->taken) {
		taken_in_vain();
	}
	x->taken = false;
	if (!worker.looped)
		at_defer_decide(x);
	else if (worker.current.exchange != x)
		at_defer_stray();
}

void at_causality_answered(void)
{
	if (!worker.looped)
		at_defer_answered();
}

void at_causality_left(void)
{
	if (!worker.looped)
		at_defer_left();
}

void at_causality_resume(const struct at_exchange *call)
{
	/* A worker that only blocks has what it works on already, or nothing that can be told: a
	 * pool's thread goes on with somebody else's job. */
	if (!worker.looped || at_bridge_is_on())
		return;
	take_up(at_exchange_valid(call->parent) ? call->parent : (struct at_ref){0}, AT_RULE_LOOP);
}

void at_causality_given_up(void)
{
	worker.due = AT_CLOCK_NEVER;
}

void at_causality_wait(bool several, uint64_t due)
{
	leave_taken();
	worker.defers = (put_off() || worker.defers) && !due;
	worker.current = (struct at_ref){0};
	at_bridge_event_over();
	at_causality_left();
	if (several) {
		at_bridge_accepted_over();
		at_bridge_loops();
		worker.looped = true;
		worker.due = due;
	}
}

/* Of the threads that were made for a request: how many ended before it was answered, as helpers
 * do, and how many went on, as a pool's do (atomic). */
static uint32_t helped, stayed;

/* A pool that grows makes a thread for one request that soon does the work of others. So a thread
 * is its creator's only in a program that has shown that its threads are helpers. */
static bool are_helpers(void)
{
	uint32_t n = __atomic_load_n(&helped, __ATOMIC_RELAXED);
	return n >= HELPED_MIN && n / HELPED_FOR_ONE >= __atomic_load_n(&stayed, __ATOMIC_RELAXED);
}

static bool is_inherited(void)
{
	return worker.current.exchange && worker.rule == AT_RULE_INHERITED;
}

/* The thread is seen to be a helper, or to go on after the request. */
static void heir_seen(uint32_t *as)
{
	__atomic_add_fetch(as, 1, __ATOMIC_RELAXED);
	worker.current = (struct at_ref){0};
}

/* A loop's timers come after the events of a round, and are nobody's. */
static bool is_timers_turn(void)
{
	return worker.rule == AT_RULE_LOOP && worker.due != AT_CLOCK_NEVER &&
	       at_clock_now() >= worker.due;
}

bool at_causality_loops(void)
{
	return worker.looped;
}

struct at_ref at_causality_current(enum at_rule *ret_rule)
{
	if (at_bridge_is_on()) {
		struct at_ref task = at_bridge_task();
		*ret_rule = task.exchange ? AT_RULE_BRIDGE : AT_RULE_NONE;
		return task;
	}
	bool open = at_exchange_valid(worker.current);
	if (!open && is_inherited())
		heir_seen(&stayed);
	if (worker.defers || !open || (is_inherited() && !are_helpers()) ||
	    (has_taken() && !are_takers()) || is_timers_turn()) {
		*ret_rule = AT_RULE_NONE;
		return (struct at_ref){0};
	}
	*ret_rule = (enum at_rule)worker.rule;
	return worker.current;
}

struct at_ref at_causality_reads(void)
{
	struct at_ref none = {0};
	return is_inherited() ? none : worker.current;
}

struct at_ref at_causality_lends(void)
{
	enum at_rule rule;
	bool tells = at_bridge_is_on() ? at_bridge_is_job() : !worker.looped;
	return tells ? at_causality_current(&rule) : (struct at_ref){0};
}

void at_causality_inherit(struct at_ref from)
{
	worker.current = from;
	worker.rule = AT_RULE_INHERITED;
	worker.looped = false;
}

struct at_ref at_causality_inherited(void)
{
	bool open = is_inherited() && at_exchange_valid(worker.current);
	return open ? worker.current : (struct at_ref){0};
}

void at_causality_gone(void)
{
	at_pool_put(worker.put_off);
	worker.put_off = NULL;
	worker.waiting = 0;
}

void at_causality_end(void)
{
	/* One that is joined may come to its very end a little after the answer: it says nothing.
	 */
	if (is_inherited() && at_exchange_valid(worker.current))
		heir_seen(&helped);
}

bool at_causality_blind(void)
{
	enum at_rule rule;
	return worker.looped && !at_causality_current(&rule).exchange && at_exchange_any_open();
}

struct at_claim at_causality_claim(const struct at_conn *c)
{
	return (struct at_claim){.owner = {c->owner, c->owner_generation},
				 .told = c->told,
				 .blind = c->blind,
				 .pooled = c->pooled};
}

/* A worker that serves one at a time serves that one. Other threads and the timers of loops may
 * well work for nobody (scrapes, health checks), though one request is open. */
static bool may_have_only_one(void)
{
	return worker.serves && !worker.looped;
}

/* A job may write for whoever has taken the connection meanwhile: the pool's word comes first. */
static struct at_ref by_bridge(struct at_claim claim, struct at_ref task, enum at_rule *ret_rule)
{
	if (!at_bridge_is_job() || !claim.pooled)
		return task;
	bool owned = at_exchange_valid(claim.owner);
	*ret_rule = owned ? AT_RULE_LOOP : AT_RULE_NONE;
	return owned ? claim.owner : (struct at_ref){0};
}

struct at_ref at_causality_parent(struct at_claim claim, enum at_rule *ret_rule,
				  uint64_t *ret_epoch)
{
	bool owned = at_exchange_valid(claim.owner);
	if (claim.told) {
		*ret_rule = owned ? AT_RULE_BRIDGE : AT_RULE_NONE;
		return owned ? claim.owner : (struct at_ref){0};
	}
	struct at_ref current = at_causality_current(ret_rule);
	if (at_bridge_is_on())
		return by_bridge(claim, current, ret_rule);
	if (owned && (worker.looped || !current.exchange)) {
		*ret_rule = AT_RULE_LOOP;
		return claim.owner;
	}
	/* A pool's new thread has its creator's request, and soon the jobs of others. */
	if (*ret_rule == AT_RULE_INHERITED && owned && !is_same(claim.owner, current))
		current = (struct at_ref){0};
	if (current.exchange && !(claim.blind && worker.looped))
		return current;
	struct at_ref only = {0};
	if (may_have_only_one())
		only = at_exchange_only_one(ret_epoch);
	*ret_rule = only.exchange ? AT_RULE_ONLY_ONE : AT_RULE_NONE;
	return only;
}

struct at_ref at_causality_parent_of_connect(struct at_claim claim, enum at_rule *ret_rule,
					     uint64_t *ret_epoch)
{
	claim.told = claim.told || (at_bridge_is_on() && claim.owner.exchange);
	return at_causality_parent(claim, ret_rule, ret_epoch);
}
