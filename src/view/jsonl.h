/*
 * Spans as lines of JSON: flat objects, made to be read by jq and by tests. One thread.
 */
#ifndef AT_VIEW_JSONL_H
#define AT_VIEW_JSONL_H

#include "view/body.h"
#include "view/region.h"
#include "view/span.h"

#include <jansson.h>

struct at_jsonl {
	int fd;                  /* where the lines go; the caller closes it */
	int error;               /* errno of the first line that could not be written, 0 */
	struct at_body lines;    /* of the request being written */
	struct at_region region; /* repaired text of that request */
};

/* "server", "client", ...; "unspecified" for a number OTLP does not know. Static storage. */
const char *at_jsonl_kind(int kind);

/* "unset", "ok", "error"; static storage. */
const char *at_jsonl_status(int status);

/* A new reference, NULL without memory. Text is repaired in `region`. */
json_t *at_jsonl_value(const struct at_value *value, struct at_region *region);

void at_jsonl_init(struct at_jsonl *out, int fd);

/* Writes one line for each accepted span, all of them with as few writes as the kernel allows.
 * False: out->error is set, some lines are missing. */
bool at_jsonl_write(struct at_jsonl *out, const struct at_view_batch *batch);

void at_jsonl_free(struct at_jsonl *out);

#endif
