/*
 * Context in and out of header lines, by the set of propagators. Fed by flow on the traced
 * program's threads; the formats themselves are w3c.c, b3.c and baggage.c. Pure, no allocation.
 */
#include "trace/propagate.h"

#include "trace/b3.h"

bool at_propagate_extract(unsigned set, const struct at_carrier *in, struct at_context *ret)
{
	bool found = false;
	if ((set & AT_PROPAGATE_TRACECONTEXT) && in->traceparent_count == 1)
		found = at_propagate_parse_traceparent(in->traceparent, ret);
	if (set & (AT_PROPAGATE_B3 | AT_PROPAGATE_B3MULTI))
		found |= (in->b3.n && at_propagate_parse_b3(in->b3, ret)) ||
			 (in->x_b3_traceid.n && at_b3_parse_multi(in, ret));
	return found;
}

/* The lines being written. */
struct lines {
	char *p;    /* caller's memory */
	size_t n;   /* bytes so far, whole lines */
	size_t cap; /* bytes there are */
};

static bool add(struct lines *l, const char *line, size_t n)
{
	if (l->cap - l->n < n)
		return false;
	memcpy(l->p + l->n, line, n);
	l->n += n;
	return true;
}

static bool add_traceparent(struct lines *l, const struct at_context *c)
{
	char line[70];
	memcpy(line, "traceparent: ", 13);
	at_propagate_write_traceparent(line + 13, c);
	memcpy(line + 68, "\r\n", 2);
	return add(l, line, sizeof(line));
}

static void add_tracestate(struct lines *l, struct at_str tracestate)
{
	static const char name[12] = "tracestate: ";
	char *p = l->p + l->n;
	size_t room = l->cap - l->n;
	if (tracestate.n == 0 || room <= sizeof(name) + 2)
		return;
	size_t n = at_propagate_state(tracestate, p + sizeof(name), room - sizeof(name) - 2);
	if (n == 0)
		return;
	memcpy(p, name, sizeof(name));
	memcpy(p + sizeof(name) + n, "\r\n", 2);
	l->n += sizeof(name) + n + 2;
}

static void add_baggage(struct lines *l, struct at_str baggage)
{
	static const char name[9] = "baggage: ";
	char *p = l->p + l->n;
	baggage = at_str_trim(baggage);
	if (l->cap - l->n < sizeof(name) + 2 || l->cap - l->n - sizeof(name) - 2 < baggage.n ||
	    !at_propagate_baggage_ok(baggage))
		return;
	memcpy(p, name, sizeof(name));
	memcpy(p + sizeof(name), baggage.p, baggage.n);
	memcpy(p + sizeof(name) + baggage.n, "\r\n", 2);
	l->n += sizeof(name) + baggage.n + 2;
}

size_t at_propagate_inject(unsigned set, unsigned present, const struct at_context *c,
			   struct at_str tracestate, struct at_str baggage, char *dst, size_t cap)
{
	unsigned wanted = set & ~present & (at_context_valid(c) ? ~0u : AT_PROPAGATE_BAGGAGE);
	struct lines l = {dst, 0, cap};
	char b3[AT_B3_MAX];
	bool identified = wanted & AT_PROPAGATE_TRACECONTEXT && add_traceparent(&l, c);
	if (wanted & AT_PROPAGATE_B3) {
		size_t n = at_b3_write_single(b3, c);
		add(&l, b3, n);
	}
	if (wanted & AT_PROPAGATE_B3MULTI) {
		size_t n = at_b3_write_multi(b3, c);
		add(&l, b3, n);
	}
	if (identified)
		add_tracestate(&l, tracestate);
	if (wanted & AT_PROPAGATE_BAGGAGE)
		add_baggage(&l, baggage);
	return l.n;
}
