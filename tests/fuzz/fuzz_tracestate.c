/*
 * tracestate from any bytes, with any room: what comes out is a list of legal members that stays as
 * it is when put in again, and never more than there is room for. The first two bytes are the room.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/propagate.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_list(struct at_str list)
{
	unsigned members = 0;
	while (list.n) {
		struct at_str m = at_str_cut(&list, ',');
		ptrdiff_t equals = at_str_find(m, '=');
		check(equals > 0 && equals <= 256 && m.n - (size_t)equals - 1 <= 256);
		check(m.n > (size_t)equals + 1 && m.p[m.n - 1] != ' ');
		for (size_t i = 0; i < m.n; i++)
			check(m.p[i] >= ' ' && m.p[i] <= '~');
		members++;
	}
	check(members <= 32);
}

static void try_inject(struct at_str in, size_t cap)
{
	struct at_context c = {.trace_id = {1}, .span_id = {1}};
	char *dst = malloc(cap + 1);
	unsigned ends = 0, lines = 0;
	size_t n = at_propagate_inject(1, 0, &c, in, AT_STR_NONE, dst, cap);
	check(n <= cap && (n == 0) == (cap < 70));
	for (size_t i = 0; i < n; i++) {
		ends += dst[i] == '\n';
		lines += dst[i] == '\r';
	}
	check(ends == lines && ends <= 2 && (n == 0 || dst[n - 1] == '\n'));
	free(dst);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t cap = (size_t)data[0] << 8 | data[1];
	char *copy = malloc(size), *dst = malloc(cap + 1), *again = malloc(cap + 1);
	memcpy(copy, data + 2, size - 2);
	struct at_str in = at_str(copy, size - 2);
	size_t n = at_propagate_state(in, dst, cap);
	check(n <= cap && n <= size);
	check_list(at_str(dst, n));
	check(at_propagate_state(at_str(dst, n), again, cap) == n && memcmp(dst, again, n) == 0);
	try_inject(in, cap);
	free(copy);
	free(dst);
	free(again);
	return 0;
}
