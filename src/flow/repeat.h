/*
 * The attributes that every request on a connection has alike: made once, copied from then on. A
 * keep-alive connection carries thousands of requests that differ in their target only. Belongs to
 * a talk, protected by its connection's lock.
 */
#ifndef AT_FLOW_REPEAT_H
#define AT_FLOW_REPEAT_H

#include "base/buf.h"
#include "trace/record.h"
#include "wire/message.h"

struct at_repeat {
	struct at_buf key;   /* method, Host and User-Agent of the request it was made from */
	struct at_buf attrs; /* their attributes, as in a record */
	uint16_t count;      /* attributes */
	uint16_t method_len; /* bytes of the method in key */
	uint16_t scheme_len; /* bytes of the scheme: "http" and "https" differ in them */
	uint16_t host_len;   /* bytes of Host behind it */
	uint16_t agent_len;  /* bytes of User-Agent behind that */
	uint8_t version;     /* HTTP version it is good for */
	uint32_t hash;       /* of attrs, for the exporter */
};

/* Whether a request's attributes depend on nothing but the key (no forwarding headers, no captured
 * ones, origin-form target). */
bool at_repeat_fits(const struct at_message *m, struct at_str captures);

/* Copies the attributes to the empty `to` when the key is that of m; false: make them anew. */
bool at_repeat_use(const struct at_repeat *t, const struct at_message *m, struct at_attrs *to);

/* Remembers what stands in `from` for requests like m; too large or no memory: forgets. */
void at_repeat_make(struct at_repeat *t, const struct at_message *m, const struct at_attrs *from);

void at_repeat_free(struct at_repeat *t);

#endif
