/*
 * A finished server span as flow hands it over, with fourteen attributes: what tests and benchmarks
 * of the exporter send through it.
 */
#ifndef AT_TESTS_SUPPORT_SAMPLE_H
#define AT_TESTS_SUPPORT_SAMPLE_H

#include "trace/record.h"

/* A span's pieces, ready for at_export_offer and at_record_write. */
struct sample {
	struct at_record_head head;
	const char *name;
	const char *state;
	struct at_attrs attrs;
	char room[4096]; /* behind attrs */
	struct at_record_link link[2];
};

/* The i-th one; ids, ports and sizes differ. `query` may be NULL. */
static inline void sample_make(struct sample *s, unsigned i, const char *query)
{
	struct at_attrs *a = &s->attrs;
	struct at_context c = {.deferred = false};
	*a = (struct at_attrs){.p = s->room, .room = sizeof(s->room), .limit = 128};
	at_attrs_str(a, AT_KEY_http_request_method, AT_STR("GET"));
	at_attrs_str(a, AT_KEY_url_path, AT_STR("/api/users/4711/orders"));
	at_attrs_str(a, AT_KEY_url_scheme, AT_STR("http"));
	at_attrs_str(a, AT_KEY_server_address, AT_STR("shop.example.org"));
	at_attrs_int(a, AT_KEY_server_port, 8080);
	at_attrs_str(a, AT_KEY_client_address, AT_STR("127.0.0.1"));
	at_attrs_str(a, AT_KEY_network_peer_address, AT_STR("127.0.0.1"));
	at_attrs_int(a, AT_KEY_network_peer_port, 40000 + i % 1000);
	at_attrs_str(a, AT_KEY_network_protocol_version, AT_STR("1.1"));
	at_attrs_str(a, AT_KEY_user_agent_original, AT_STR("Mozilla/5.0 (X11; Linux x86_64)"));
	at_attrs_int(a, AT_KEY_http_response_status_code, 200);
	at_attrs_int(a, AT_KEY_http_response_body_size, 612);
	at_attrs_int(a, AT_KEY_http_request_size, 180 + i % 7);
	at_attrs_int(a, AT_KEY_http_response_size, 845);
	if (query)
		at_attrs_str(a, AT_KEY_url_query, at_str_c(query));
	at_context_new_trace(&c);
	s->name = "GET";
	s->state = "";
	s->head = (struct at_record_head){.start_ns = 1700000000000000000u + i,
					  .end_ns = 1700000000001500000u + i,
					  .kind = AT_SPAN_SERVER,
					  .flags = AT_FLAG_SAMPLED | AT_FLAG_RANDOM,
					  .attrs = a->count,
					  .attr_bytes = a->n,
					  .name_len = 3};
	memcpy(s->head.trace_id, c.trace_id, 16);
	memcpy(s->head.span_id, c.span_id, 8);
}

/* Writes the record to dst and returns its size. */
static inline size_t sample_record(const struct sample *s, void *dst)
{
	at_record_write(dst, &s->head, s->name, s->state, s->attrs.p, s->link);
	return at_record_size(&s->head);
}

#endif
