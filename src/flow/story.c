/*
 * See story.h. Fed by shore.c, talk.c, server.c, client.c and exchange.c, feeds the log. Owns the
 * count of lines.
 */
#include "flow/story.h"

#include "base/clock.h"
#include "base/counter.h"
#include "flow/describe.h"
#include "flow/talk.h"

#define NS_PER_S 1000000000u

/* Of a target, bytes that are shown. */
#define SHOWN 120

static uint64_t second; /* monotonic, whose lines are counted (atomic) */
static uint32_t lines;  /* asked for in it (atomic) */

bool at_story_turn(void)
{
	uint64_t now = at_clock_now() / NS_PER_S;
	uint64_t before = __atomic_load_n(&second, __ATOMIC_RELAXED);
	if (now != before && __atomic_compare_exchange_n(&second, &before, now, false,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		uint32_t asked = __atomic_exchange_n(&lines, 0, __ATOMIC_RELAXED);
		if (asked > AT_STORY_MAX)
			at_log(AT_LOG_DEBUG, "%u lines were left out", asked - AT_STORY_MAX);
	}
	return __atomic_add_fetch(&lines, 1, __ATOMIC_RELAXED) <= AT_STORY_MAX;
}

void at_story_peer(int fd, struct at_conn *c, const char *what)
{
	char text[AT_ENDPOINT_TEXT];
	const struct at_endpoint *peer = at_conn_peer(fd, c);
	size_t n = at_endpoint_text(peer, text);
	if (!at_story_turn())
		return;
	if (peer->family == AF_UNIX || !n)
		at_log(AT_LOG_DEBUG, "fd %d: %s %.*s", fd, what, n ? (int)n : 16,
		       n ? text : "an unnamed peer ");
	else
		at_log(AT_LOG_DEBUG, "fd %d: %s %.*s port %u", fd, what, (int)n, text, peer->port);
}

void at_story_over(int fd, unsigned counter)
{
	const char *why = counter == AT_COUNT_conns_tls         ? "TLS that is not seen into"
			  : counter == AT_COUNT_conns_tunnel    ? "a tunnel from here on"
			  : counter == AT_COUNT_conns_malformed ? "malformed"
			  : counter == AT_COUNT_conns_over_cap  ? "over a cap"
			  : counter == AT_COUNT_conns_lost_sync ? "bytes went by unseen"
								: "no HTTP";
	AT_STORY(fd, "observed no longer: %s", why);
}

/* Path and host of a target, without query and credentials. */
static struct at_str shown(struct at_str target)
{
	ptrdiff_t query = at_str_find(target, '?');
	if (query >= 0)
		target = at_str_head(target, (size_t)query);
	ptrdiff_t at = at_str_find(target, '@');
	if (target.n && target.p[0] != '/' && at >= 0)
		target = at_str_from(target, (size_t)at + 1);
	return at_str_head(target, SHOWN);
}

void at_story_request(int fd, const struct at_exchange *x, const struct at_message *m)
{
	char span[16], parent[16];
	struct at_str target = shown(m->target);
	struct at_str rule = at_describe_rule(x);
	bool has_query = at_str_find(m->target, '?') >= 0;
	if (!at_story_turn())
		return;
	at_hex_encode(span, x->ctx.span_id, 8);
	at_hex_encode(parent, x->parent_id, 8);
	at_log(AT_LOG_DEBUG, "fd %d: %s %.*s %.*s%s: span %.*s, parent %.*s (%.*s)%s", fd,
	       x->kind == AT_SPAN_SERVER ? "serves" : "calls",
	       AT_STR_ARG(at_str_head(m->method, 24)), AT_STR_ARG(target), has_query ? "?..." : "",
	       16, span, 16, parent, AT_STR_ARG(rule),
	       x->silent       ? "; the application traces it itself"
	       : !x->recording ? "; not sampled, or nobody to deliver to"
			       : "");
}

void at_story_end(const struct at_exchange *x, const char *error_type, bool refused)
{
	char span[16];
	if (!at_story_turn())
		return;
	at_hex_encode(span, x->ctx.span_id, 8);
	at_log(AT_LOG_DEBUG, "fd %d: %s %u%s%s: span %.*s %s", x->talk ? x->talk->fd : -1,
	       x->status ? "answered with status" : "ended without an answer, status", x->status,
	       error_type ? ", " : "", error_type ? error_type : "", 16, span,
	       refused        ? "was refused: the queue is full, or tracing is off"
	       : x->recording ? "is finished"
			      : "is not kept");
}
