/*
 * Walking over a message's header lines once more, for whoever wants others than the known fields.
 * The block has been accepted by an engine, but nothing here relies on that: any bytes are safe. No
 * state.
 */
#include "wire/message.h"

/* Offset behind the line that begins at pos. */
static size_t behind_line(struct at_str block, size_t pos)
{
	const char *lf = memchr(block.p + pos, '\n', block.n - pos);
	return lf ? (size_t)(lf - block.p) + 1 : block.n;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool at_message_next(const struct at_message *m, size_t *pos, struct at_str *ret_name,
		     struct at_str *ret_value)
{
	struct at_str b = m->block;
	while (*pos < b.n) {
		size_t from = *pos, to = behind_line(b, from);
		while (to < b.n && (b.p[to] == ' ' || b.p[to] == '\t'))
			to = behind_line(b, to);
		*pos = to;
		const char *colon = memchr(b.p + from, ':', to - from);
		if (!colon)
			continue;
		const char *first = colon + 1, *last = b.p + to;
		while (first < last && is_blank(*first))
			first++;
		while (first < last && is_blank(last[-1]))
			last--;
		*ret_name = at_str(b.p + from, (size_t)(colon - b.p) - from);
		*ret_value = at_str(first, (size_t)(last - first));
		return true;
	}
	return false;
}
