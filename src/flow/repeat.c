/*
 * See repeat.h. Fed and used by describe.c; measured: it saves about half of what describing a
 * request costs.
 */
#include "flow/repeat.h"

#include "base/checksum.h"

/* Larger ones are not worth keeping per connection. */
#define REPEAT_MAX 1024u

bool at_repeat_fits(const struct at_message *m, struct at_str captures)
{
	const struct at_field_value *f = m->field;
	return captures.n == 0 && m->target.n && m->target.p[0] == '/' &&
	       f[AT_FIELD_forwarded].count + f[AT_FIELD_x_forwarded_for].count +
			       f[AT_FIELD_x_forwarded_proto].count +
			       f[AT_FIELD_x_forwarded_host].count ==
		       0;
}

static bool same(const char *p, struct at_str s)
{
	return memcmp(p, s.p, s.n) == 0;
}

bool at_repeat_use(const struct at_repeat *t, const struct at_message *m, struct at_attrs *to)
{
	struct at_str host = m->field[AT_FIELD_host].value;
	struct at_str agent = m->field[AT_FIELD_user_agent].value;
	const char *key = t->key.p;
	if (t->count == 0 || t->version != m->version || t->method_len != m->method.n ||
	    t->scheme_len != m->scheme.n || t->host_len != host.n || t->agent_len != agent.n ||
	    to->room < t->attrs.n || to->limit < t->count)
		return false;
	if (!same(key, m->method) || (host.n && !same(key + m->method.n, host)) ||
	    (agent.n && !same(key + m->method.n + host.n, agent)))
		return false;
	memcpy(to->p, t->attrs.p, t->attrs.n);
	to->n = t->attrs.n;
	to->count = t->count;
	return true;
}

void at_repeat_free(struct at_repeat *t)
{
	at_buf_free(&t->key);
	at_buf_free(&t->attrs);
	t->count = 0;
}

void at_repeat_make(struct at_repeat *t, const struct at_message *m, const struct at_attrs *from)
{
	struct at_str host = m->field[AT_FIELD_host].value;
	struct at_str agent = m->field[AT_FIELD_user_agent].value;
	t->key.n = 0;
	t->attrs.n = 0;
	t->count = 0;
	if (from->dropped || !at_buf_add(&t->key, m->method.p, m->method.n, REPEAT_MAX) ||
	    !at_buf_add(&t->key, host.p, host.n, REPEAT_MAX) ||
	    !at_buf_add(&t->key, agent.p, agent.n, REPEAT_MAX) ||
	    !at_buf_add(&t->attrs, from->p, from->n, REPEAT_MAX))
		return;
	t->hash = (uint32_t)at_str_hash(at_buf_str(&t->attrs));
	t->count = from->count;
	t->version = m->version;
	t->method_len = (uint16_t)m->method.n;
	t->scheme_len = (uint16_t)m->scheme.n;
	t->host_len = (uint16_t)host.n;
	t->agent_len = (uint16_t)agent.n;
}
