/*
 * Client spans. Fed by the protocols with request heads about to be written and with what was
 * written; decides parent, identity and sampling of each call.
 */
#include "flow/client.h"

#include <errno.h>

#include "base/clock.h"
#include "base/counter.h"
#include "flow/boot.h"
#include "flow/carrier.h"
#include "flow/causality.h"
#include "flow/describe.h"
#include "flow/story.h"
#include "trace/propagate.h"

static const struct {
	int error;        /* errno value */
	const char *name; /* what error.type says */
} error_names[] = {
	{ECONNREFUSED, "ECONNREFUSED"},
	{ECONNRESET, "ECONNRESET"},
	{ECONNABORTED, "ECONNABORTED"},
	{EPIPE, "EPIPE"},
	{ETIMEDOUT, "ETIMEDOUT"},
	{EHOSTUNREACH, "EHOSTUNREACH"},
	{ENETUNREACH, "ENETUNREACH"},
	{ENETDOWN, "ENETDOWN"},
	{EADDRNOTAVAIL, "EADDRNOTAVAIL"},
	{EACCES, "EACCES"},
	{EPERM, "EPERM"},
	{ENOENT, "ENOENT"},
	{ENOTCONN, "ENOTCONN"},
	{EIO, "EIO"},
};

const char *at_client_error_name(int error)
{
	for (size_t i = 0; i < sizeof(error_names) / sizeof(error_names[0]); i++)
		if (error_names[i].error == error)
			return error_names[i].name;
	return "_OTHER";
}

/* ---- what the request carries already ---- */

static bool same_remote(struct at_ref r, const struct at_context *remote)
{
	return at_exchange_valid(r) && r.exchange->captured_remote &&
	       memcmp(r.exchange->came_with.span_id, remote->span_id, 8) == 0 &&
	       memcmp(r.exchange->came_with.trace_id, remote->trace_id, 16) == 0;
}

/* The open request that came with the very context this call carries. */
static struct at_ref passed_on(const struct at_context *carried)
{
	enum at_rule rule;
	struct at_ref current = at_causality_current(&rule);
	return same_remote(current, carried) ? current : at_exchange_find_remote(carried);
}

static enum at_client_carries classify(const struct at_message *m, struct at_ref *ret_parent)
{
	const struct at_field_value *f = m->field;
	unsigned set = at_boot.config.propagators;
	struct at_carrier in = at_carrier_of(m);
	struct at_context carried;
	if (f[AT_FIELD_traceparent].count > 1)
		return AT_CLIENT_INSTRUMENTED;
	/* A malformed value that a proxy passes on is nobody's context: it is overwritten where it
	 * stands when it has the right length, else it stays the only one. */
	if (!at_propagate_extract(set, &in, &carried))
		return f[AT_FIELD_traceparent].count ? AT_CLIENT_PASSED_ON : AT_CLIENT_BARE;
	*ret_parent = passed_on(&carried);
	return ret_parent->exchange ? AT_CLIENT_PASSED_ON : AT_CLIENT_INSTRUMENTED;
}

/* ---- identity ---- */

static void adopt_environment(struct at_exchange *x)
{
	const struct at_config *config = &at_boot.config;
	char state[512];
	size_t n = at_propagate_state(config->tracestate, state, sizeof(state));
	at_exchange_adopt(x, &at_boot.env_parent, true);
	x->rule = AT_RULE_ENV;
	if (at_buf_add(&x->carried, state, n, sizeof(state)))
		x->state_len = (uint32_t)n;
	if (config->baggage.n && at_propagate_baggage_ok(config->baggage))
		at_buf_add(&x->carried, config->baggage.p, config->baggage.n, AT_STATE_MAX * 2);
}

/* By a rule that can be named, or as a root. `known`: the parent that a header names. */
static void find_parent(struct at_talk *t, struct at_exchange *x, struct at_ref known,
			const struct at_message *m)
{
	struct at_claim claim = at_causality_claim(t->conn);
	struct at_context parent;
	enum at_rule rule = AT_RULE_HEADER;
	struct at_ref by = known;
	if (!by.exchange && !t->crowd)
		by = at_causality_parent(claim, &rule, &x->epoch);
	if (!(claim.told && !t->crowd) && (!by.exchange || rule == AT_RULE_ONLY_ONE)) {
		struct at_ref repeated = at_causality_repeated(m);
		rule = repeated.exchange ? AT_RULE_REPEATED : rule;
		by = repeated.exchange ? repeated : by;
	}
	if (at_exchange_identity(by, &parent)) {
		at_exchange_adopt(x, &parent, false);
		at_exchange_carried(by, &x->carried, &x->state_len);
		x->parent = by;
		x->rule = (uint8_t)rule;
	} else if (at_boot.env_parent_valid && !at_exchange_serves()) {
		adopt_environment(x);
	} else {
		at_causality_orphan(x);
	}
}

/* What the application sends of its own accord is not sent twice. */
static void note_sent(struct at_exchange *x, const struct at_message *m)
{
	const struct at_field_value *f = m->field;
	x->sends = (uint8_t)((f[AT_FIELD_traceparent].count ? AT_PROPAGATE_TRACECONTEXT : 0) |
			     (f[AT_FIELD_baggage].count ? AT_PROPAGATE_BAGGAGE : 0) |
			     (f[AT_FIELD_b3].count ? AT_PROPAGATE_B3 : 0) |
			     (f[AT_FIELD_x_b3_traceid].count ? AT_PROPAGATE_B3MULTI : 0));
	x->sends_state = f[AT_FIELD_tracestate].count;
}

void at_client_identify(struct at_talk *t, struct at_exchange *x, const struct at_message *m)
{
	struct at_ref known = {0};
	note_sent(x, m);
	x->carries = (uint8_t)classify(m, &known);
	x->silent = x->carries == AT_CLIENT_INSTRUMENTED;
	if (x->silent)
		at_count(calls_silent, 1);
	at_describe_method(x, m->method);
	if (!x->silent) {
		find_parent(t, x, known, m);
		if (x->recording)
			at_describe_client(x, m, at_conn_peer(t->fd, t->conn));
	}
	t->conn->blind = false;
	t->conn->told = false;
	at_causality_touch(x->parent.exchange);
	t->conn->owner = x->parent.exchange;
	t->conn->owner_generation = x->parent.generation;
	at_exchange_name(x);
	if (at_log_on(AT_LOG_DEBUG))
		at_story_request(t->fd, x, m);
}

void at_client_announce(struct at_talk *t, struct at_exchange *x, const struct at_message *m)
{
	at_client_identify(t, x, m);
	x->announced = true;
	t->announced++;
}

void at_client_left(const struct at_exchange *x)
{
	if (!x->injected && x->carries != AT_CLIENT_INSTRUMENTED && at_boot.config.inject)
		at_count(inject_skipped, 1);
}

/* ---- connections ---- */

/* A span for a connection that could not be made, when a request is open that caused it. */
static void tell_failure(const struct at_endpoint *peer, const char *why, uint64_t began,
			 struct at_claim claim)
{
	struct at_context parent;
	enum at_rule rule;
	uint64_t epoch = 0;
	struct at_ref by = at_causality_parent_of_connect(claim, &rule, &epoch);
	if (!at_exchange_identity(by, &parent))
		return;
	struct at_exchange *x = at_exchange_open(NULL, AT_SPAN_CLIENT);
	if (!x)
		return;
	at_exchange_adopt(x, &parent, false);
	x->start = began;
	x->parent = by;
	x->rule = (uint8_t)rule;
	x->epoch = epoch;
	at_exchange_name(x);
	if (x->recording)
		at_describe_connect(x, peer);
	at_causality_resume(x);
	at_causality_given_up();
	at_exchange_close(x, why);
}

void at_client_connect_failed(const struct at_endpoint *peer, int error, uint64_t began,
			      struct at_claim claim)
{
	tell_failure(peer, error ? at_client_error_name(error) : "timeout", began, claim);
}

void at_client_handshake_failed(struct at_conn *c, const char *why)
{
	tell_failure(at_conn_peer(c->fd, c), why, c->began ? c->began : at_clock_now(),
		     at_causality_claim(c));
}
