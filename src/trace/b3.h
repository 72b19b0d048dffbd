/*
 * B3 header lines, for propagate.c alone. Pure functions.
 */
#ifndef AT_TRACE_B3_H
#define AT_TRACE_B3_H

#include "trace/propagate.h"

/* Space that the writers need at most, bytes. */
#define AT_B3_MAX 128

/* The X-B3-… headers; false: no valid context, *ret untouched. */
bool at_b3_parse_multi(const struct at_carrier *in, struct at_context *ret);

/* "b3: …\r\n" and "X-B3-TraceId: …\r\n…": return the length. */
size_t at_b3_write_single(char *dst, const struct at_context *c);
size_t at_b3_write_multi(char *dst, const struct at_context *c);

#endif
