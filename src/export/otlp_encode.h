/*
 * Spans as OTLP protobuf, one behind the other in a batch's buffer; otlp_frame.h puts the rest
 * around them. The worker's thread only.
 */
#ifndef AT_EXPORT_OTLP_ENCODE_H
#define AT_EXPORT_OTLP_ENCODE_H

#include "export/out.h"
#include "trace/record.h"

/* Makes the table of keys; before the first span. */
void at_otlp_encode_open(void);

/* Whether a span of this shape was encoded before. Then at_otlp_add wants nothing unpacked and
 * nothing processed. Otherwise unpack s->shape and run the processors, whose work on a span must
 * depend on nothing but its kind, its name and those attributes: at_otlp_add remembers it. */
bool at_otlp_recall(struct at_span *s);

/* One span; o->failed when it does not fit. What is still packed is taken as it is. */
void at_otlp_add(struct at_out *o, const struct at_span *s);

#endif
