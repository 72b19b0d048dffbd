/*
 * A span as processors and exporters see it, made by hand.
 */
#ifndef AT_TESTS_SUPPORT_SPAN_H
#define AT_TESTS_SUPPORT_SPAN_H

#include "trace/record.h"

static inline void span_text(struct at_span *s, enum at_key key, const char *text)
{
	s->attr[s->attr_count++] = (struct at_attr){.key = at_key_name(key),
						    .key_id = (uint16_t)key,
						    .type = AT_ATTR_STRING,
						    .str = at_str_c(text)};
}

static inline void span_int(struct at_span *s, enum at_key key, int64_t v)
{
	s->attr[s->attr_count++] = (struct at_attr){
		.key = at_key_name(key), .key_id = (uint16_t)key, .type = AT_ATTR_INT, .i = v};
}

/* An empty span of a kind. */
static inline void span_reset(struct at_span *s, enum at_span_kind kind)
{
	s->attr_count = 0;
	s->link_count = 0;
	s->fixed.count = 0;
	s->shape.count = 0;
	s->own.count = 0;
	s->known = NULL;
	s->dropped_attrs = 0;
	s->kind = (uint8_t)kind;
	s->status = AT_STATUS_UNSET;
	s->name = AT_STR("GET");
	s->state = AT_STR_NONE;
	s->status_message = AT_STR_NONE;
}

#endif
