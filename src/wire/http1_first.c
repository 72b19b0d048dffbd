/*
 * The first line of a head: request line or status line (RFC 9112, 3 and 4). Fed by http1_head.c
 * and http1_hold.c with contiguous bytes on the caller's thread. No state. A verdict on a line
 * waits for its LF; what can be no method, or no "HTTP/1.", is bad at once.
 */
#include "wire/http1_priv.h"
#include "wire/scan.h"

#define METHOD_MAX 24

/* Behind the letters at p. */
static inline const char *behind_letters(const char *p, const char *end)
{
#ifdef __SSE2__
	if (end - p >= 16) {
		__m128i lower = _mm_or_si128(at_scan_load(p), _mm_set1_epi8(0x20)),
			place = _mm_sub_epi8(lower, _mm_set1_epi8('a'));
		unsigned others = ~at_scan_bits(at_scan_low(place, 25)) & 0xffff;
		if (others)
			return p + __builtin_ctz(others);
		p += 16;
	}
#endif
	while (p < end && at_http1_is_letter(*p))
		p++;
	return p;
}

/* The request target behind "<method> ": end when it has not begun yet, NULL when this is no
 * method. p < end. */
static inline const char *target_begin(const char *p, const char *end)
{
	const char *at = behind_letters(p, end);
	while (at < end && *at != ' ' && at > p &&
	       (at_http1_is_letter(*at) || *at == '-' || *at == '_'))
		at++;
	if ((size_t)(at - p) - 1 >= METHOD_MAX)
		return NULL;
	if (at == end)
		return end;
	if (*at != ' ')
		return NULL;
	at++;
	return at == end || ((unsigned char)*at > ' ' && *at != 0x7f) ? at : NULL;
}

enum at_http1_scan at_http1_request_line(const char *at, const char *end, struct at_message *m,
					 const char **ret_next)
{
	const char *target = target_begin(at, end);
	if (!target)
		return AT_HTTP1_SCAN_BAD;
	const char *sp = at_scan(target, end, ' ', 0x7f);
	if (end - sp < 9 || memcmp(sp, " HTTP/1.", 8) != 0 || sp[8] < '0' || sp[8] > '9')
		return at_http1_verdict(at, end);
	*ret_next = at_http1_behind_eol(sp + 9, end);
	if (!*ret_next)
		return at_http1_verdict(at, end);
	if (m) {
		m->version = sp[8] == '0' ? 10 : 11;
		m->method = at_str(at, (size_t)(target - 1 - at));
		m->target = at_str(target, (size_t)(sp - target));
	}
	return AT_HTTP1_SCAN_DONE;
}

static const char response_begin[] = {'H', 'T', 'T', 'P', '/', '1', '.'};

static inline bool can_begin_response(const char *p, size_t n)
{
	if (n >= sizeof(response_begin))
		return memcmp(p, response_begin, sizeof(response_begin)) == 0;
	for (size_t i = 0; i < n; i++)
		if (p[i] != response_begin[i])
			return false;
	return true;
}

/* Three digits from 100 on, or 0. */
static uint16_t status_of(const char *p)
{
	if (p[0] < '1' || p[0] > '9' || p[1] < '0' || p[1] > '9' || p[2] < '0' || p[2] > '9')
		return 0;
	return (uint16_t)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
}

enum at_http1_scan at_http1_status_line(const char *at, const char *end, struct at_message *m,
					const char **ret_next)
{
	if (!can_begin_response(at, (size_t)(end - at)))
		return AT_HTTP1_SCAN_BAD;
	if (end - at < 13 || at[7] < '0' || at[7] > '9' || at[8] != ' ')
		return at_http1_verdict(at, end);
	uint16_t status = status_of(at + 9);
	if (!status || (at[12] != ' ' && at[12] != '\r' && at[12] != '\n'))
		return at_http1_verdict(at, end);
	if (!at_http1_text_end(at + 12, end, ret_next))
		return at_http1_verdict(at, end);
	if (m) {
		m->version = at[7] == '0' ? 10 : 11;
		m->status = status;
	}
	return AT_HTTP1_SCAN_DONE;
}

bool at_http1_can_begin(enum at_wire_half half, struct at_str first)
{
	if (half == AT_WIRE_RESPONSE)
		return can_begin_response(first.p, first.n);
	return target_begin(first.p, first.p + first.n) != NULL;
}
