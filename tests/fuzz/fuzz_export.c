/*
 * What the exporter's thread reads of foreign origin: answers of receivers by HTTP and by gRPC,
 * Retry-After, header lists, URLs, and the texts of spans that processors rewrite. The first byte
 * chooses.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/log.h"
#include "config/config.h"
#include "export/grpc.h"
#include "export/http_header.h"
#include "export/otlp_answer.h"
#include "export/resolve.h"
#include "export/retry.h"
#include "export/utf8.h"
#include "processor/chain.h"
#include "../support/span.h"

static struct at_config config;
static char arena[AT_CONFIG_ARENA];
static struct at_chain chain;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void answer(struct at_str s)
{
	static const struct {
		const char *type;
		long status;
	} kinds[] = {{"application/json", 200},
		     {"application/json", 400},
		     {"application/x-protobuf", 200},
		     {"application/x-protobuf", 400}};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct at_otlp_answer r;
		struct at_http_answer a = {
			.status = kinds[i].status, .type = at_str_c(kinds[i].type), .body = s};
		at_otlp_answer_read(&r, &a);
		check(strlen(r.message) <= AT_OTLP_MESSAGE_MAX);
		check(at_utf8_valid(at_str_c(r.message)) == strlen(r.message));
	}
}

static void judge_grpc(const struct at_http_answer *a)
{
	struct at_otlp_answer r;
	char words[40];
	uint64_t ns;
	at_otlp_answer_read(&r, a);
	check(at_utf8_valid(at_str_c(r.message)) == strlen(r.message));
	at_grpc_words(a, words, sizeof(words));
	check(strlen(words) < sizeof(words));
	bool asked = at_grpc_retry_info(a, &ns);
	check(ns <= 3600 * UINT64_C(1000000000) && (asked || !ns));
	check(at_grpc_code(a) < AT_GRPC_CODES);
	check((at_retry_judge(a) == AT_RETRY_NONE) == (at_grpc_code(a) == AT_GRPC_OK));
	check(at_retry_asked(a, 1700000000) <= 3600 * UINT64_C(1000000000));
}

/* status, message and details, each up to a NUL, and the body; the details as they are, which is
 * mostly no base64, and packed. */
static void grpc(struct at_str s)
{
	struct at_http_answer a = {.status = 200, .grpc = true};
	struct at_str *fields[] = {&a.grpc_status, &a.grpc_message, &a.grpc_details};
	for (size_t i = 0; i < 3; i++)
		*fields[i] = at_str_cut(&s, 0);
	a.body = s;
	judge_grpc(&a);
	char *packed = malloc(at_base64_encoded(a.grpc_details.n) + 1);
	at_base64_encode(packed, a.grpc_details);
	a.grpc_details = at_str(packed, at_base64_encoded(a.grpc_details.n));
	judge_grpc(&a);
	if (!a.grpc_status.n)
		a.grpc_status = AT_STR_NONE;
	a.status = (long)a.grpc_message.n;
	judge_grpc(&a);
	free(packed);
}

static void texts(struct at_str s)
{
	struct at_resolve_target e;
	char line[256];
	check(at_retry_after(s, 1700000000) <= 3600 * UINT64_C(1000000000));
	if (at_resolve_read_url(&e, s))
		check(e.host.n != 0 && e.port != 0 && e.port < 65536);
	while (at_http_header_next(&s, line, sizeof(line)))
		check(!strpbrk(line, "\r\n"));
}

static void utf8(struct at_str s)
{
	char *fixed = malloc(3 * s.n + 1);
	size_t n = at_utf8_fix(fixed, s);
	check(n == at_utf8_fixed_len(s) && n <= 3 * s.n);
	check(at_utf8_valid(at_str(fixed, n)) == n);
	check(!at_utf8_ascii(s) || at_utf8_valid(s) == s.n);
	free(fixed);
}

static void spans(struct at_str s)
{
	static struct at_span span;
	for (int kind = AT_SPAN_SERVER; kind <= AT_SPAN_CLIENT; kind++) {
		span_reset(&span, (enum at_span_kind)kind);
		span_text(&span, AT_KEY_http_request_method, "GET");
		span_text(&span, AT_KEY_url_path, "");
		span.attr[1].str = s;
		span_text(&span, AT_KEY_url_query, "");
		span.attr[2].str = s;
		span_text(&span, AT_KEY_url_full, "");
		span.attr[3].str = s;
		check(at_chain_run(&chain, &span));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const targets[])(struct at_str) = {answer, texts, utf8, spans, grpc};
	static const char *const env[] = {"AUTOTRACE_ROUTES=/users/{id};/a/*", NULL};
	if (!chain.count) {
		at_log_set_level(AT_LOG_NONE);
		check(at_config_load(&config, env, arena, sizeof(arena)));
		at_chain_open(&chain, &config);
	}
	if (n)
		targets[data[0] % 5](at_str((const char *)data + 1, n - 1));
	return 0;
}
