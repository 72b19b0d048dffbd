/*
 * Puts complaints about settings into words. Fed by config.c, in the constructor; the lines go into
 * the caller's arena and are logged later by at_config_warn.
 */
#include "config/warning.h"

#include <limits.h>

/* A line being written. */
struct line {
	char text[384]; /* no NUL */
	size_t n;       /* bytes so far */
};

/* Foreign text shown at most, bytes. */
#define SHOWN 80

static void add(struct line *l, struct at_str s)
{
	s = at_str_head(s, sizeof(l->text) - l->n);
	if (s.n)
		memcpy(l->text + l->n, s.p, s.n);
	l->n += s.n;
}

static void add_clipped(struct line *l, struct at_str s)
{
	add(l, at_str_head(s, SHOWN));
	if (s.n > SHOWN)
		add(l, AT_STR("..."));
}

static void finish(struct at_config *c, struct at_value_arena *a, const struct line *l)
{
	if (c->warnings < AT_CONFIG_WARNINGS &&
	    at_value_keep(a, &c->warning[c->warnings], at_str(l->text, l->n), AT_STR_NONE,
			  AT_STR_NONE))
		c->warnings++;
	else
		c->warnings_lost++;
}

/* A URL with user and password in it is a secret too. */
static bool hidden(const struct at_complaint *p, struct at_str s)
{
	return p->secret || at_str_find(s, '@') >= 0;
}

static void add_quoted(struct line *l, const struct at_complaint *p, struct at_str s)
{
	if (hidden(p, s)) {
		add(l, AT_STR("the value (not shown)"));
		return;
	}
	add(l, AT_STR("\""));
	add_clipped(l, s);
	add(l, AT_STR("\""));
}

static void add_used(struct line *l, const struct at_complaint *p)
{
	if (p->used.n == 0) {
		add(l, AT_STR("; ignored"));
		return;
	}
	add(l, AT_STR("; using "));
	if (hidden(p, p->used))
		add(l, AT_STR("the other value"));
	else
		add_clipped(l, p->used);
}

void at_warning_value(struct at_config *c, struct at_value_arena *a, const struct at_complaint *p)
{
	struct line l;
	l.n = 0;
	add(&l, p->name);
	add(&l, AT_STR(": "));
	switch (p->verdict) {
	case AT_VALUE_TOO_LONG:
		add(&l, AT_STR("the value is too long"));
		break;
	case AT_VALUE_PART:
		if (p->item.n == 0) {
			add(&l, AT_STR("an entry is not name=value; it is left out"));
			finish(c, a, &l);
			return;
		}
		/* fall through */
	case AT_VALUE_UNSUPPORTED:
		add_quoted(&l, p, p->item);
		add(&l, AT_STR(" is not supported"));
		break;
	default:
		add_quoted(&l, p, p->value);
		add(&l, AT_STR(" is not "));
		add(&l, at_str_c(p->expected));
	}
	add_used(&l, p);
	finish(c, a, &l);
}

void at_warning_stranger(struct at_config *c, struct at_value_arena *a, struct at_str name,
			 struct at_str nearest)
{
	struct line l;
	l.n = 0;
	add_clipped(&l, name);
	add(&l, AT_STR(": there is no such setting; ignored"));
	if (nearest.n) {
		add(&l, AT_STR(" (did you mean "));
		add(&l, nearest);
		add(&l, AT_STR("?)"));
	}
	finish(c, a, &l);
}

void at_warning_batch(struct at_config *c, struct at_value_arena *a)
{
	char number[20];
	struct line l;
	l.n = 0;
	add(&l,
	    AT_STR("OTEL_BSP_MAX_EXPORT_BATCH_SIZE: more than OTEL_BSP_MAX_QUEUE_SIZE; using "));
	add(&l, at_str(number, at_dec_encode(number, c->bsp_max_export_batch_size)));
	finish(c, a, &l);
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned at_warning_distance(struct at_str a, struct at_str b)
{
	unsigned row[64];
	if (a.n >= 64 || b.n >= 64)
		return UINT_MAX;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned replace = diagonal + (a.p[i - 1] != b.p[j - 1]);
			diagonal = row[j];
			row[j] = least(replace, least(row[j], row[j - 1]) + 1);
		}
	}
	return row[b.n];
}
