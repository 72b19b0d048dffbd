/*
 * What stands around the spans in an OTLP protobuf body, an ExportTraceServiceRequest: resource,
 * scope and envelope. The worker's thread only.
 */
#ifndef AT_EXPORT_OTLP_FRAME_H
#define AT_EXPORT_OTLP_FRAME_H

#include "export/out.h"

struct at_resource;

/* Identity of the instrumentation scope and of the conventions that the attributes follow. */
#define AT_OTLP_SCOPE_NAME "libautotrace"
#define AT_OTLP_SCHEMA_URL "https://opentelemetry.io/schemas/1.44.0"

/* Bytes free before a body, for what a transport puts there. */
#define AT_OTLP_FRONT 5

/* What all bodies of a process have in common, ready to copy. */
struct at_otlp_frame {
	struct at_out resource; /* ResourceSpans.resource, with tag and length */
	struct at_out scope;    /* ScopeSpans.scope, with tag and length */
};

/* Packs resource and scope; false: no memory. */
bool at_otlp_frame_open(struct at_otlp_frame *f, const struct at_resource *r);
void at_otlp_frame_free(struct at_otlp_frame *f);

/* Leaves room at the start of an empty buffer for what stands before the spans. */
void at_otlp_begin(const struct at_otlp_frame *f, struct at_out *o);

/* Puts the envelope around the spans. Returns where the body begins in o, at least AT_OTLP_FRONT.
 */
size_t at_otlp_close(const struct at_otlp_frame *f, struct at_out *o);

#endif
