/*
 * Baggage from any bytes: what may be sent on fits the limits and cannot break out of its line.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct at_context c = {.trace_id = {1}, .span_id = {1}};
	char *copy = malloc(size + 1), *dst = malloc(size + 16);
	memcpy(copy, data, size);
	struct at_str in = at_str(copy, size), trimmed = at_str_trim(in);
	bool ok = at_propagate_baggage_ok(in);
	check(!ok || size <= 8192);
	for (size_t i = 0; ok && i < size; i++)
		check((copy[i] >= ' ' && copy[i] <= '~') || copy[i] == '\t');
	size_t n = at_propagate_inject(2, 0, &c, AT_STR_NONE, in, dst, size + 16);
	if (ok)
		check(n == 9 + trimmed.n + 2 && memcmp(dst + 9, trimmed.p, trimmed.n) == 0);
	for (size_t room = 0; room < n; room += 1 + n / 8)
		check(at_propagate_inject(2, 0, &c, AT_STR_NONE, in, dst, room) == 0);
	free(copy);
	free(dst);
	return 0;
}
