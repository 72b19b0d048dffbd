/*
 * What runtimes say, kept for each thread. Fed by the bridges on the thread that is spoken of, and
 * by talk.c and the shore with what was read and accepted; asked by causality.c. Not its job: how a
 * runtime comes to know it.
 */
#include "flow/bridge.h"

#include "base/clock.h"
#include "base/thread.h"
#include "flow/causality.h"
#include "flow/talk.h"

/* What was said about this thread, and what it has seen since. */
struct said {
	struct at_bridge_frame now; /* what it works on */
	struct at_ref event;        /* the request read last */
	uintptr_t conn;             /* the connection it was read from */
	uintptr_t place;            /* the context it was read in */
	uintptr_t outside;          /* the first other one that was asked about it, 0: none */
	bool entered;               /* another was entered since */
	uintptr_t accepted;         /* the connection accepted last */
	struct at_ref opener;       /* whose the connection is that it opens next */
	uint32_t *count;            /* where requests told of are counted, or NULL */
	uint32_t counted;           /* how many of them there are */
};

static __thread struct said said __attribute__((tls_model("initial-exec")));

static const struct at_bridge_answers *answers; /* the runtime's, NULL: none (atomic) */

void at_bridge_ask(const struct at_bridge_answers *runtime_s)
{
	__atomic_store_n(&answers, runtime_s, __ATOMIC_RELEASE);
}

/* What the runtime answers: an open request, or none. */
static struct at_ref asked(void)
{
	const struct at_bridge_answers *a = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);
	struct at_ref r = at_exchange_of_token(a ? a->token() : 0);
	return at_exchange_valid(r) ? r : (struct at_ref){0};
}

static uintptr_t place(void)
{
	const struct at_bridge_answers *a = __atomic_load_n(&answers, __ATOMIC_ACQUIRE);
	return a ? a->place() : 0;
}

static bool is_event_here(void)
{
	return at_exchange_valid(said.event) && said.place == place();
}

uint64_t at_bridge_current(void)
{
	enum at_rule rule;
	return at_exchange_token(at_causality_current(&rule));
}

uint64_t at_bridge_served(void)
{
	enum at_rule rule;
	uint64_t token = at_exchange_token(at_causality_current(&rule));
	return rule == AT_RULE_INHERITED ? 0 : token;
}

uint64_t at_bridge_at_hand(void)
{
	enum at_rule rule;
	uint64_t token = at_exchange_token(at_causality_current(&rule));
	return rule == AT_RULE_LOOP && !said.now.told_apart ? 0 : token;
}

uint64_t at_bridge_inherited(void)
{
	return at_exchange_token(at_causality_inherited());
}

bool at_bridge_open(uint64_t token)
{
	return token && at_exchange_valid(at_exchange_of_token(token));
}

void at_bridge_event_over(void)
{
	said.event.exchange = NULL;
	said.conn = 0;
	said.opener.exchange = NULL;
}

void at_bridge_enter(uint64_t token, bool reads, struct at_bridge_frame *save)
{
	if (save)
		*save = said.now;
	said.now.task = at_exchange_of_token(token);
	said.now.reads = reads;
	said.now.job = false;
	said.now.until_loop = false;
	said.now.told_apart = false;
	said.now.on = true;
	at_bridge_event_over();
}

void at_bridge_enter_job(uint64_t token, struct at_bridge_frame *save)
{
	at_bridge_enter(token, false, save);
	said.now.job = true;
}

void at_bridge_begin_job(uint64_t token)
{
	at_causality_wait(false, AT_CLOCK_NEVER);
	if (!token) {
		at_bridge_leave(NULL);
		return;
	}
	at_bridge_enter_job(token, NULL);
	said.now.until_loop = true;
}

static void between_events(bool told_apart)
{
	if (!said.now.on)
		at_causality_wait(false, AT_CLOCK_NEVER);
	said.now.told_apart = told_apart;
}

void at_bridge_begin_event(void)
{
	between_events(true);
}

void at_bridge_end_event(void)
{
	between_events(false);
}

void at_bridge_loops(void)
{
	if (said.now.until_loop)
		at_bridge_leave(NULL);
}

bool at_bridge_is_job(void)
{
	return said.now.on && said.now.job;
}

void at_bridge_leave(const struct at_bridge_frame *save)
{
	said.now = save ? *save : (struct at_bridge_frame){0};
	at_bridge_event_over();
}

void at_bridge_go_on_reading(void)
{
	said.now = (struct at_bridge_frame){.on = true, .reads = true};
}

static bool blurred; /* atomic */

void at_bridge_blur(void)
{
	__atomic_store_n(&blurred, true, __ATOMIC_RELAXED);
}

bool at_bridge_is_blurred(void)
{
	return __atomic_load_n(&blurred, __ATOMIC_RELAXED);
}

bool at_bridge_is_on(void)
{
	return said.now.on || asked().exchange || (at_bridge_is_blurred() && at_causality_loops());
}

bool at_bridge_reads(void)
{
	return said.now.on && said.now.reads;
}

struct at_ref at_bridge_task(void)
{
	struct at_ref r = asked();
	if (r.exchange)
		return r;
	if (said.now.reads && is_event_here())
		return said.event;
	return at_exchange_valid(said.now.task) ? said.now.task : (struct at_ref){0};
}

static uint64_t event_if(bool so, uintptr_t *ret_conn)
{
	bool open = so && at_exchange_valid(said.event);
	if (ret_conn)
		*ret_conn = open ? said.conn : 0;
	return open ? at_exchange_token(said.event) : 0;
}

uint64_t at_bridge_event(uintptr_t *ret_conn)
{
	return event_if(said.place == place(), ret_conn);
}

bool at_bridge_event_enters(void)
{
	bool first = at_bridge_event(NULL) && !said.entered;
	said.entered = true;
	return first;
}

uint64_t at_bridge_event_outside(uintptr_t *ret_conn)
{
	uintptr_t here = place();
	bool first = here != said.place && (!said.outside || said.outside == here);
	if (first)
		said.outside = here;
	return event_if(first, ret_conn);
}

uintptr_t at_bridge_accepted(void)
{
	return said.accepted;
}

void at_bridge_accepted_over(void)
{
	said.accepted = 0;
}

void at_bridge_read(const struct at_conn *c, const struct at_exchange *x)
{
	said.event = x ? at_exchange_ref(x) : (struct at_ref){0};
	said.conn = (uintptr_t)c;
	said.place = place();
	said.outside = 0;
	said.entered = false;
	if (said.now.job && x)
		said.now.task = said.event;
}

void at_bridge_accept(const struct at_conn *c)
{
	said.accepted = (uintptr_t)c;
}

bool at_bridge_own(int fd, uint64_t token)
{
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	bool ours = c && c->role == AT_CONN_CLIENT;
	if (ours) {
		struct at_ref r = at_exchange_of_token(token);
		c->owner = r.exchange;
		c->owner_generation = r.generation;
		c->told = true;
	}
	if (c)
		at_conn_unlock(c);
	at_thread_leave();
	return ours;
}

uintptr_t at_bridge_accepted_as(int fd)
{
	at_thread_enter();
	struct at_conn *c = fd >= 0 ? at_conn_lock_known(fd) : NULL;
	uintptr_t conn = c && c->role == AT_CONN_SERVER ? (uintptr_t)c : 0;
	if (c)
		at_conn_unlock(c);
	at_thread_leave();
	return conn;
}

void at_bridge_answered_by(int fd, uintptr_t conn, bool others)
{
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	if (c && (uintptr_t)c == conn)
		c->delegates = others;
	if (c)
		at_conn_unlock(c);
	at_thread_leave();
}

uint64_t at_bridge_asked_on(int fd, uintptr_t conn, bool if_others)
{
	uint64_t token = 0;
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	struct at_talk *t = c && (uintptr_t)c == conn ? c->talk : NULL;
	const struct at_exchange *x = at_talk_only(t);
	if (c && x && x->named && (c->delegates || !if_others))
		token = at_exchange_token(at_exchange_ref(x));
	if (c)
		at_conn_unlock(c);
	at_thread_leave();
	return token;
}

uint64_t at_bridge_serve(int fd)
{
	uint64_t token = 0;
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	struct at_talk *t = c && c->role == AT_CONN_SERVER ? c->talk : NULL;
	struct at_exchange *x = t ? t->first : NULL;
	while (x && (x->handed || !x->named))
		x = x->next;
	if (x) {
		x->handed = true;
		x->counted = said.count;
		if (said.count) {
			++*said.count;
			said.counted++;
		}
		token = at_exchange_token(at_exchange_ref(x));
	}
	if (c)
		at_conn_unlock(c);
	at_thread_leave();
	return token;
}

void at_bridge_count_in(uint32_t *count)
{
	if (said.count)
		*said.count -= said.counted;
	said.counted = 0;
	said.count = count;
}

void at_bridge_served_over(const struct at_exchange *x)
{
	if (!said.counted || x->counted != said.count)
		return;
	--*said.count;
	said.counted--;
}

void at_bridge_opening(uint64_t token)
{
	said.opener = at_exchange_of_token(token);
}

struct at_ref at_bridge_opener(void)
{
	struct at_ref opener = said.opener;
	said.opener.exchange = NULL;
	return at_exchange_valid(opener) ? opener : at_bridge_task();
}
