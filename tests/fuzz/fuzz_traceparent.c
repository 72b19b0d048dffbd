/*
 * traceparent and B3 from any bytes: what is accepted can be written and read back as the same
 * context. The first byte chooses the format.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "trace/b3.h"
#include "trace/propagate.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_same(const struct at_context *a, const struct at_context *b)
{
	check(memcmp(a->trace_id, b->trace_id, 16) == 0 && memcmp(a->span_id, b->span_id, 8) == 0 &&
	      a->flags == b->flags && a->deferred == b->deferred);
}

static void try_traceparent(struct at_str in)
{
	struct at_context c, again;
	char out[55];
	if (!at_propagate_parse_traceparent(in, &c))
		return;
	check(at_context_valid(&c) && (c.flags & ~3u) == 0 && !c.deferred);
	at_propagate_write_traceparent(out, &c);
	check(at_propagate_parse_traceparent(at_str(out, sizeof(out)), &again));
	check_same(&c, &again);
}

static void try_b3(struct at_str in)
{
	struct at_context c, again;
	char out[AT_B3_MAX];
	if (!at_propagate_parse_b3(in, &c))
		return;
	check(at_context_valid(&c));
	size_t n = at_b3_write_single(out, &c);
	check(n > 6 && at_propagate_parse_b3(at_str(out + 4, n - 6), &again));
	check_same(&c, &again);
}

/* Four values, one a line. */
static void try_b3_multi(struct at_str in)
{
	struct at_context c;
	struct at_carrier carrier = {.x_b3_traceid = at_str_cut(&in, '\n'),
				     .x_b3_spanid = at_str_cut(&in, '\n'),
				     .x_b3_sampled = at_str_cut(&in, '\n'),
				     .x_b3_flags = in};
	if (at_b3_parse_multi(&carrier, &c))
		check(at_context_valid(&c));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const formats[])(struct at_str) = {try_traceparent, try_b3, try_b3_multi};
	if (size == 0)
		return 0;
	char *copy = malloc(size);
	memcpy(copy, data + 1, size - 1);
	formats[data[0] % 3](at_str(copy, size - 1));
	free(copy);
	return 0;
}
