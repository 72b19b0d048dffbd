/*
 * See http_header.h. Asked by http.c; the values are secrets and appear in no message.
 */
#include "export/http_header.h"

#include "base/log.h"

static size_t decode_percent(char *dst, struct at_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '%' && s.n - i > 2 && at_hex_decode(dst + n, s.p + i + 1, 1)) {
			i += 2;
			n++;
		} else {
			dst[n++] = s.p[i];
		}
	}
	return n;
}

/* "name: value" at dst, or false when the pair could break out of its line. */
static bool read_pair(char *dst, size_t room, struct at_str pair)
{
	struct at_str value = pair;
	struct at_str name = at_str_trim(at_str_cut(&value, '='));
	value = at_str_trim(value);
	if (name.n == 0 || name.n + value.n + 3 > room)
		return false;
	memcpy(dst, name.p, name.n);
	memcpy(dst + name.n, ": ", 2);
	size_t n = name.n + 2 + decode_percent(dst + name.n + 2, value);
	dst[n] = 0;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)dst[i] < 32 || dst[i] == 127 || (i < name.n && dst[i] == ':'))
			return false;
	if (value.n == 0)
		memcpy(dst + name.n, ";", 2); /* libcurl's way to send an empty one */
	return true;
}

bool at_http_header_next(struct at_str *list, char *dst, size_t room)
{
	while (list->n) {
		struct at_str pair = at_str_trim(at_str_cut(list, ','));
		if (pair.n == 0)
			continue;
		if (read_pair(dst, room, pair))
			return true;
		at_log(AT_LOG_WARN, "a header of OTEL_EXPORTER_OTLP_HEADERS is malformed, ignored");
	}
	return false;
}
