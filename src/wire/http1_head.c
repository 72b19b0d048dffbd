/*
 * The grammar of a head: request line or status line, header lines, empty line (RFC 9112, 2 to 6),
 * and what they say about the body. Fed by http1_hold.c and http1_look.c with contiguous bytes on
 * the caller's thread; slices of the message point into them. No state.
 *
 * Followed as what servers and clients in use accept: LF without CR, obsolete line folding, a
 * status line without reason, repeated equal Content-Length, any byte but NUL and CR in values and
 * most in names. Given up as malformed, because programs differ in how they read it: white space
 * before the colon or in the first line, a line without colon, CR without LF, NUL, folding of a
 * field that frames the body, differing or overflowing Content-Length, a request whose last
 * transfer coding is not chunked.
 */
#include "wire/field.h"
#include "wire/http1_priv.h"
#include "wire/scan.h"

#define METHOD_MAX 24

/* What a parse remembers from line to line. */
struct parse {
	struct at_message *m; /* being filled */
	struct at_str coding; /* the last transfer coding so far */
	const char *raw;      /* behind the colon of the last header line */
	int field;            /* the last header line's enum at_field, or -1 */
	bool faulty;          /* framing contradicts itself */
};

/* Bytes that cannot be: bad once their line is complete. */
static enum at_http1_scan verdict(const char *at, const char *end)
{
	return memchr(at, '\n', (size_t)(end - at)) ? AT_HTTP1_SCAN_BAD : AT_HTTP1_SCAN_MORE;
}

/* Behind the line end at p; NULL when there is none (or not all of it). */
static inline const char *behind_eol(const char *p, const char *end)
{
	if (p < end && *p == '\n')
		return p + 1;
	return end - p >= 2 && p[0] == '\r' && p[1] == '\n' ? p + 2 : NULL;
}

/* The end of the text that begins at p: its CR or LF. NULL when it does not end here or holds NUL
 * or a CR without LF. */
static inline const char *text_end(const char *p, const char *end, const char **ret_next)
{
	for (;; p++) {
		p = at_scan(p, end, '\r', '\r');
		if (p == end || *p == '\0')
			return NULL;
		if (*p != '\n' && *p != '\r')
			continue;
		*ret_next = behind_eol(p, end);
		return *ret_next ? p : NULL;
	}
}

/* The request target behind "<method> ": end when it has not begun yet, NULL when this is no
 * method. */
static inline const char *target_begin(const char *p, const char *end)
{
	const char *at = p;
	while (at < end && (unsigned char)((*at | 0x20) - 'a') < 26)
		at++;
	while (at < end && at > p && *at != ' ' &&
	       ((unsigned char)((*at | 0x20) - 'a') < 26 || *at == '-' || *at == '_'))
		at++;
	if (at - p > METHOD_MAX)
		return NULL;
	if (at == end)
		return end;
	if (at == p || *at != ' ')
		return NULL;
	at++;
	return at == end || ((unsigned char)*at > ' ' && *at != 0x7f) ? at : NULL;
}

static enum at_http1_scan request_line(const char *at, const char *end, struct at_message *m,
				       const char **ret_next)
{
	const char *target = target_begin(at, end);
	if (!target)
		return AT_HTTP1_SCAN_BAD;
	const char *sp = at_scan(target, end, ' ', 0x7f);
	if (end - sp < 9 || memcmp(sp, " HTTP/1.", 8) != 0 || sp[8] < '0' || sp[8] > '9')
		return verdict(at, end);
	*ret_next = behind_eol(sp + 9, end);
	if (!*ret_next)
		return verdict(at, end);
	if (m) {
		m->version = sp[8] == '0' ? 10 : 11;
		m->method = at_str(at, (size_t)(target - 1 - at));
		m->target = at_str(target, (size_t)(sp - target));
	}
	return AT_HTTP1_SCAN_DONE;
}

static const char response_begin[] = {'H', 'T', 'T', 'P', '/', '1', '.'};

static bool can_begin_response(const char *p, size_t n)
{
	return memcmp(p, response_begin, n < sizeof(response_begin) ? n : sizeof(response_begin)) ==
	       0;
}

/* Three digits from 100 on, or 0. */
static uint16_t status_of(const char *p)
{
	if (p[0] < '1' || p[0] > '9' || p[1] < '0' || p[1] > '9' || p[2] < '0' || p[2] > '9')
		return 0;
	return (uint16_t)((p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0'));
}

static enum at_http1_scan status_line(const char *at, const char *end, struct at_message *m,
				      const char **ret_next)
{
	if (!can_begin_response(at, (size_t)(end - at)))
		return AT_HTTP1_SCAN_BAD;
	if (end - at < 13 || at[7] < '0' || at[7] > '9' || at[8] != ' ')
		return verdict(at, end);
	uint16_t status = status_of(at + 9);
	if (!status || (at[12] != ' ' && at[12] != '\r' && at[12] != '\n'))
		return verdict(at, end);
	if (!text_end(at + 12, end, ret_next))
		return verdict(at, end);
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

/* Content-Length: a number, or equal numbers in a list or in several lines (RFC 9110, 8.6). */
static bool add_length(struct at_message *m, struct at_str list)
{
	for (;;) {
		ptrdiff_t comma = at_str_find(list, ',');
		struct at_str one = at_str_head(list, comma < 0 ? list.n : (size_t)comma);
		uint64_t v;
		if (!at_str_u64(at_str_trim(one), &v) || v > INT64_MAX)
			return false;
		if (m->declared_body != UINT64_MAX && m->declared_body != v)
			return false;
		m->declared_body = v;
		if (comma < 0)
			return true;
		list = at_str_from(list, (size_t)comma + 1);
	}
}

/* Transfer-Encoding: remembers the last coding that is not empty. */
static void add_coding(struct parse *x, struct at_str list)
{
	while (list.n) {
		struct at_str one = at_str_trim(at_str_cut(&list, ','));
		if (one.n)
			x->coding = one;
	}
}

static void keep_field(struct parse *x, struct at_str name, struct at_str raw)
{
	x->field = at_field_find(name);
	x->raw = raw.p;
	if (x->field < 0)
		return;
	struct at_field_value *f = &x->m->field[x->field];
	struct at_str value = at_str_trim(raw);
	if (f->count++ == 0)
		f->value = value;
	if (x->field == AT_FIELD_content_length)
		x->faulty |= !add_length(x->m, value);
	else if (x->field == AT_FIELD_transfer_encoding)
		add_coding(x, value);
}

/* The last header line goes on until eol (RFC 9112, 5.2). */
static void keep_fold(struct parse *x, const char *eol)
{
	if (x->field < 0)
		return;
	if (x->field == AT_FIELD_content_length || x->field == AT_FIELD_transfer_encoding)
		x->faulty = true;
	struct at_field_value *f = &x->m->field[x->field];
	const char *p = x->raw;
	while (p < eol && (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'))
		p++;
	while (eol > p && (eol[-1] == ' ' || eol[-1] == '\t' || eol[-1] == '\r' || eol[-1] == '\n'))
		eol--;
	if (f->count == 1)
		f->value = at_str(p, (size_t)(eol - p));
}

/* One header line. Inlined, as scan_lines is: a call per line costs a sixth of the whole. */
static inline __attribute__((always_inline)) enum at_http1_scan
header_line(const char *at, const char *end, uint8_t row, struct parse *x, const char **ret_next)
{
	bool fold = *at == ' ' || *at == '\t';
	const char *text = at;
	if (!fold) {
		const char *colon = at_scan(at, end, ' ', ':');
		if (colon == at || colon == end || *colon != ':')
			return verdict(at, end);
		text = colon + 1;
	} else if (row < 2) {
		return verdict(at, end);
	}
	const char *eol = text_end(text, end, ret_next);
	if (!eol)
		return verdict(at, end);
	if (x && fold)
		keep_fold(x, eol);
	else if (x)
		keep_field(x, at_str(at, (size_t)(text - 1 - at)),
			   at_str(text, (size_t)(eol - text)));
	return AT_HTTP1_SCAN_DONE;
}

/* Lines from the cursor on; instantiated with and without x. */
static inline __attribute__((always_inline)) enum at_http1_scan
scan_lines(enum at_wire_half half, struct at_str head, struct at_http1_cursor *cursor,
	   struct parse *x)
{
	const char *at = head.p + cursor->line, *end = head.p + head.n, *next = at;
	enum at_http1_scan got = AT_HTTP1_SCAN_MORE;
	uint8_t row = cursor->row;
	while (at < end) {
		if (row == 0)
			got = (half == AT_WIRE_REQUEST ? request_line : status_line)(
				at, end, x ? x->m : NULL, &next);
		else if (*at == '\r' || *at == '\n')
			break;
		else
			got = header_line(at, end, row, x, &next);
		if (got != AT_HTTP1_SCAN_DONE)
			break;
		at = next;
		row = row ? 2 : 1;
		if (x && row == 1)
			x->m->block.p = at;
		got = AT_HTTP1_SCAN_MORE;
	}
	cursor->line = (size_t)(at - head.p);
	cursor->row = row;
	if (got == AT_HTTP1_SCAN_MORE && row && at < end && (*at == '\r' || *at == '\n'))
		return behind_eol(at, end) ? AT_HTTP1_SCAN_DONE : verdict(at, end);
	return got;
}

enum at_http1_scan at_http1_check(enum at_wire_half half, struct at_str head,
				  struct at_http1_cursor *at)
{
	return scan_lines(half, head, at, NULL);
}

enum at_http1_scan at_http1_parse(enum at_wire_half half, struct at_str head, bool lf_to_come,
				  struct at_http1_cursor *at, struct at_message *m)
{
	struct parse x = {.m = m, .field = -1};
	*at = (struct at_http1_cursor){0};
	memset(m, 0, sizeof(*m));
	m->half = half;
	m->declared_body = UINT64_MAX;
	enum at_http1_scan got = scan_lines(half, head, at, &x);
	if (got == AT_HTTP1_SCAN_MORE && lf_to_come && at_http1_lacks_lf(head, at))
		got = AT_HTTP1_SCAN_DONE;
	if (got != AT_HTTP1_SCAN_DONE)
		return got;
	m->block.n = (size_t)(head.p + at->line - m->block.p);
	m->head_bytes = at->line + at_http1_empty_line(head, at);
	m->chunked = at_str_eq_nocase(x.coding, AT_STR("chunked"));
	bool coded = m->field[AT_FIELD_transfer_encoding].count > 0;
	if (x.faulty || (half == AT_WIRE_REQUEST && coded && !m->chunked)) {
		at->row = 2;
		return AT_HTTP1_SCAN_BAD;
	}
	if (coded)
		m->declared_body = UINT64_MAX;
	return AT_HTTP1_SCAN_DONE;
}

enum at_http1_state at_http1_behind_head(const struct at_message *m, enum at_http1_then then)
{
	bool response = m->half == AT_WIRE_RESPONSE;
	if (then == AT_HTTP1_THEN_STOP || then == AT_HTTP1_THEN_TUNNEL || m->status == 101)
		return AT_HTTP1_STOPPED;
	if (response && m->status < 200)
		return AT_HTTP1_HEAD;
	if (then == AT_HTTP1_THEN_NO_BODY || m->status == 204 || m->status == 304)
		return AT_HTTP1_IDLE;
	if (m->chunked)
		return AT_HTTP1_CHUNK_SIZE;
	if (m->declared_body != UINT64_MAX)
		return m->declared_body ? AT_HTTP1_LENGTH : AT_HTTP1_IDLE;
	return response ? AT_HTTP1_UNTIL_CLOSE : AT_HTTP1_IDLE;
}
