/*
 * Whether baggage (W3C Baggage) may be sent on as it stands. Fed by propagate.c and flow with
 * foreign header values; pure.
 *
 *   list-member = key OWS "=" OWS value *( OWS ";" OWS key [ OWS "=" OWS value ] )
 */
#include "trace/propagate.h"

#define BYTES_MAX   8192
#define MEMBERS_MAX 64

/* baggage-octets; the separators ',' and ';' are gone already. */
static bool is_value(struct at_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\')
			return false;
	}
	return true;
}

/* `key`, or `key = value`; the value is asked for when must_have is set. */
static bool pair_ok(struct at_str s, bool must_have)
{
	ptrdiff_t equals = at_str_find(s, '=');
	if (equals < 0)
		return !must_have && at_str_is_token(at_str_trim(s));
	return at_str_is_token(at_str_trim(at_str_head(s, (size_t)equals))) &&
	       is_value(at_str_trim(at_str_from(s, (size_t)equals + 1)));
}

static bool member_ok(struct at_str m)
{
	if (!pair_ok(at_str_cut(&m, ';'), true))
		return false;
	while (m.n)
		if (!pair_ok(at_str_cut(&m, ';'), false))
			return false;
	return true;
}

bool at_propagate_baggage_ok(struct at_str baggage)
{
	unsigned members = 0;
	if (baggage.n > BYTES_MAX)
		return false;
	while (baggage.n) {
		struct at_str m = at_str_trim(at_str_cut(&baggage, ','));
		if (m.n == 0)
			continue;
		if (++members > MEMBERS_MAX || !member_ok(m))
			return false;
	}
	return members > 0;
}
