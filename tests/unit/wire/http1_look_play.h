/*
 * Looks ahead at every piece before it is fed, as a client's write is looked at, and holds what the
 * look says against what the feed says. Used by the unit tests and by the fuzz target.
 */
#ifndef TESTS_UNIT_WIRE_HTTP1_LOOK_PLAY_H
#define TESTS_UNIT_WIRE_HTTP1_LOOK_PLAY_H

#include "http1_play.h"

/* A stream of requests that is looked at and fed piece by piece. */
struct look_play {
	struct at_http1 h;  /* the state before the next piece */
	struct play fed;    /* the feed's events */
	struct play looked; /* "head …" lines of the looks */
	struct play ahead;  /* the head line of a look that ended at the CR of the piece before */
	char *out;          /* the stream with a line inserted into every head; owned */
	size_t out_n;       /* its length */
	size_t inserted;    /* lines inserted */
};

static inline void look_require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "look: %s\n", what);
	abort();
}

static inline void look_begin(struct look_play *l, size_t stream_n)
{
	memset(l, 0, sizeof(*l));
	at_http1_init(&l->h, AT_WIRE_REQUEST);
	/* The shortest head is longer than 13 bytes, the inserted line is 15. */
	l->out = malloc(stream_n * 3 + 64);
	if (!l->out)
		abort();
}

static inline void look_free(struct look_play *l)
{
	at_http1_free(&l->h);
	play_free(&l->fed);
	play_free(&l->looked);
	play_free(&l->ahead);
	free(l->out);
}

static inline void look_copy(struct look_play *l, const char *p, size_t n)
{
	if (n)
		memcpy(l->out + l->out_n, p, n);
	l->out_n += n;
}

/* Whether a slice of the plan's message lies where the header says. */
static inline void look_check_slice(const struct at_http1_plan *plan, struct at_str s,
				    const char *p, size_t n)
{
	if (!s.n)
		return;
	if (plan->starts_here) {
		look_require(s.p >= p && s.p + s.n <= p + n, "slice outside data");
		return;
	}
	const char *from = plan->joined.p;
	look_require(s.p >= from && s.p + s.n <= from + plan->joined.n, "slice outside joined");
	if (s.p >= from + plan->joined_from)
		look_require(memcmp(p + (s.p - from - plan->joined_from), s.p, s.n) == 0,
			     "joined_from does not lead back to data");
}

static inline void look_check_plan(const struct at_http1_plan *plan, const char *p, size_t n,
				   size_t from)
{
	look_require(plan->next_at <= n && plan->next_at > from, "next_at out of range");
	look_require(!plan->starts_here || plan->begin_at >= from, "begin_at out of range");
	if (plan->insertable)
		look_require(plan->insert_at >= from && plan->insert_at < plan->next_at &&
				     (p[plan->insert_at] == '\r' || p[plan->insert_at] == '\n'),
			     "insert_at is not at the empty line");
	look_check_slice(plan, plan->m.method, p, n);
	look_check_slice(plan, plan->m.target, p, n);
	look_check_slice(plan, plan->m.block, p, n);
	for (size_t i = 0; i < AT_FIELDS; i++)
		look_check_slice(plan, plan->m.field[i].value, p, n);
}

/* The LF that a head lacked must complete the very same head, with nothing to insert any more. */
static inline void look_check_ahead(struct look_play *l, const struct at_http1_plan *plan,
				    const char *p, size_t looked_before)
{
	if (!l->ahead.n)
		return;
	if (p[0] == '\n')
		look_require(plan->complete && !plan->insertable && plan->next_at == 1 &&
				     strcmp(l->looked.text + looked_before, l->ahead.text) == 0,
			     "the head that lacked its LF is another one");
	else
		look_require(!plan->complete, "a head behind a CR without LF");
	play_free(&l->ahead);
}

/* Looks at a piece, inserts into the copy, then feeds the piece. */
static inline void look_piece(struct look_play *l, const char *p, size_t n)
{
	struct at_http1 before = l->h;
	struct at_http1_plan plan;
	size_t from = 0, copied = 0;
	while (at_http1_look(&l->h, p, n, from, &plan)) {
		look_require(plan.complete, "true but not complete");
		size_t looked_before = l->looked.n;
		look_check_plan(&plan, p, n, from);
		if (plan.insertable) {
			look_copy(l, p + copied, plan.insert_at - copied);
			look_copy(l, PLAY_INSERT, sizeof(PLAY_INSERT) - 1);
			copied = plan.insert_at;
			l->inserted++;
		}
		if (!plan.ends_at_cr)
			play_head(&l->looked, &plan.m);
		if (from == 0)
			look_check_ahead(l, &plan, p, looked_before);
		if (plan.ends_at_cr)
			play_head(&l->ahead, &plan.m);
		from = plan.next_at;
	}
	look_require(!plan.complete, "false but complete");
	if (from == 0 && n)
		look_check_ahead(l, &plan, p, 0);
	at_http1_plan_free(&plan);
	look_copy(l, p + copied, n - copied);
	look_require(memcmp(&before, &l->h, sizeof(before)) == 0, "the stream's state has changed");
	play_feed(&l->fed, &l->h, p, n);
}

/* Without the inserted lines the copy is the stream; with them it gives the same messages. */
static inline void look_check_copy(struct look_play *l, const char *stream, size_t n)
{
	struct play with = {0};
	struct at_http1 h;
	at_http1_init(&h, AT_WIRE_REQUEST);
	play_feed(&with, &h, l->out, l->out_n);
	play_end(&with, &h, false);
	look_require(l->out_n == n + l->inserted * (sizeof(PLAY_INSERT) - 1), "bytes are missing");
	look_require(with.heads == l->fed.heads && strcmp(with.text, l->fed.text) == 0,
		     "the changed stream has other messages");
	play_free(&with);
	for (size_t at = 0, from = 0; at < l->out_n;) {
		if (at + sizeof(PLAY_INSERT) - 1 <= l->out_n &&
		    memcmp(l->out + at, PLAY_INSERT, sizeof(PLAY_INSERT) - 1) == 0)
			at += sizeof(PLAY_INSERT) - 1;
		else
			look_require(from < n && l->out[at++] == stream[from++], "a byte differs");
	}
}

/* To be called at the stream's end. The heads that were fed must be those that were looked at, in
 * that order, and every one of them has got its line. */
static inline void look_compare(struct look_play *l, const char *stream, size_t n)
{
	size_t lacking = l->ahead.n ? 1 : 0;
	const char *seen = l->looked.text ? l->looked.text : "";
	for (const char *s = l->fed.text ? l->fed.text : ""; *s; s = strchr(s, '\n') + 1) {
		if (strncmp(s, "head ", 5) != 0)
			continue;
		size_t n = (size_t)(strchr(s, '\n') - s) + 1;
		look_require(strncmp(s, seen, n) == 0, "the feed saw another head");
		seen += n;
	}
	look_require(*seen == '\0', "the feed saw fewer heads");
	look_require(l->inserted >= l->fed.heads + lacking, "a head without its line");
	play_end(&l->fed, &l->h, false);
	look_check_copy(l, stream, n);
}

#endif
