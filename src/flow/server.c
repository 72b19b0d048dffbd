/*
 * Server spans. Fed by the protocols with the requests that came in; decides identity (the remote
 * parent's trace, or a new one), sampling, and what is kept to be sent on.
 */
#include "flow/server.h"

#include "base/pool.h"
#include "flow/boot.h"
#include "flow/carrier.h"
#include "flow/causality.h"
#include "flow/describe.h"
#include "flow/story.h"
#include "trace/propagate.h"

/* All values of a field in their order, joined by ','. `one` when it stands there once; otherwise
 * they are collected in *join (base/pool memory, to be freed by the caller). */
static struct at_str joined(const struct at_message *m, enum at_field field, struct at_str name,
			    struct at_buf *join)
{
	struct at_str line_name;
	struct at_str value;
	size_t pos = 0;
	if (m->field[field].count <= 1)
		return m->field[field].value;
	while (at_message_next(m, &pos, &line_name, &value)) {
		if (!at_str_eq_nocase(line_name, name))
			continue;
		if (join->n)
			at_buf_add(join, ",", 1, AT_HTTP1_HEAD_MAX);
		at_buf_add(join, value.p, value.n, AT_HTTP1_HEAD_MAX);
	}
	return at_buf_str(join);
}

/* tracestate, sent on with every call of this request. */
static void carry_state(struct at_exchange *x, const struct at_message *m)
{
	struct at_buf join = {0};
	struct at_str state = joined(m, AT_FIELD_tracestate, AT_STR("tracestate"), &join);
	size_t cap = state.n < AT_STATE_MAX ? state.n : AT_STATE_MAX;
	char *block = cap ? at_pool_get(cap, NULL) : NULL;
	if (block) {
		size_t n = at_propagate_state(state, block, cap);
		if (at_buf_add(&x->carried, block, n, AT_STATE_MAX))
			x->state_len = (uint32_t)n;
		at_pool_put(block);
	}
	at_buf_free(&join);
}

/* baggage, likewise; behind tracestate. */
static void carry_baggage(struct at_exchange *x, const struct at_message *m)
{
	struct at_buf join = {0};
	struct at_str baggage = joined(m, AT_FIELD_baggage, AT_STR("baggage"), &join);
	if (baggage.n && at_propagate_baggage_ok(baggage))
		at_buf_add(&x->carried, baggage.p, baggage.n, AT_POOL_MAX);
	at_buf_free(&join);
}

static void identify(struct at_exchange *x, const struct at_message *m)
{
	unsigned set = at_boot.config.propagators;
	const struct at_field_value *f = m->field;
	struct at_carrier in = at_carrier_of(m);
	struct at_context remote = {0};
	bool has_parent = at_propagate_extract(set, &in, &remote);
	at_exchange_adopt(x, has_parent ? &remote : NULL, true);
	x->came_with = remote;
	x->captured_remote = has_parent;
	if (has_parent && (set & AT_PROPAGATE_TRACECONTEXT) && f[AT_FIELD_tracestate].count)
		carry_state(x, m);
	if ((set & AT_PROPAGATE_BAGGAGE) && f[AT_FIELD_baggage].count)
		carry_baggage(x, m);
}

void at_server_identify(struct at_talk *t, struct at_exchange *x, const struct at_message *m)
{
	identify(x, m);
	at_describe_method(x, m->method);
	if (x->recording)
		at_describe_server(x, m, at_conn_peer(t->fd, t->conn));
	at_exchange_name(x);
	if (at_log_on(AT_LOG_DEBUG))
		at_story_request(t->fd, x, m);
}
