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

/* One span; o->failed when it does not fit. */
void at_otlp_add(struct at_out *o, const struct at_span *s);

#endif
