/*
 * Spans as OTLP JSON: the same content as otlp_encode.h, one `{"resourceSpans":[…]}` object on one
 * line. The worker's thread only.
 */
#ifndef AT_EXPORT_OTLP_JSON_H
#define AT_EXPORT_OTLP_JSON_H

#include "export/out.h"
#include "trace/record.h"

struct at_resource;

/* Opens the envelope in an empty buffer. */
void at_otlp_json_begin(struct at_out *o, const struct at_resource *r);

/* One span; `first` when none stands before it. */
void at_otlp_json_add(struct at_out *o, const struct at_span *s, bool first);

/* Closes the envelope; no line feed behind it. */
void at_otlp_json_close(struct at_out *o);

#endif
