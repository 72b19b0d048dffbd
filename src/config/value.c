/*
 * Reads values of settings: numbers, words and lists (URLs and attributes: value_text.c). Fed by
 * config.c with foreign text, in the constructor; no state, no locale.
 */
#include "config/value.h"

#include "base/log.h"
#include "config/config.h"
#include "config/select.h"

#define INT_LIMIT 2147483647u

/* A word that a setting may be, and what it stands for. */
struct word {
	struct at_str text;
	int value;
};

#define WORD(literal, value)                          \
	{                                             \
		{literal, sizeof(literal) - 1}, value \
	}
#define UNSUPPORTED (-1)

static const struct word *find(const struct word *words, size_t count, struct at_str text)
{
	for (size_t i = 0; i < count; i++)
		if (at_str_eq_nocase(words[i].text, text))
			return &words[i];
	return NULL;
}

#define FIND(words, text) find(words, sizeof(words) / sizeof(words[0]), text)

enum at_verdict at_value_bool(struct at_value *v)
{
	bool yes = at_str_eq_nocase(v->text, AT_STR("true"));
	if (!yes && !at_str_eq_nocase(v->text, AT_STR("false")))
		return AT_VALUE_BAD;
	*(bool *)v->field = yes;
	return AT_VALUE_OK;
}

enum at_verdict at_value_kill(struct at_value *v)
{
	*(bool *)v->field = at_select_kills(v->text);
	return AT_VALUE_OK;
}

enum at_verdict at_value_level(struct at_value *v)
{
	static const struct word words[] = {
		WORD("none", AT_LOG_NONE),     WORD("off", AT_LOG_NONE),
		WORD("error", AT_LOG_ERROR),   WORD("fatal", AT_LOG_ERROR),
		WORD("warn", AT_LOG_WARN),     WORD("warning", AT_LOG_WARN),
		WORD("info", AT_LOG_INFO),     WORD("debug", AT_LOG_DEBUG),
		WORD("verbose", AT_LOG_DEBUG), WORD("trace", AT_LOG_DEBUG),
	};
	const struct word *w = FIND(words, v->text);
	if (!w)
		return AT_VALUE_BAD;
	*(int *)v->field = w->value;
	return AT_VALUE_OK;
}

static enum at_verdict number(struct at_value *v, uint64_t min)
{
	uint64_t n;
	if (!at_str_u64(v->text, &n) || n < min || n > INT_LIMIT)
		return AT_VALUE_BAD;
	*(uint32_t *)v->field = (uint32_t)n;
	return AT_VALUE_OK;
}

enum at_verdict at_value_ms(struct at_value *v)
{
	return number(v, 0);
}

enum at_verdict at_value_count(struct at_value *v)
{
	return number(v, 0);
}

enum at_verdict at_value_positive(struct at_value *v)
{
	return number(v, 1);
}

enum at_verdict at_value_length(struct at_value *v)
{
	uint64_t n;
	if (!at_str_u64(v->text, &n) || n > INT_LIMIT)
		return AT_VALUE_BAD;
	*(size_t *)v->field = (size_t)n;
	return AT_VALUE_OK;
}

enum at_verdict at_value_bytes(struct at_value *v)
{
	static const struct word units[] = {
		WORD("k", 10),   WORD("kb", 10), WORD("kib", 10), WORD("m", 20),   WORD("mb", 20),
		WORD("mib", 20), WORD("g", 30),  WORD("gb", 30),  WORD("gib", 30),
	};
	const uint64_t least = 1u << 20, most = (uint64_t)1 << 40;
	size_t digits = 0;
	uint64_t n;
	int shift = 0;
	while (digits < v->text.n && v->text.p[digits] >= '0' && v->text.p[digits] <= '9')
		digits++;
	if (digits < v->text.n) {
		const struct word *unit = FIND(units, at_str_trim(at_str_from(v->text, digits)));
		if (!unit)
			return AT_VALUE_BAD;
		shift = unit->value;
	}
	if (!at_str_u64(at_str_head(v->text, digits), &n) || n > most >> shift ||
	    n << shift < least)
		return AT_VALUE_BAD;
	*(size_t *)v->field = (size_t)(n << shift);
	return AT_VALUE_OK;
}

/* Digits from s on into *mantissa, *exponent lowered for each when they stand behind the point.
 * Digits past the 18th no longer matter. Returns how many there are. */
static size_t digits(struct at_str s, uint64_t *mantissa, int *exponent, int step)
{
	size_t i = 0;
	for (; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		if (*mantissa < 100000000000000000u) {
			*mantissa = *mantissa * 10 + (uint64_t)(s.p[i] - '0');
			*exponent += step;
		} else {
			*exponent += step + 1;
		}
	}
	return i;
}

/* "0.25", ".5", "1", "1e-3": strtod would ask the locale what a decimal point is. */
enum at_verdict at_value_ratio(struct at_value *v)
{
	struct at_str s = v->text;
	uint64_t mantissa = 0, power = 0;
	int exponent = 0, sign = 1;
	size_t n = digits(s, &mantissa, &exponent, 0);
	s = at_str_from(s, n);
	if (s.n && s.p[0] == '.') {
		size_t fraction = digits(at_str_from(s, 1), &mantissa, &exponent, -1);
		s = at_str_from(s, 1 + fraction);
		n += fraction;
	}
	if (n == 0)
		return AT_VALUE_BAD;
	if (s.n && (s.p[0] == 'e' || s.p[0] == 'E')) {
		s = at_str_from(s, 1);
		if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
			sign = s.p[0] == '-' ? -1 : 1;
			s = at_str_from(s, 1);
		}
		if (!at_str_u64(s, &power) || power > 400)
			return AT_VALUE_BAD;
	} else if (s.n) {
		return AT_VALUE_BAD;
	}
	exponent += sign * (int)power;
	double r = (double)mantissa, scale = 1;
	for (int i = exponent < 0 ? -exponent : exponent; i > 0 && scale < 1e300; i--)
		scale *= 10;
	r = exponent < 0 ? r / scale : r * scale;
	if (!(r >= 0 && r <= 1))
		return AT_VALUE_BAD;
	*(double *)v->field = r;
	return AT_VALUE_OK;
}

static const struct word propagators[] = {
	WORD("tracecontext", 1), WORD("baggage", 2), WORD("b3", 4),
	WORD("b3multi", 8),      WORD("none", 0),
};

static const struct word exporters[] = {
	WORD("otlp", AT_EXPORTER_OTLP),
	WORD("console", AT_EXPORTER_CONSOLE),
	WORD("line", AT_EXPORTER_LINE),
	WORD("otlp/stdout", AT_EXPORTER_OTLP_STDOUT),
	WORD("none", 0),
	WORD("logging", AT_EXPORTER_CONSOLE),
};

static const struct word bridges[] = {
	WORD("python", AT_BRIDGE_PYTHON),
	WORD("node", AT_BRIDGE_NODE),
	WORD("jvm", AT_BRIDGE_JVM),
	WORD("none", 0),
};

/* A list of words, each a bit. Unknown ones are left out; nothing known at all: not usable. */
static enum at_verdict bits(struct at_value *v, const struct word *words, size_t count)
{
	struct at_str rest = v->text;
	unsigned set = 0, known = 0;
	while (rest.n) {
		struct at_str part = at_str_trim(at_str_cut(&rest, ','));
		if (part.n == 0)
			continue;
		const struct word *w = find(words, count, part);
		if (w) {
			set |= (unsigned)w->value;
			known++;
		} else if (!v->item.n) {
			v->item = part;
		}
	}
	if (!known)
		return AT_VALUE_BAD;
	*(unsigned *)v->field = set;
	return v->item.n ? AT_VALUE_PART : AT_VALUE_OK;
}

enum at_verdict at_value_propagators(struct at_value *v)
{
	return bits(v, propagators, sizeof(propagators) / sizeof(propagators[0]));
}

enum at_verdict at_value_exporters(struct at_value *v)
{
	return bits(v, exporters, sizeof(exporters) / sizeof(exporters[0]));
}

enum at_verdict at_value_bridges(struct at_value *v)
{
	return bits(v, bridges, sizeof(bridges) / sizeof(bridges[0]));
}

static size_t bit_names(const struct word *words, unsigned set, char *dst, size_t cap)
{
	size_t n = 0;
	for (; words->value; words++) {
		if (!(set & (unsigned)words->value) || n + 1 + words->text.n > cap)
			continue;
		if (n)
			dst[n++] = ',';
		memcpy(dst + n, words->text.p, words->text.n);
		n += words->text.n;
	}
	if (n == 0 && cap >= words->text.n) {
		memcpy(dst, words->text.p, words->text.n);
		n = words->text.n;
	}
	return n;
}

size_t at_value_propagator_names(unsigned set, char *dst, size_t cap)
{
	return bit_names(propagators, set, dst, cap);
}

size_t at_value_exporter_names(unsigned set, char *dst, size_t cap)
{
	return bit_names(exporters, set, dst, cap);
}

size_t at_value_bridge_names(unsigned set, char *dst, size_t cap)
{
	return bit_names(bridges, set, dst, cap);
}

enum at_verdict at_value_sampler(struct at_value *v)
{
	static const struct word words[] = {
		WORD("always_on", 0),
		WORD("always_off", 0),
		WORD("traceidratio", 0),
		WORD("parentbased_always_on", 0),
		WORD("parentbased_always_off", 0),
		WORD("parentbased_traceidratio", 0),
		WORD("jaeger_remote", UNSUPPORTED),
		WORD("parentbased_jaeger_remote", UNSUPPORTED),
		WORD("xray", UNSUPPORTED),
	};
	const struct word *w = FIND(words, v->text);
	if (!w)
		return AT_VALUE_BAD;
	if (w->value == UNSUPPORTED) {
		v->item = w->text;
		return AT_VALUE_UNSUPPORTED;
	}
	*(struct at_str *)v->field = w->text;
	return AT_VALUE_OK;
}

enum at_verdict at_value_protocol(struct at_value *v)
{
	static const struct word words[] = {
		WORD("http/protobuf", AT_OTLP_PROTOBUF),
		WORD("http/json", AT_OTLP_JSON),
		WORD("grpc", AT_OTLP_GRPC),
	};
	const struct word *w = FIND(words, v->text);
	if (!w)
		return AT_VALUE_BAD;
	*(int *)v->field = w->value;
	return AT_VALUE_OK;
}

enum at_verdict at_value_compression(struct at_value *v)
{
	bool gzip = at_str_eq_nocase(v->text, AT_STR("gzip"));
	if (!gzip && !at_str_eq_nocase(v->text, AT_STR("none")))
		return AT_VALUE_BAD;
	*(bool *)v->field = gzip;
	return AT_VALUE_OK;
}
