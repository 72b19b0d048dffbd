/*
 * Exchanges: from the first byte of a request to the span. Fed by talk.c through server.c and
 * client.c, feeds the exporter's queue. Owns the exchange objects.
 */
#include "flow/exchange.h"

#include <stddef.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/counter.h"
#include "base/fault.h"
#include "base/lock.h"
#include "base/pool.h"
#include "base/slab.h"
#include "export/export.h"
#include "flow/boot.h"
#include "flow/bridge.h"
#include "flow/defer.h"
#include "flow/describe.h"
#include "flow/story.h"
#include "flow/talk.h"

static struct at_slab exchanges = AT_SLAB_INIT(sizeof(struct at_exchange));

/* Open server exchanges of this process: count << 32 | sum of their slab handles, so that a count
 * of 1 names the one (atomic). */
static uint64_t open_requests;

/* Server exchanges ever opened in this process (atomic). */
static uint64_t opened;

/* Calls made while this process served nobody, and how many requests it had been asked at the last
 * one (atomic). */
static uint32_t own_calls;
static uint64_t own_call_at;

/* Requests without such a call after the first one, before "only one" is believed again; twice as
 * many after each further one. */
#define QUIET_MIN 8u

static bool is_open(const struct at_exchange *x, uint32_t generation)
{
	return (generation & 1) && __atomic_load_n(&x->generation, __ATOMIC_ACQUIRE) == generation;
}

struct at_ref at_exchange_ref(const struct at_exchange *x)
{
	return (struct at_ref){(struct at_exchange *)x, x->generation};
}

bool at_exchange_valid(struct at_ref r)
{
	return r.exchange && is_open(r.exchange, r.generation);
}

void at_exchange_pass(struct at_ref r)
{
	if (at_exchange_valid(r))
		__atomic_store_n(&r.exchange->passed, r.generation, __ATOMIC_RELAXED);
}

void at_exchange_keep(struct at_exchange *x)
{
	__atomic_store_n(&x->passed, 0, __ATOMIC_RELAXED);
}

bool at_exchange_is_passed(const struct at_exchange *x)
{
	return __atomic_load_n(&x->passed, __ATOMIC_RELAXED) == x->generation;
}

uint64_t at_exchange_token(struct at_ref r)
{
	return r.exchange ? (uint64_t)at_slab_handle(r.exchange) << 32 | r.generation : 0;
}

struct at_ref at_exchange_of_token(uint64_t token)
{
	struct at_exchange *x =
		token ? at_slab_of_handle(&exchanges, (uint32_t)(token >> 32)) : NULL;
	return (struct at_ref){x, x ? (uint32_t)token : 0};
}

static void reset(struct at_exchange *x, struct at_talk *talk, enum at_span_kind kind)
{
	uint64_t slab = x->slab;
	uint32_t generation = x->generation;
	memset(x, 0, offsetof(struct at_exchange, inline_room));
	x->slab = slab;
	x->fork_generation = at_lock_generation();
	x->talk = talk;
	x->kind = (uint8_t)kind;
	x->start = at_clock_now();
	x->attrs.p = x->inline_room;
	x->attrs.room = AT_EXCHANGE_INLINE;
	x->attrs.limit = (uint16_t)at_boot.config.attr_count_limit;
	__atomic_store_n(&x->generation, generation + 1, __ATOMIC_RELEASE);
}

struct at_exchange *at_exchange_open(struct at_talk *talk, enum at_span_kind kind)
{
	if (talk && talk->count >= AT_TALK_EXCHANGES)
		return NULL;
	struct at_exchange *x = at_slab_get(&exchanges);
	if (!x)
		return NULL;
	reset(x, talk, kind);
	if (talk)
		at_talk_push(talk, x);
	if (kind == AT_SPAN_SERVER) {
		__atomic_add_fetch(&opened, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&open_requests, (1ull << 32) + at_slab_handle(x),
				   __ATOMIC_RELEASE);
	}
	return x;
}

static bool is_ours(const struct at_exchange *x)
{
	return x->fork_generation == at_lock_generation();
}

static void give_back(struct at_exchange *x)
{
	at_buf_free(&x->carried);
	at_pool_put(x->block);
	at_slab_put(x);
}

static void release(struct at_exchange *x)
{
	if (!(x->generation & 1)) {
		at_fault(AT_FAULT_exchange);
		if (x->talk)
			at_talk_remove(x->talk, x);
		x->talk = NULL;
		return;
	}
	if (x->kind == AT_SPAN_SERVER && is_ours(x))
		__atomic_sub_fetch(&open_requests, (1ull << 32) + at_slab_handle(x),
				   __ATOMIC_RELEASE);
	if (x->counted)
		at_bridge_served_over(x);
	if (x->talk)
		at_talk_remove(x->talk, x);
	__atomic_store_n(&x->generation, x->generation + 1, __ATOMIC_RELEASE);
	give_back(x);
}

void at_exchange_drop(struct at_exchange *x)
{
	release(x);
}

static void count_rule(const struct at_exchange *x)
{
	static const uint8_t counter[AT_RULES] = {
		[AT_RULE_NONE] = AT_COUNT_links_none,
		[AT_RULE_HEADER] = AT_COUNT_links_header,
		[AT_RULE_BRIDGE] = AT_COUNT_links_bridge,
		[AT_RULE_THREAD] = AT_COUNT_links_thread,
		[AT_RULE_TAKEN] = AT_COUNT_links_taken,
		[AT_RULE_LOOP] = AT_COUNT_links_loop,
		[AT_RULE_REPEATED] = AT_COUNT_links_repeated,
		[AT_RULE_INHERITED] = AT_COUNT_links_inherited,
		[AT_RULE_ONLY_ONE] = AT_COUNT_links_only_one,
		[AT_RULE_DEFERRED] = AT_COUNT_links_deferred,
		[AT_RULE_ENV] = AT_COUNT_links_env,
	};
	if (x->kind == AT_SPAN_CLIENT)
		at_counter_add((enum at_counter)counter[x->rule], 1);
}

static void link_to(struct at_exchange *x, const struct at_context *other)
{
	memcpy(x->link.trace_id, other->trace_id, sizeof(x->link.trace_id));
	memcpy(x->link.span_id, other->span_id, sizeof(x->link.span_id));
	x->link.flags = other->flags & AT_FLAG_SAMPLED;
	x->linked = true;
}

/* The rule "only one" holds for the whole of the call or not at all: a call that saw another
 * request begin keeps its trace (it has told it already) but claims no parent; it is linked
 * instead. */
static void check_only_one(struct at_exchange *x)
{
	if (x->rule != AT_RULE_ONLY_ONE)
		return;
	if (at_exchange_epoch_is(x->epoch) && at_exchange_valid(x->parent))
		return;
	struct at_context parent = x->ctx;
	memcpy(parent.span_id, x->parent_id, sizeof(parent.span_id));
	link_to(x, &parent);
	memset(x->parent_id, 0, sizeof(x->parent_id));
	x->rule = AT_RULE_NONE;
}

static bool offer(struct at_exchange *x, const char *error_type)
{
	uint64_t end = x->end ? x->end : at_clock_now();
	check_only_one(x);
	enum at_span_status status = at_describe_end(x, error_type);
	struct at_record_head head = {
		.start_ns = at_clock_unix(x->start),
		.end_ns = at_clock_unix(end),
		.kind = x->kind,
		.status = (uint8_t)status,
		.flags = x->ctx.flags & (AT_FLAG_SAMPLED | AT_FLAG_RANDOM),
		.parent_remote = x->parent_remote,
		.attrs = x->attrs.count,
		.dropped_attrs = x->attrs.dropped,
		.links = x->linked && at_boot.config.link_count_limit,
		.name_len = x->method_len,
		.state_len = (uint16_t)x->state_len,
		.attr_bytes = x->attrs.n,
		.fixed_attrs = x->fixed_attrs,
		.fixed_bytes = x->fixed_bytes,
		.fixed_hash = x->fixed_hash,
		.own_attrs = x->own_attrs,
		.own_bytes = x->own_bytes,
	};
	memcpy(head.trace_id, x->ctx.trace_id, sizeof(head.trace_id));
	memcpy(head.span_id, x->ctx.span_id, sizeof(head.span_id));
	memcpy(head.parent_id, x->parent_id, sizeof(head.parent_id));
	count_rule(x);
	return at_export_offer(&head, x->method_name, x->carried.p, x->attrs.p, &x->link);
}

void at_exchange_close(struct at_exchange *x, const char *error_type)
{
	bool refused = false;
	if (x->caller && x->named && x->recording && is_ours(x) && at_defer_hold(x, error_type))
		return;
	if (x->named && !x->silent && is_ours(x)) {
		if (x->recording)
			refused = !offer(x, error_type);
		else
			at_count(spans_unsampled, 1);
		if (at_log_on(AT_LOG_DEBUG))
			at_story_end(x, error_type, refused);
	}
	release(x);
}

void at_exchange_finish(struct at_exchange *x, const char *error_type)
{
	x->end = at_clock_now();
	x->error_type = error_type;
	if (x->talk)
		at_talk_remove(x->talk, x);
	x->talk = NULL;
	__atomic_store_n(&x->generation, x->generation + 1, __ATOMIC_RELEASE);
}

void at_exchange_deliver(struct at_exchange *call)
{
	bool refused = !offer(call, call->error_type);
	if (at_log_on(AT_LOG_DEBUG))
		at_story_end(call, call->error_type, refused);
	give_back(call);
}

void at_exchange_forget(struct at_exchange *call)
{
	give_back(call);
}

/* Whether somebody has been told who x is: then its trace is what it is. */
enum told { TOLD_NOBODY, TOLD, TOLD_CHANGING };

/* x, which nobody has heard of and which has no parent, goes on in the trace of its call. */
static bool take_trace(struct at_exchange *x, const struct at_context *call)
{
	uint8_t nobody = TOLD_NOBODY;
	if (x->captured_remote || !x->recording ||
	    !((x->ctx.flags & call->flags) & AT_FLAG_SAMPLED))
		return false;
	if (!__atomic_compare_exchange_n(&x->told, &nobody, TOLD_CHANGING, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	memcpy(x->ctx.trace_id, call->trace_id, sizeof(x->ctx.trace_id));
	__atomic_store_n(&x->told, TOLD, __ATOMIC_RELEASE);
	return true;
}

void at_exchange_put_under(struct at_exchange *call, struct at_exchange *request)
{
	if (!is_ours(request) || !request->recording)
		return;
	call->rule = AT_RULE_DEFERRED;
	if (memcmp(call->ctx.trace_id, request->ctx.trace_id, sizeof(call->ctx.trace_id)) == 0 ||
	    take_trace(request, &call->ctx))
		memcpy(call->parent_id, request->ctx.span_id, sizeof(call->parent_id));
	else
		link_to(call, &request->ctx);
}

static bool tell(struct at_exchange *x)
{
	uint8_t nobody = TOLD_NOBODY;
	if (__atomic_load_n(&x->told, __ATOMIC_ACQUIRE) == TOLD)
		return true;
	return __atomic_compare_exchange_n(&x->told, &nobody, TOLD, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_ACQUIRE) ||
	       nobody == TOLD;
}

void at_exchange_before_fork(void)
{
	uint32_t used = at_slab_used(&exchanges);
	for (uint32_t i = 0; i < used; i++)
		tell(at_slab_at(&exchanges, i));
}

void at_exchange_join(struct at_exchange *x, const struct at_context *root)
{
	at_exchange_adopt(x, NULL, false);
	if (at_boot.config.sdk_disabled)
		return;
	memcpy(x->ctx.trace_id, root->trace_id, sizeof(x->ctx.trace_id));
	x->ctx.flags = root->flags;
	x->recording = (root->flags & AT_FLAG_SAMPLED) && at_boot.exporting;
}

void at_exchange_adopt(struct at_exchange *x, const struct at_context *parent, bool remote)
{
	if (at_boot.config.sdk_disabled) {
		if (parent)
			x->ctx = *parent;
		return;
	}
	if (parent) {
		x->ctx = *parent;
		memcpy(x->parent_id, parent->span_id, sizeof(x->parent_id));
		x->parent_remote = remote;
		at_context_new_span(&x->ctx);
	} else {
		at_context_new_trace(&x->ctx);
	}
	x->recording = at_sampler_decide(&at_boot.sampler, x->ctx.trace_id, parent);
	x->ctx.deferred = false;
	x->ctx.flags =
		(uint8_t)((x->ctx.flags & ~AT_FLAG_SAMPLED) | (x->recording ? AT_FLAG_SAMPLED : 0));
	x->recording = x->recording && at_boot.exporting;
}

void at_exchange_room(struct at_exchange *x, size_t bytes)
{
	uint32_t room;
	if (x->attrs.room - x->attrs.n >= bytes)
		return;
	size_t want = x->attrs.n + bytes;
	char *block = at_pool_get(want < AT_POOL_MAX ? want : AT_POOL_MAX, &room);
	if (!block)
		return;
	memcpy(block, x->attrs.p, x->attrs.n);
	at_pool_put(x->block);
	x->block = block;
	x->attrs.p = block;
	x->attrs.room = room;
}

void at_exchange_name(struct at_exchange *x)
{
	__atomic_store_n(&x->named, true, __ATOMIC_RELEASE);
}

static bool is_named(const struct at_exchange *x)
{
	return __atomic_load_n(&x->named, __ATOMIC_ACQUIRE);
}

bool at_exchange_identity(struct at_ref r, struct at_context *ret)
{
	if (!at_exchange_valid(r) || !is_named(r.exchange) || !tell(r.exchange))
		return false;
	*ret = r.exchange->ctx;
	__asm__ volatile("" ::: "memory");
	return is_open(r.exchange, r.generation);
}

bool at_exchange_carried(struct at_ref r, struct at_buf *to, uint32_t *ret_state)
{
	*ret_state = 0;
	at_buf_free(to);
	if (!at_exchange_valid(r))
		return false;
	struct at_buf from = r.exchange->carried;
	uint32_t state = r.exchange->state_len;
	if (!is_open(r.exchange, r.generation) || from.n == 0)
		return is_open(r.exchange, r.generation);
	bool ok = at_buf_add(to, from.p, from.n, AT_POOL_MAX) && state <= from.n &&
		  is_open(r.exchange, r.generation);
	if (!ok)
		at_buf_free(to);
	else
		*ret_state = state;
	return ok;
}

struct at_ref at_exchange_find_remote(const struct at_context *remote)
{
	uint32_t used = at_slab_used(&exchanges);
	for (uint32_t i = 0; i < used; i++) {
		struct at_exchange *x = at_slab_at(&exchanges, i);
		uint32_t generation = __atomic_load_n(&x->generation, __ATOMIC_ACQUIRE);
		if (!(generation & 1) || x->kind != AT_SPAN_SERVER || !x->captured_remote)
			continue;
		if (memcmp(x->came_with.span_id, remote->span_id, 8) != 0 ||
		    memcmp(x->came_with.trace_id, remote->trace_id, 16) != 0)
			continue;
		struct at_ref r = {x, generation};
		if (is_open(x, generation))
			return r;
	}
	return (struct at_ref){0};
}

void at_exchange_own_call(void)
{
	if (at_exchange_any_open())
		return;
	__atomic_store_n(&own_call_at, __atomic_load_n(&opened, __ATOMIC_RELAXED),
			 __ATOMIC_RELAXED);
	__atomic_add_fetch(&own_calls, 1, __ATOMIC_RELAXED);
}

/* A program that calls for nobody (timers, reports) does so while it serves, too. */
static bool calls_for_nobody(uint64_t asked)
{
	uint32_t n = __atomic_load_n(&own_calls, __ATOMIC_RELAXED);
	uint64_t quiet = asked - __atomic_load_n(&own_call_at, __ATOMIC_RELAXED);
	return n && quiet < (uint64_t)QUIET_MIN << (n < 40 ? n : 40);
}

struct at_ref at_exchange_only_one(uint64_t *ret_epoch)
{
	uint64_t state = __atomic_load_n(&open_requests, __ATOMIC_ACQUIRE);
	*ret_epoch = __atomic_load_n(&opened, __ATOMIC_RELAXED);
	if (state >> 32 != 1 || calls_for_nobody(*ret_epoch))
		return (struct at_ref){0};
	struct at_exchange *x = at_slab_of_handle(&exchanges, (uint32_t)state);
	struct at_ref r = {x, x ? __atomic_load_n(&x->generation, __ATOMIC_ACQUIRE) : 0};
	return at_exchange_valid(r) && is_named(x) ? r : (struct at_ref){0};
}

bool at_exchange_any_open(void)
{
	return __atomic_load_n(&open_requests, __ATOMIC_RELAXED) >> 32 != 0;
}

bool at_exchange_epoch_is(uint64_t epoch)
{
	return __atomic_load_n(&opened, __ATOMIC_RELAXED) == epoch;
}

bool at_exchange_serves(void)
{
	return __atomic_load_n(&opened, __ATOMIC_RELAXED) != 0;
}

void at_exchange_show(void)
{
	AT_BOARD_SHOW("requests.served", AT_BOARD_NUMBER, opened);
	AT_BOARD_SHOW("requests.open", AT_BOARD_NUMBER, open_requests);
}

void at_exchange_close_all(const char *error_type)
{
	uint32_t used = at_slab_used(&exchanges);
	for (uint32_t i = 0; i < used; i++) {
		struct at_exchange *x = at_slab_at(&exchanges, i);
		if (!(__atomic_load_n(&x->generation, __ATOMIC_ACQUIRE) & 1) || !x->talk)
			continue;
		struct at_conn *c = x->talk->conn;
		enum at_lock_result got = at_lock(&c->lock);
		if (got == AT_LOCK_BUSY)
			continue;
		/* What somebody left half done is left as it is. */
		if (got == AT_LOCK_OK && (x->generation & 1) && x->talk && c->talk == x->talk)
			at_exchange_close(x, x->answering || at_exchange_is_passed(x) ? NULL
										      : error_type);
		at_unlock(&c->lock);
	}
}

void at_exchange_after_fork(void)
{
	__atomic_store_n(&open_requests, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&opened, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&own_calls, 0, __ATOMIC_RELAXED);
}
