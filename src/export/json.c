/*
 * See json.h.
 */
#include "export/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "export/utf8.h"

static void new_line(struct at_json *j)
{
	if (!j->indent)
		return;
	at_out_char(j->out, '\n');
	for (unsigned i = 0; i < j->depth * j->indent; i++)
		at_out_char(j->out, ' ');
}

void at_json_open(struct at_json *j, char bracket)
{
	at_out_char(j->out, bracket);
	j->depth++;
	j->filled = false;
}

void at_json_close(struct at_json *j, char bracket)
{
	j->depth--;
	if (j->filled)
		new_line(j);
	at_out_char(j->out, bracket);
	j->filled = true;
}

void at_json_item(struct at_json *j)
{
	if (j->filled)
		at_out_char(j->out, ',');
	new_line(j);
	j->filled = true;
}

void at_json_key(struct at_json *j, struct at_str key)
{
	at_json_item(j);
	at_json_text(j, key);
	at_out_bytes(j->out, ": ", j->indent ? 2 : 1);
}

/* How a byte below 0x80 is written when it cannot stand for itself. */
static void put_escape(struct at_out *o, unsigned char c)
{
	static const char short_from[] = "\"\\\b\f\n\r\t";
	static const char short_to[] = "\"\\bfnrt";
	const char *s = c ? strchr(short_from, c) : NULL;
	char text[6] = {'\\', 'u', '0', '0', 0, 0};
	if (s) {
		text[1] = short_to[s - short_from];
		at_out_bytes(o, text, 2);
		return;
	}
	at_hex_encode(text + 4, &c, 1);
	at_out_bytes(o, text, 6);
}

static bool plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void at_json_text(struct at_json *j, struct at_str s)
{
	struct at_out *o = j->out;
	at_out_char(o, '"');
	for (size_t i = 0; i < s.n;) {
		size_t run = i;
		while (run < s.n && plain((unsigned char)s.p[run]))
			run++;
		at_out_bytes(o, s.p + i, run - i);
		i = run;
		if (i == s.n)
			break;
		unsigned step = at_utf8_step(s.p + i, s.n - i);
		if (step == 1)
			put_escape(o, (unsigned char)s.p[i]);
		else if (step)
			at_out_bytes(o, s.p + i, step);
		else
			at_out_bytes(o, "\xef\xbf\xbd", 3);
		i += step ? step : 1;
	}
	at_out_char(o, '"');
}

void at_json_int(struct at_json *j, int64_t v)
{
	at_out_i64(j->out, v);
}

void at_json_u64_text(struct at_json *j, uint64_t v)
{
	at_out_char(j->out, '"');
	at_out_u64(j->out, v);
	at_out_char(j->out, '"');
}

/* snprintf writes the decimal point of the program's locale. */
static size_t put_double(char *dst, size_t room, double v)
{
	int n = snprintf(dst, room, "%.17g", v);
	for (int i = 0; i < n; i++)
		if (dst[i] != '-' && dst[i] != '+' && dst[i] != 'e' &&
		    (dst[i] < '0' || dst[i] > '9'))
			dst[i] = '.';
	return n > 0 ? (size_t)n : 0;
}

void at_json_double(struct at_json *j, double v)
{
	char text[40];
	if (isnan(v))
		at_json_text(j, AT_STR("NaN"));
	else if (isinf(v))
		at_json_text(j, v > 0 ? AT_STR("Infinity") : AT_STR("-Infinity"));
	else
		at_out_bytes(j->out, text, put_double(text, sizeof(text), v));
}

void at_json_bool(struct at_json *j, bool v)
{
	at_out_str(j->out, v ? AT_STR("true") : AT_STR("false"));
}

void at_json_null(struct at_json *j)
{
	at_out_str(j->out, AT_STR("null"));
}

void at_json_hex(struct at_json *j, struct at_str prefix, const void *src, size_t n)
{
	at_out_char(j->out, '"');
	at_out_str(j->out, prefix);
	at_out_hex(j->out, src, n);
	at_out_char(j->out, '"');
}

void at_json_member_text(struct at_json *j, struct at_str key, struct at_str s)
{
	at_json_key(j, key);
	at_json_text(j, s);
}

void at_json_member_int(struct at_json *j, struct at_str key, int64_t v)
{
	at_json_key(j, key);
	at_json_int(j, v);
}

/* ---- reading ---- */

/* The string that begins at json.p[0] == '"', without quotes; *ret_end is the index behind it.
 * False when it does not end. */
static bool read_string(struct at_str json, struct at_str *ret, size_t *ret_end)
{
	for (size_t i = 1; i < json.n; i++) {
		if (json.p[i] == '\\') {
			i++;
		} else if (json.p[i] == '"') {
			*ret = at_str(json.p + 1, i - 1);
			*ret_end = i + 1;
			return true;
		}
	}
	return false;
}

static struct at_str skip_space(struct at_str s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t' || s.p[0] == '\n' || s.p[0] == '\r'))
		s = at_str_from(s, 1);
	return s;
}

static struct at_str raw_value(struct at_str json)
{
	struct at_str s;
	size_t end = 0;
	if (json.n && json.p[0] == '"')
		return read_string(json, &s, &end) ? s : AT_STR_NONE;
	while (end < json.n && !strchr(",}] \t\r\n", json.p[end]))
		end++;
	return at_str_head(json, end);
}

struct at_str at_json_find(struct at_str json, struct at_str key)
{
	while (json.n) {
		struct at_str s;
		size_t end;
		if (json.p[0] != '"') {
			json = at_str_from(json, 1);
			continue;
		}
		if (!read_string(json, &s, &end))
			break;
		json = skip_space(at_str_from(json, end));
		if (json.n && json.p[0] == ':' && at_str_eq(s, key))
			return raw_value(skip_space(at_str_from(json, 1)));
	}
	return AT_STR_NONE;
}
