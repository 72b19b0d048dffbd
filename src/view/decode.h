/*
 * An OTLP trace export request (protobuf or JSON) becomes spans. Any bytes may come. One thread;
 * all memory is the region's, and what is decoded lives until that is cleared.
 */
#ifndef AT_VIEW_DECODE_H
#define AT_VIEW_DECODE_H

#include "view/region.h"
#include "view/span.h"

enum at_decode_result {
	AT_DECODE_DONE,
	AT_DECODE_GARBAGE, /* not an export request: refuse it as a whole */
	AT_DECODE_TOO_BIG  /* it would take more memory than the region may hold */
};

/*
 * Decodes `body` into *batch. On GARBAGE, and only then, *why holds a sentence for the sender.
 * Malformed spans within a readable request are sorted out (view/verdict.h), not refused.
 */
enum at_decode_result at_decode_protobuf(struct at_str body, struct at_region *region,
					 struct at_view_batch *batch, struct at_str *why);
enum at_decode_result at_decode_json(struct at_str body, struct at_region *region,
				     struct at_view_batch *batch, struct at_str *why);

/* Call once before the first at_decode_json: bounds what the JSON parser may take for one request
 * to `limit` bytes. Sets jansson's process-wide allocation functions. */
void at_decode_json_setup(size_t limit);

#endif
