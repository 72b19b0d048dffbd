/*
 * See hint.h. Fed by glance.c. A table of functions, in the order of what keeps most from being
 * seen; each looks at the numbers and writes a sentence, or none.
 */
#include "cli/hint.h"

#include "cli/glance.h"
#include "cli/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What the functions look at. */
struct look {
	const json_t *glance;
	const struct at_peek *peek;
	uint64_t now;            /* Unix ns */
	uint64_t connections;    /* that were seen */
	uint64_t http;           /* of these with HTTP */
	uint64_t tls;            /* of these, not readable */
	uint64_t other;          /* of other protocols and tunnels */
	uint64_t finished;       /* spans */
	struct at_text sentence; /* what to say */
};

#define NS_PER_S 1000000000u

static uint64_t connections(const struct look *l, const char *member)
{
	return at_glance_number(l->glance, "connections", member);
}

static void no_connection(struct look *l)
{
	if (l->connections == 0)
		at_text_addf(&l->sentence,
			     "no connection was seen: none accepted, opened or read so far "
			     "(`autotrace check PID` names what cannot be seen)");
}

static void encrypted(struct look *l)
{
	if (l->tls > 0 && l->http == 0 && l->other == 0)
		at_text_addf(&l->sentence, "all traffic is TLS that is not seen into (`autotrace "
					   "check PID` says why)");
	else if (l->tls > 0)
		at_text_addf(&l->sentence,
			     "TLS that is not seen into, on %" PRIu64 " of %" PRIu64
			     " connections (`autotrace check PID` says why)",
			     l->tls, l->connections);
}

static void other_protocols(struct look *l)
{
	if (l->http == 0 && l->other > 0)
		at_text_addf(&l->sentence,
			     "no HTTP was seen; other protocols on %" PRIu64 " of %" PRIu64
			     " connections",
			     l->other, l->connections);
}

static void silent_connections(struct look *l)
{
	if (l->connections > 0 && l->http + l->tls + l->other == 0)
		at_text_addf(&l->sentence, "connections were seen, but no request on them yet");
}

static void lost_connections(struct look *l)
{
	uint64_t lost = connections(l, "lost");

	if (lost > 0)
		at_text_addf(&l->sentence,
			     "given up because bytes went by unseen (stdio on a socket, calls from "
			     "signal handlers): %" PRIu64 " of %" PRIu64 " connections",
			     lost, l->connections);
}

static void disabled(struct look *l)
{
	if (at_peek_number(l->peek, "sdk_disabled", 0))
		at_text_addf(&l->sentence, "OTEL_SDK_DISABLED=true: no spans are made");
	else if (at_peek_count(l->peek, "exporters") && !at_peek_number(l->peek, "exporters", 0))
		at_text_addf(&l->sentence, "OTEL_TRACES_EXPORTER=none: spans go nowhere");
}

static void sampler(struct look *l)
{
	uint64_t unsampled = at_glance_number(l->glance, "spans", "unsampled");
	const char *name = at_peek_text(l->peek, "sampler", 0);

	if (!at_peek_number(l->peek, "exporters", 0))
		return;
	if (strcmp(name, "always_off") == 0)
		at_text_addf(&l->sentence, "the sampler is always_off: no span is kept");
	else if (unsampled > 0)
		at_text_addf(&l->sentence,
			     "not sampled: %" PRIu64 " requests (the sampler is %s; the caller may "
			     "have decided it)",
			     unsampled, name);
}

static void own_tracing(struct look *l)
{
	uint64_t silent = at_glance_number(l->glance, "requests", "traced_by_application");

	if (silent > 0)
		at_text_addf(&l->sentence,
			     "calls with a trace header of the application's own, of which no "
			     "second span is made: %" PRIu64,
			     silent);
}

static void collector(struct look *l)
{
	uint64_t since = at_peek_number(l->peek, "delivery.failing_since", 0);

	if (since == 0)
		return;
	at_text_addf(&l->sentence,
		     "the collector takes no spans: %s at %s, since %" PRIu64 " s, %" PRIu64
		     " attempts",
		     at_peek_text(l->peek, "delivery.error", 0),
		     at_peek_text(l->peek, "delivery.where", 0),
		     l->now > since ? (l->now - since) / NS_PER_S : 0,
		     at_peek_number(l->peek, "delivery.failures", 0));
}

static void no_thread(struct look *l)
{
	if (l->finished > 0 && at_peek_number(l->peek, "exporters", 0) &&
	    !at_peek_number(l->peek, "exporter.started", 0))
		at_text_addf(&l->sentence,
			     "the exporter's thread could not be started: the system refuses it");
}

static void waiting(struct look *l)
{
	uint64_t spans = at_glance_number(l->glance, "spans", "waiting");

	if (spans > 0 && !at_peek_number(l->peek, "delivery.failing_since", 0))
		at_text_addf(&l->sentence,
			     "spans that wait for their batch (OTEL_BSP_SCHEDULE_DELAY): %" PRIu64,
			     spans);
}

static void lost_spans(struct look *l)
{
	const json_t *causes = json_object_get(json_object_get(l->glance, "spans"), "lost_by");
	const char *cause;
	json_t *count;
	unsigned i = 0;

	if (at_glance_number(l->glance, "spans", "lost") == 0)
		return;
	at_text_addf(&l->sentence, "spans were lost: ");
	json_object_foreach((json_t *)causes, cause, count)
		at_text_addf(&l->sentence, "%s%" JSON_INTEGER_FORMAT " %s", i++ > 0 ? ", " : "",
			     json_integer_value(count), cause);
}

static void memory(struct look *l)
{
	uint64_t given_up = at_glance_number(l->glance, "memory", "refused");

	if (given_up > 0)
		at_text_addf(&l->sentence,
			     "observations given up at AUTOTRACE_MEMORY_LIMIT: %" PRIu64, given_up);
}

static void settings(struct look *l)
{
	unsigned count = at_peek_count(l->peek, "warnings");

	if (count > 0)
		at_text_addf(&l->sentence, "a setting cannot be used: %s%s",
			     at_peek_text(l->peek, "warnings", 0),
			     count > 1 ? "; and more, see warnings" : "");
}

static void (*const hints[])(struct look *) = {
	disabled,  no_connection, silent_connections, encrypted,        other_protocols, collector,
	no_thread, sampler,       lost_spans,         lost_connections, own_tracing,     memory,
	waiting,   settings,
};

void at_hint_all(json_t *glance, const struct at_peek *peek, uint64_t now)
{
	struct look l = {.glance = glance, .peek = peek, .now = now};
	json_t *list = json_object_get(glance, "hints");

	l.connections =
		connections(&l, "accepted") + connections(&l, "opened") + connections(&l, "found");
	l.http = connections(&l, "http1_server") + connections(&l, "http1_client") +
		 connections(&l, "http2");
	l.tls = connections(&l, "tls_unread");
	l.other = connections(&l, "other") + connections(&l, "tunnel");
	l.finished = at_glance_number(glance, "spans", "finished");
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		hints[i](&l);
		if (l.sentence.size > 0)
			json_array_append_new(list, at_json_safe(l.sentence.data));
		at_text_free(&l.sentence);
	}
}
