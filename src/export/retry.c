/*
 * See retry.h.
 */
#include "export/retry.h"

#include "export/grpc.h"

#define NS_PER_MS   1000000u
#define NS_PER_S    1000000000ull
#define FIRST_MS    1000u
#define LAST_MS     5000u
#define AFTER_MAX_S 3600u

static const enum at_retry by_fault[] = {
	[AT_HTTP_ANSWERED] = AT_RETRY_NONE, [AT_HTTP_UNREACHABLE] = AT_RETRY_AGAIN,
	[AT_HTTP_BROKEN] = AT_RETRY_AGAIN,  [AT_HTTP_UNTRUSTED] = AT_RETRY_NEVER,
	[AT_HTTP_GARBAGE] = AT_RETRY_NEVER, [AT_HTTP_BAD_SETTING] = AT_RETRY_NEVER,
};

/* Every other status outside 2xx is final. */
static const long again[] = {429, 502, 503, 504};

/* Every other code of gRPC is final, but one. */
static const enum at_grpc_code again_grpc[] = {
	AT_GRPC_CANCELLED,    AT_GRPC_DEADLINE_EXCEEDED, AT_GRPC_ABORTED,
	AT_GRPC_OUT_OF_RANGE, AT_GRPC_UNAVAILABLE,       AT_GRPC_DATA_LOSS,
};

/* A server that is out of something may say that it will have it again. */
static enum at_retry judge_grpc(const struct at_http_answer *a)
{
	enum at_grpc_code code = at_grpc_code(a);
	uint64_t ns;
	for (size_t i = 0; i < sizeof(again_grpc) / sizeof(again_grpc[0]); i++)
		if (code == again_grpc[i])
			return AT_RETRY_AGAIN;
	if (code == AT_GRPC_RESOURCE_EXHAUSTED && at_grpc_retry_info(a, &ns))
		return AT_RETRY_AGAIN;
	return code == AT_GRPC_OK ? AT_RETRY_NONE : AT_RETRY_NEVER;
}

enum at_retry at_retry_judge(const struct at_http_answer *a)
{
	if (a->fault != AT_HTTP_ANSWERED)
		return by_fault[a->fault];
	if (a->grpc)
		return judge_grpc(a);
	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++)
		if (a->status == again[i])
			return AT_RETRY_AGAIN;
	return a->status >= 200 && a->status < 300 ? AT_RETRY_NONE : AT_RETRY_NEVER;
}

/* ---- dates ---- */

static struct at_str word(struct at_str *rest)
{
	while (rest->n && (rest->p[0] == ' ' || rest->p[0] == '-'))
		*rest = at_str_from(*rest, 1);
	size_t n = 0;
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '-')
		n++;
	struct at_str w = at_str_head(*rest, n);
	*rest = at_str_from(*rest, n);
	return w;
}

static bool month_of(struct at_str w, unsigned *ret)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	for (unsigned i = 0; i < 12; i++)
		if (at_str_eq_nocase(w, at_str(names + 3 * i, 3))) {
			*ret = i + 1;
			return true;
		}
	return false;
}

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	int64_t years = m > 2 ? y : y - 1;
	int64_t months = m > 2 ? m - 3 : m + 9;
	int64_t leap = years / 4 - years / 100 + years / 400;
	return years * 365 + leap + (153 * months + 2) / 5 + (int64_t)d - 719469;
}

static bool clock_of(struct at_str w, int64_t *ret)
{
	uint64_t part[3];
	for (int i = 0; i < 3; i++)
		if (!at_str_u64(at_str_cut(&w, ':'), &part[i]) || part[i] > 60)
			return false;
	*ret = (int64_t)(part[0] * 3600 + part[1] * 60 + part[2]);
	return true;
}

/* Unix seconds of "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT" or
 * "Sun Nov  6 08:49:37 1994". */
static bool date_of(struct at_str s, int64_t *ret)
{
	struct at_str w[6];
	uint64_t day;
	uint64_t year;
	unsigned month;
	int64_t clock;
	for (int i = 0; i < 6; i++)
		w[i] = word(&s);
	bool asctime = month_of(w[1], &month);
	if (!asctime && !month_of(w[2], &month))
		return false;
	if (!at_str_u64(asctime ? w[2] : w[1], &day) || !at_str_u64(asctime ? w[4] : w[3], &year) ||
	    !clock_of(asctime ? w[3] : w[4], &clock) || day == 0 || day > 31 || year > 9999)
		return false;
	if (year < 100)
		year += year < 70 ? 2000 : 1900;
	*ret = days_of((int64_t)year, month, (unsigned)day) * 86400 + clock;
	return true;
}

uint64_t at_retry_after(struct at_str value, int64_t unix_now)
{
	uint64_t seconds;
	int64_t date;
	value = at_str_trim(value);
	if (!at_str_u64(value, &seconds)) {
		if (!date_of(value, &date) || date <= unix_now)
			return 0;
		seconds = (uint64_t)(date - unix_now);
	}
	return (seconds > AFTER_MAX_S ? AFTER_MAX_S : seconds) * NS_PER_S;
}

uint64_t at_retry_asked(const struct at_http_answer *a, int64_t unix_now)
{
	uint64_t ns;
	if (a->grpc && at_grpc_retry_info(a, &ns))
		return ns;
	return at_retry_after(a->retry_after, unix_now);
}

uint64_t at_retry_backoff(unsigned attempt, uint64_t random)
{
	uint64_t ms = FIRST_MS;
	for (unsigned i = 1; i < attempt && ms < LAST_MS; i++)
		ms += ms / 2;
	if (ms > LAST_MS)
		ms = LAST_MS;
	return (ms - ms / 5 + random % (2 * (ms / 5) + 1)) * NS_PER_MS;
}
