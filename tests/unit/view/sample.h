/*
 * Spans for the tests of src/view, made by hand. The ids are small numbers: a trace or span id is
 * zeros and, last, that byte.
 */
#ifndef AT_TESTS_SAMPLE_H
#define AT_TESTS_SAMPLE_H

#include "view/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS 1000000u
#define T0 1714564800123000000u /* 2024-05-01 12:00:00.123 UTC */

/* Sixteen and eight bytes for each small number. */
static char sample_trace_ids[256][16], sample_span_ids[256][8];

static inline struct at_str sample_trace_id(unsigned char n)
{
	sample_trace_ids[n][15] = (char)n;
	return at_str(sample_trace_ids[n], 16);
}

static inline struct at_str sample_span_id(unsigned char n)
{
	sample_span_ids[n][7] = (char)n;
	return at_str(sample_span_ids[n], 8);
}

/* The resource of a service, borrowed; a new one for each call. */
static inline const struct at_view_resource *sample_resource(const char *service, int64_t pid)
{
	static struct at_view_resource resources[64];
	static struct at_member members[64][2];
	static unsigned int used;
	unsigned int i = used++ % 64;

	members[i][0] = (struct at_member){AT_STR("service.name"),
					   {.type = AT_VALUE_STRING, .text = at_str_c(service)}};
	members[i][1] =
		(struct at_member){AT_STR("process.pid"), {.type = AT_VALUE_INT, .integer = pid}};
	resources[i].attributes = (struct at_attributes){.at = members[i], .n = 2};
	return &resources[i];
}

/* Span `id` of trace 1 under `parent` (0: a root), milliseconds after T0. */
static inline struct at_view_span sample_span(unsigned char id, unsigned char parent,
					      const char *service, const char *name, int kind,
					      double from, double to)
{
	static const struct at_view_scope scope;

	return (struct at_view_span){.trace_id = sample_trace_id(1),
				     .span_id = sample_span_id(id),
				     .parent_id = parent ? sample_span_id(parent) : AT_STR_NONE,
				     .name = at_str_c(name),
				     .kind = kind,
				     .start = T0 + (uint64_t)(from * MS),
				     .end = T0 + (uint64_t)(to * MS),
				     .resource = sample_resource(service, 70 + id),
				     .scope = &scope};
}

#endif
