/*
 * The rule deferred. Fed by client.c and exchange.c with calls that nobody has asked for, by
 * causality.c with what their threads do next; feeds exchange.c, which finishes them. Owns the
 * places where finished calls wait: a table for the process, of which each thread knows its own
 * part. A place is emptied by whoever changes its ticket to 0, the thread or, when time is up, the
 * exporter's thread.
 *
 * The next answer of a thread need not be what its calls were for: continuations that go from
 * thread to thread, an answer that another thread writes, work after the answer. So
 *   - a call is held only when the thread has left its last request (see at_defer_left),
 *   - and the rule must fit before it is believed: so many decisions in a row in which the request
 *     was open before the first call; one that does not fit (a stray) takes all belief away and
 *     doubles what is asked for. Until it is, nothing is held: the rule is tried on calls that are
 *     told as roots at once.
 */
#include "flow/defer.h"

#include "base/clock.h"
#include "base/counter.h"
#include "export/export.h"

#define FITS_MIN   8u
#define STRAYS_MAX 20u

/* Where a finished call waits. */
struct place {
	uint64_t ticket;          /* FREE, FILLING or whose turn it is (atomic) */
	struct at_exchange *call; /* valid while the ticket is the same (atomic) */
	uint64_t until;           /* monotonic ns: a root from then on; likewise */
};

enum { FREE, FILLING, TICKETS };

static struct place places[AT_DEFER_ALL];
static uint64_t tickets = TICKETS; /* given out so far (atomic) */
static uint32_t serials;           /* threads that have called so far (atomic) */
static uint32_t fits, strays;      /* decisions since the last stray, and these (atomic) */

/* What a thread has called for a request that it has not answered yet. */
struct hand {
	uint32_t serial;         /* this thread, 0: none yet */
	uint32_t count;          /* calls held */
	bool staying;            /* it has answered, and not left that request's connection */
	uint64_t tried;          /* when the first call began that was not held, since the rule is
				  * not believed yet: monotonic ns, 0: none */
	uint64_t trial_ends;     /* until when its thread's answer says something, likewise */
	struct at_context first; /* of the first call held */
	struct {
		uint64_t ticket;
		uint32_t place;
	} held[AT_DEFER_MINE];
};

static __thread struct hand hand __attribute__((tls_model("initial-exec")));

static bool is_believed(void)
{
	uint32_t n = __atomic_load_n(&strays, __ATOMIC_RELAXED);
	return __atomic_load_n(&fits, __ATOMIC_RELAXED) >=
	       FITS_MIN << (n < STRAYS_MAX ? n : STRAYS_MAX);
}

void at_defer_stray(void)
{
	if (__atomic_load_n(&strays, __ATOMIC_RELAXED) < STRAYS_MAX)
		__atomic_add_fetch(&strays, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&fits, __ATOMIC_RELAXED))
		__atomic_store_n(&fits, 0, __ATOMIC_RELAXED);
}

/* Several calls for one request must leave with one trace id, since they can be put under one
 * parent later only then. */
void at_defer_begin(struct at_exchange *call)
{
	if (hand.count && is_believed())
		at_exchange_join(call, &hand.first);
	else
		at_exchange_adopt(call, NULL, false);
	if (hand.staying)
		return;
	if (!hand.serial)
		hand.serial = __atomic_add_fetch(&serials, 1, __ATOMIC_RELAXED);
	call->caller = hand.serial;
}

static struct place *find_free(void)
{
	for (uint32_t i = 0; i < AT_DEFER_ALL; i++) {
		struct place *p = &places[(hand.serial * AT_DEFER_MINE + i) % AT_DEFER_ALL];
		uint64_t none = FREE;
		if (__atomic_compare_exchange_n(&p->ticket, &none, FILLING, false, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return p;
	}
	return NULL;
}

/* The rule is tried on the call, which is told at once: as long as it is not believed, a root is
 * all that can come of it. */
static void try_rule(const struct at_exchange *call)
{
	if (hand.tried)
		return;
	hand.tried = call->start;
	hand.trial_ends = at_clock_now() + AT_DEFER_NS;
}

bool at_defer_hold(struct at_exchange *call, const char *error_type)
{
	if (call->caller != hand.serial)
		return false;
	if (!is_believed()) {
		try_rule(call);
		return false;
	}
	struct place *p = hand.count < AT_DEFER_MINE ? find_free() : NULL;
	if (!p) {
		at_count(calls_unheld, 1);
		return false;
	}
	at_exchange_finish(call, error_type);
	uint64_t until = call->end + AT_DEFER_NS;
	__atomic_store_n(&p->call, call, __ATOMIC_RELAXED);
	__atomic_store_n(&p->until, until, __ATOMIC_RELAXED);
	uint64_t ticket = __atomic_add_fetch(&tickets, 1, __ATOMIC_RELAXED);
	if (!hand.count)
		hand.first = call->ctx;
	hand.held[hand.count].place = (uint32_t)(p - places);
	hand.held[hand.count++].ticket = ticket;
	__atomic_store_n(&p->ticket, ticket, __ATOMIC_RELEASE);
	at_export_attend(until);
	return true;
}

/* Empties a place: NULL when somebody else was faster. */
static struct at_exchange *take(struct place *p, uint64_t ticket)
{
	struct at_exchange *call = __atomic_load_n(&p->call, __ATOMIC_RELAXED);
	if (__atomic_compare_exchange_n(&p->ticket, &ticket, FREE, false, __ATOMIC_ACQ_REL,
					__ATOMIC_RELAXED))
		return call;
	return NULL;
}

/* Takes the next of this thread's calls that is still held, oldest first; NULL: no more. */
static struct at_exchange *take_next(uint32_t *i)
{
	struct at_exchange *call = NULL;
	while (*i < hand.count && !call) {
		call = take(&places[hand.held[*i].place], hand.held[*i].ticket);
		++*i;
	}
	return call;
}

void at_defer_drop(void)
{
	struct at_exchange *call;
	for (uint32_t i = 0; (call = take_next(&i));)
		at_exchange_deliver(call);
	hand.count = 0;
	hand.tried = 0;
}

/* Whether x was there when the first of the calls was made: only then can all be its. */
static bool was_open(const struct at_exchange *x, uint64_t first)
{
	return x->named && !x->torn && x->start < first;
}

/* When the first call began of which the thread's answer may tell, 0: there is none. */
static uint64_t first_of(const struct at_exchange *held)
{
	uint64_t tried = hand.tried;
	hand.tried = 0;
	if (tried && at_clock_now() < hand.trial_ends)
		return tried;
	return held ? held->start : 0;
}

void at_defer_decide(struct at_exchange *x)
{
	uint32_t i = 0;
	struct at_exchange *call = hand.count ? take_next(&i) : NULL;
	uint64_t first = first_of(call);
	bool fit = first && was_open(x, first);
	bool believed = fit && is_believed();
	if (fit)
		__atomic_add_fetch(&fits, 1, __ATOMIC_RELAXED);
	else if (first)
		at_defer_stray();
	for (; call; call = take_next(&i)) {
		if (believed)
			at_exchange_put_under(call, x);
		at_exchange_deliver(call);
	}
	hand.count = 0;
}

void at_defer_answered(void)
{
	hand.staying = true;
}

void at_defer_left(void)
{
	hand.staying = false;
	at_defer_drop();
}

/* Those whose time is up before `now`; the next one's time, UINT64_MAX: none. */
static uint64_t sweep(uint64_t now)
{
	uint64_t next = UINT64_MAX;
	for (uint32_t i = 0; i < AT_DEFER_ALL; i++) {
		struct place *p = &places[i];
		uint64_t ticket = __atomic_load_n(&p->ticket, __ATOMIC_ACQUIRE);
		if (ticket < TICKETS)
			continue;
		uint64_t until = __atomic_load_n(&p->until, __ATOMIC_RELAXED);
		struct at_exchange *call = until <= now ? take(p, ticket) : NULL;
		if (call)
			at_exchange_deliver(call);
		else if (until > now && until < next)
			next = until;
	}
	return next;
}

void at_defer_release_all(void)
{
	sweep(UINT64_MAX);
}

void at_defer_start(void)
{
	at_export_watch(sweep);
}

void at_defer_after_fork(void)
{
	for (uint32_t i = 0; i < AT_DEFER_ALL; i++) {
		if (places[i].ticket >= TICKETS)
			at_exchange_forget(places[i].call);
		places[i].ticket = FREE;
	}
	fits = strays = 0;
	hand.count = 0;
	hand.tried = 0;
}
