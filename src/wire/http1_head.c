/*
 * The grammar of a head: first line, header lines, empty line (RFC 9112, 2 to 6), and what they say
 * about the body. Fed by http1_hold.c and http1_look.c with contiguous bytes on the caller's
 * thread; slices of the message point into them. The usual line is found by http1_line.h; here is
 * the careful scan for all others, which alone gives verdicts. No state.
 *
 * Followed as what servers and clients in use accept: LF without CR, obsolete line folding, a
 * status line without reason, repeated equal Content-Length, any byte but NUL and CR in values and
 * most in names. Given up as malformed, because programs differ in how they read it: white space
 * before the colon or in the first line, a line without colon, CR without LF, NUL, folding of a
 * field that frames the body, differing or overflowing Content-Length, a request whose last
 * transfer coding is not chunked.
 */
#include "wire/field.h"
#include "wire/http1_line.h"
#include "wire/http1_priv.h"

/* What a parse remembers from line to line. */
struct parse {
	struct at_message *m; /* being filled */
	struct at_str coding; /* the last transfer coding so far */
	const char *line;     /* the last header line */
	bool faulty;          /* framing contradicts itself */
};

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Text without the blanks around it; a line end stands at `end`. */
static inline struct at_str trim(const char *p, const char *end)
{
	while (is_blank(*p))
		p++;
	while (end > p && is_blank(end[-1]))
		end--;
	return at_str(p, (size_t)(end - p));
}

/* Content-Length: a number, or equal numbers in a list or in several lines (RFC 9110, 8.6). */
static __attribute__((noinline)) bool add_length(struct at_message *m, struct at_str list)
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

/* The same for what it mostly is: the first one, up to 18 digits and nothing else. False when it
 * is not that. */
static inline bool plain_length(struct at_message *m, struct at_str s)
{
	uint64_t v = 0;
	if (s.n - 1 >= 18 || m->declared_body != UINT64_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = (unsigned char)s.p[i] - '0';
		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	m->declared_body = v;
	return true;
}

/* Transfer-Encoding: remembers the last coding that is not empty. */
static __attribute__((noinline)) void add_coding(struct parse *x, struct at_str list)
{
	while (list.n) {
		struct at_str one = at_str_trim(at_str_cut(&list, ','));
		if (one.n)
			x->coding = one;
	}
}

/* A header line: its name, and the end of its text. */
static inline __attribute__((always_inline)) void keep_line(struct parse *x, enum at_wire_half half,
							    struct at_str name, const char *eol)
{
	if (!at_field_maybe(at_field_filter(half), name))
		return;
	int field = at_field_find(half, name);
	if (field < 0)
		return;
	struct at_field_value *f = &x->m->field[field];
	struct at_str value = trim(name.p + name.n + 1, eol);
	if (f->count++ == 0)
		f->value = value;
	if (field == AT_FIELD_content_length)
		x->faulty |= !plain_length(x->m, value) && !add_length(x->m, value);
	else if (field == AT_FIELD_transfer_encoding)
		add_coding(x, value);
}

/* The last header line goes on until eol (RFC 9112, 5.2). */
static void keep_fold(struct parse *x, const char *eol)
{
	const char *p = memchr(x->line, ':', (size_t)(eol - x->line));
	int field = at_field_find(x->m->half, at_str(x->line, (size_t)(p - x->line)));
	if (field < 0)
		return;
	if (field == AT_FIELD_content_length || field == AT_FIELD_transfer_encoding)
		x->faulty = true;
	struct at_field_value *f = &x->m->field[field];
	p++;
	while (p < eol && (is_blank(*p) || *p == '\r' || *p == '\n'))
		p++;
	while (eol > p && (is_blank(eol[-1]) || eol[-1] == '\r' || eol[-1] == '\n'))
		eol--;
	if (f->count == 1)
		f->value = at_str(p, (size_t)(eol - p));
}

/* One header line of any kind. */
static __attribute__((noinline)) enum at_http1_scan
careful_line(const char *at, const char *end, uint8_t row, struct parse *x, const char **ret_next)
{
	bool fold = is_blank(*at);
	const char *colon = at, *text = at;
	if (!fold) {
		colon = at_scan(at, end, ' ', ':');
		if (colon == at || colon == end || *colon != ':')
			return at_http1_verdict(at, end);
		text = colon + 1;
	} else if (row < 2) {
		return at_http1_verdict(at, end);
	}
	const char *eol = at_http1_text_end(text, end, ret_next);
	if (!eol)
		return at_http1_verdict(at, end);
	if (x && fold) {
		keep_fold(x, eol);
	} else if (x) {
		x->line = at;
		keep_line(x, x->m->half, at_str(at, (size_t)(colon - at)), eol);
	}
	return AT_HTTP1_SCAN_DONE;
}

/* Usual lines from `at` on; returns the first line that is none. */
static inline __attribute__((always_inline)) const char *
usual_lines(enum at_wire_half half, const char *at, const char *end, uint8_t *row, struct parse *x)
{
	struct at_http1_line line;
	const char *last = NULL;
	while (at_http1_usual_line(at, end, &line)) {
		if (x)
			keep_line(x, half, at_str(at, line.name), line.eol);
		last = at;
		at = line.eol + 2;
	}
	if (last)
		*row = 2;
	if (last && x)
		x->line = last;
	return at;
}

/* Lines from the cursor on; instantiated with and without x, and for each half. */
static inline __attribute__((always_inline)) enum at_http1_scan
scan_lines(enum at_wire_half half, struct at_str head, struct at_http1_cursor *cursor,
	   struct parse *x)
{
	const char *at = head.p + cursor->line, *end = head.p + head.n, *next = at;
	enum at_http1_scan got = AT_HTTP1_SCAN_MORE;
	uint8_t row = cursor->row;
	if (row == 0 && at < end) {
		if (half == AT_WIRE_REQUEST)
			got = at_http1_request_line(at, end, x ? x->m : NULL, &next);
		else
			got = at_http1_status_line(at, end, x ? x->m : NULL, &next);
		if (got == AT_HTTP1_SCAN_DONE) {
			at = next;
			row = 1;
			if (x)
				x->m->block.p = at;
		}
	}
	while (row) {
		if (head.n >= 16)
			at = usual_lines(half, at, end, &row, x);
		got = AT_HTTP1_SCAN_MORE;
		if (at == end)
			break;
		if (*at == '\r' || *at == '\n') {
			got = at_http1_behind_eol(at, end) ? AT_HTTP1_SCAN_DONE
							   : at_http1_verdict(at, end);
			break;
		}
		got = careful_line(at, end, row, x, &next);
		if (got != AT_HTTP1_SCAN_DONE)
			break;
		at = next;
		row = 2;
	}
	cursor->line = (size_t)(at - head.p);
	cursor->row = row;
	return got;
}

enum at_http1_scan at_http1_check(enum at_wire_half half, struct at_str head,
				  struct at_http1_cursor *at)
{
	return scan_lines(half, head, at, NULL);
}

/* No such field. */
static inline void clear(struct at_field_value *f)
{
	size_t from = offsetof(struct at_field_value, value.n);
	memset((char *)f + from, 0, sizeof(*f) - from);
}

/* Nothing known yet. A field is empty by its count and the length of its value, one store each:
 * 19 instead of an instruction for 536 bytes that is slow to begin. */
static inline void begin_message(struct at_message *m, enum at_wire_half half)
{
	memset(m, 0, offsetof(struct at_message, field));
	m->half = half;
	m->declared_body = UINT64_MAX;
#define AT_FIELD(id, name, where) clear(&m->field[AT_FIELD_##id]);
#include "wire/field.def"
#undef AT_FIELD
}

static inline __attribute__((always_inline)) enum at_http1_scan
parse(enum at_wire_half half, struct at_str head, bool lf_to_come, struct at_http1_cursor *ret_at,
      struct at_message *m)
{
	struct at_http1_cursor at = {0};
	struct parse x = {.m = m};
	begin_message(m, half);
	enum at_http1_scan got = scan_lines(half, head, &at, &x);
	if (got == AT_HTTP1_SCAN_MORE && lf_to_come && at_http1_lacks_lf(head, &at))
		got = AT_HTTP1_SCAN_DONE;
	if (got == AT_HTTP1_SCAN_DONE) {
		m->block.n = (size_t)(head.p + at.line - m->block.p);
		m->head_bytes = at.line + at_http1_empty_line(head, &at);
		if (m->field[AT_FIELD_transfer_encoding].count) {
			m->chunked = at_str_eq_nocase(x.coding, AT_STR("chunked"));
			m->declared_body = UINT64_MAX;
			x.faulty |= half == AT_WIRE_REQUEST && !m->chunked;
		}
		if (x.faulty)
			got = AT_HTTP1_SCAN_BAD;
	}
	*ret_at = at;
	return got;
}

enum at_http1_scan at_http1_parse(enum at_wire_half half, struct at_str head, bool lf_to_come,
				  struct at_http1_cursor *ret_at, struct at_message *m)
{
	return half == AT_WIRE_REQUEST ? parse(AT_WIRE_REQUEST, head, lf_to_come, ret_at, m)
				       : parse(AT_WIRE_RESPONSE, head, lf_to_come, ret_at, m);
}
