/*
 * See health.h.
 *
 *   good --failure--> bad (a warning) --another kind of failure--> bad (a warning)
 *   bad --success--> good (a line at level info, if there was a warning)
 *
 * A warning that comes within ten seconds of the one before waits until they are over. When the
 * state has changed by then it is only counted.
 */
#include "export/health.h"

#include "base/clock.h"
#include "base/log.h"
#include "trace/grpc_code.h"

#define TROUBLE 400
#define PAUSE   10000000000ull /* ns between two warnings */

static char trouble[TROUBLE]; /* written once, before kept is set */
static bool kept;             /* trouble may be read (atomic) */

void at_health_open(struct at_health *h, const char *name, struct at_str where, const bool *exiting)
{
	*h = (struct at_health){.name = name, .exiting = exiting};
	where = at_str_head(where, sizeof(h->where) - 1);
	if (where.n)
		memcpy(h->where, where.p, where.n);
}

/* What the state is, in words; `status` has room for one. */
static const char *words(long state, char *status)
{
	if (state == AT_HEALTH_UNREACHABLE)
		return "cannot be reached";
	if (state == AT_HEALTH_PARTIAL)
		return "accepts only a part";
	char *p = stpcpy(status, "answers with status ");
	if (state >= AT_HEALTH_GRPC)
		stpcpy(p, at_grpc_code_name((enum at_grpc_code)(state - AT_HEALTH_GRPC)).p);
	else
		p[at_dec_encode(p, (uint64_t)state % 1000)] = 0;
	return status;
}

/* "NAME: WHERE what: text", cut to the room. */
static void describe(const struct at_health *h, const char *text, char *dst, size_t room)
{
	char status[48];
	const char *what = words(h->state, status);
	const char *part[] = {h->name, ": ", h->where, " ", what, *text ? ": " : "", text};
	size_t n = 0;
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		struct at_str s = at_str_head(at_str_c(part[i]), room - 1 - n);
		if (s.n)
			memcpy(dst + n, s.p, s.n);
		n += s.n;
	}
	dst[n] = 0;
}

static void keep(const struct at_health *h, const char *text)
{
	if (kept)
		return;
	describe(h, text, trouble, sizeof(trouble));
	__atomic_store_n(&kept, true, __ATOMIC_RELEASE);
}

static void warn(struct at_health *h, const char *text)
{
	char line[TROUBLE];
	uint64_t now = at_clock_now();
	if (h->told || (h->told_at && now - h->told_at < PAUSE))
		return;
	describe(h, text, line, sizeof(line));
	if (h->untold > 1)
		at_log(AT_LOG_WARN, "%s (came and went %lu times since the last warning)", line,
		       (unsigned long)h->untold - 1);
	else
		at_log(AT_LOG_WARN, "%s", line);
	h->told_at = now;
	h->untold = 0;
	h->told = true;
}

static void well(struct at_health *h)
{
	if (h->told)
		at_log(AT_LOG_INFO, "%s: %s accepts spans again after %lu failure%s", h->name,
		       h->where, (unsigned long)h->failures, h->failures == 1 ? "" : "s");
	h->failures = 0;
	h->told = false;
}

void at_health_set(struct at_health *h, long state, const char *text)
{
	bool changed = state != h->state;
	h->state = state;
	if (state == AT_HEALTH_GOOD) {
		well(h);
		return;
	}
	h->failures++;
	if (changed) {
		h->told = false;
		h->untold++;
	}
	if (!__atomic_load_n(h->exiting, __ATOMIC_ACQUIRE))
		warn(h, text);
	else if (!h->told)
		keep(h, text);
}

const char *at_health_trouble(void)
{
	return __atomic_load_n(&kept, __ATOMIC_ACQUIRE) ? trouble : NULL;
}

void at_health_after_fork(void)
{
	kept = false;
}
