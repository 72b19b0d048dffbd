/*
 * Fed by an exporter with closed batches, feeds http.c. Owns the deadline and the pauses.
 *
 *            +-- failed for now, time is left --> pause --+
 *            |                                            |
 *   body --> send --> answered, or failed for good, or no time left --> done
 *
 * A pause that the server asked for (Retry-After, RetryInfo) outlives its body: when it is longer
 * than the time left, the body is given up at once and the next one waits. So does one after a
 * failure that is final and no answer of HTTP (a bad certificate, another protocol).
 */
#include "export/post.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/entropy.h"
#include "export/grpc.h"
#include "export/lately.h"
#include "export/retry.h"

#define NS_PER_MS 1000000u
#define NS_PER_S  1000000000u
/* No attempt is made with less than this part of the time-out left: what is taken and acknowledged
 * too late counts as lost, and is delivered. */
#define WORTHWHILE  10
#define PACKED_CAP  (48u << 20)
#define PACKED_KEEP (1u << 20)

bool at_post_open(struct at_post *p, const struct at_http_options *o, bool gzip, uint64_t limit_ms,
		  const bool *exiting)
{
	*p = (struct at_post){.limit = limit_ms * NS_PER_MS, .exiting = exiting};
	p->packed.cap = PACKED_CAP;
	p->prefix = o->grpc ? AT_GRPC_PREFIX : 0;
	p->http = at_http_open(o);
	p->gzip = gzip ? at_gzip_open() : NULL;
	return p->http && (p->gzip || !gzip);
}

static bool exiting(const struct at_post *p)
{
	return __atomic_load_n(p->exiting, __ATOMIC_ACQUIRE);
}

/* The body compressed, a message of gRPC behind its prefix; as it is when that cannot be done. */
static struct at_str pack(struct at_post *p, struct at_str body)
{
	at_out_reset(&p->packed, PACKED_KEEP);
	if (!p->gzip || (p->prefix && !at_out_place(&p->packed, p->prefix)))
		return body;
	p->packed.n = p->prefix;
	if (!at_gzip_pack(p->gzip, at_str_from(body, p->prefix), &p->packed))
		return body;
	if (p->prefix)
		at_grpc_prefix(p->packed.p, true, p->packed.n - p->prefix);
	return at_str(p->packed.p, p->packed.n);
}

static void begin(struct at_post *p, struct at_str body, uint64_t now)
{
	p->active = true;
	p->sending = false;
	p->attempt = 0;
	p->deadline = p->limit ? now + p->limit : UINT64_MAX;
	p->body = pack(p, body);
}

/* Milliseconds, at least one; 0: no limit. */
static uint64_t time_left(const struct at_post *p, uint64_t now)
{
	if (p->deadline == UINT64_MAX)
		return 0;
	return p->deadline > now ? (p->deadline - now + NS_PER_MS - 1) / NS_PER_MS : 1;
}

/* Without an answer of HTTP the next body will fare no better soon, and a handshake costs the
 * program's cores more than a body. */
static void hold_back(struct at_post *p, const struct at_http_answer *a, uint64_t now)
{
	p->hopeless = a->fault == AT_HTTP_ANSWERED ? 0 : p->hopeless + 1;
	if (p->hopeless)
		p->wait_until = now + at_retry_backoff(p->hopeless, at_entropy_u64());
}

/* True when there will be another attempt. */
static bool plan(struct at_post *p, const struct at_http_answer *a, uint64_t now)
{
	if (at_retry_judge(a) != AT_RETRY_AGAIN) {
		hold_back(p, a, now);
		return false;
	}
	uint64_t pause = at_retry_asked(a, (int64_t)(at_clock_wall() / NS_PER_S));
	if (!pause)
		pause = at_retry_backoff(p->attempt, at_entropy_u64());
	p->wait_until = now + pause;
	return !exiting(p) && p->wait_until + p->limit / WORTHWHILE < p->deadline;
}

enum at_step at_post_step(struct at_post *p, struct at_str body, uint64_t now,
			  const struct at_http_answer **ret)
{
	if (!p->sending) {
		if (now < p->wait_until && !exiting(p))
			return AT_STEP_BUSY;
		if (!p->active)
			begin(p, body, now);
		p->attempt++;
		p->sending = true;
		at_http_start(p->http, p->body, p->body.p != body.p, time_left(p, now));
	}
	const struct at_http_answer *a = at_http_step(p->http);
	if (!a)
		return AT_STEP_BUSY;
	p->sending = false;
	at_lately_note(a, at_retry_judge(a) != AT_RETRY_NONE);
	if (at_retry_judge(a) != AT_RETRY_NONE)
		at_count(exports_failed, 1);
	if (plan(p, a, now))
		return AT_STEP_BUSY;
	p->active = false;
	*ret = a;
	return AT_STEP_DONE;
}

uint64_t at_post_next(const struct at_post *p)
{
	return p->sending ? 0 : p->wait_until;
}
