/*
 * An environment of any bytes, one variable a line, with any room for its texts: every field keeps
 * its promises. The first two bytes are the room. The user's attributes go on into a resource.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "trace/resource.h"
#include "trace/sampler.h"

#define ENTRIES 64

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_text(struct at_str s)
{
	check(s.p && s.p[s.n] == 0 && strlen(s.p) == s.n);
}

static void check_config(const struct at_config *c)
{
	const struct at_str texts[] = {c->config_file,
				       c->service_name,
				       c->resource_attributes,
				       c->injected_attributes,
				       c->traceparent,
				       c->tracestate,
				       c->baggage,
				       c->sampler,
				       c->known_methods,
				       c->routes,
				       c->capture_server_request,
				       c->capture_server_response,
				       c->capture_client_request,
				       c->capture_client_response,
				       c->capture_sanitize,
				       c->redact_add,
				       c->redact_remove,
				       c->console_file,
				       c->otlp_url,
				       c->otlp_headers,
				       c->otlp_certificate,
				       c->otlp_client_key,
				       c->otlp_client_certificate};
	struct at_sampler sampler;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_text(texts[i]);
	check(at_sampler_init(&sampler, c->sampler, c->sampler_ratio));
	check(c->sampler_ratio >= 0 && c->sampler_ratio <= 1);
	check(c->log_level >= AT_LOG_NONE && c->log_level <= AT_LOG_DEBUG);
	check(c->propagators < 16 && c->exporters < 16 && c->memory_limit >= 1 << 20);
	check(c->bsp_max_export_batch_size > 0);
	check(c->bsp_max_export_batch_size <= c->bsp_max_queue_size);
	check(c->warnings <= AT_CONFIG_WARNINGS);
	for (unsigned i = 0; i < c->warnings; i++)
		check_text(c->warning[i]);
	check(c->otlp_url.n == 0 || memcmp(c->otlp_url.p, "http", 4) == 0 ||
	      memcmp(c->otlp_url.p, "HTTP", 4) == 0 || (c->otlp_url.p[0] | 0x20) == 'h');
	check(c->otlp_protocol >= AT_OTLP_PROTOBUF && c->otlp_protocol <= AT_OTLP_GRPC);
}

static void build_resource(const struct at_config *c)
{
	struct at_resource_user user = {.service_name = c->service_name,
					.attributes = c->resource_attributes,
					.injected = c->injected_attributes};
	bool bad;
	if (user.attributes.n + user.injected.n)
		at_resource_free(at_resource_build(&user, &bad));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *envp[ENTRIES + 1];
	struct at_config c;
	size_t count = 0;
	if (size < 2)
		return 0;
	size_t room = (size_t)data[0] << 8 | data[1];
	struct at_str rest = at_str((const char *)data + 2, size - 2);
	char *arena = malloc(room + 1);
	while (rest.n && count < ENTRIES) {
		struct at_str line = at_str_cut(&rest, '\n');
		char *entry = calloc(1, line.n + 1);
		if (line.n)
			memcpy(entry, line.p, line.n);
		envp[count++] = entry;
	}
	envp[count] = NULL;
	at_config_load(&c, envp, arena, room);
	while (count)
		free((char *)envp[--count]);
	check_config(&c);
	build_resource(&c);
	free(arena);
	return 0;
}
