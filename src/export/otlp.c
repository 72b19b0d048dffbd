/*
 * The exporter `otlp`: OTLP over HTTP, protobuf or JSON, and over gRPC. Fed by its lane, sends
 * through post.c. Owns the frame of its bodies and what it knows of the receiver's health.
 */
#include <stdlib.h>

#include "base/log.h"
#include "config/config.h"
#include "export/exporter.h"
#include "export/grpc.h"
#include "export/health.h"
#include "export/lately.h"
#include "export/otlp_answer.h"
#include "export/otlp_encode.h"
#include "export/otlp_frame.h"
#include "export/otlp_json.h"
#include "export/post.h"
#include "export/resolve.h"
#include "export/retry.h"
#include "trace/resource.h"

#define GRPC_PATH "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

struct otlp {
	const struct form *form;            /* of the bodies */
	char *url;                          /* where to; owned */
	const struct at_resource *resource; /* for JSON bodies */
	struct at_otlp_frame frame;         /* for protobuf bodies */
	struct at_post post;
	struct at_health health;
};

/* The time for a batch: the exporter's and the batch processor's limits both hold; 0: none. */
static uint64_t limit_ms(const struct at_config *c)
{
	uint32_t a = c->otlp_timeout_ms;
	uint32_t b = c->bsp_export_timeout_ms;
	return !a || (b && b < a) ? b : a;
}

/* The URL without a user's name and password, as far as it fits. */
static struct at_str shown_url(struct at_str url, char *dst, size_t room)
{
	struct at_resolve_target e;
	if (!at_resolve_read_url(&e, url))
		return AT_STR("(malformed URL)");
	struct at_str rest = at_str_from(url, (size_t)(e.host.p - url.p));
	struct at_str part[] = {e.scheme, AT_STR("://"), rest};
	size_t n = 0;
	if (e.host.p[-1] == '[')
		part[1] = AT_STR("://[");
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		part[i] = at_str_head(part[i], room - n);
		if (part[i].n)
			memcpy(dst + n, part[i].p, part[i].n);
		n += part[i].n;
	}
	return at_str(dst, n);
}

/* ---- bodies ---- */

static void begin_protobuf(struct otlp *x, struct at_batch *b)
{
	at_otlp_begin(&x->frame, &b->out);
}

static void add_protobuf(struct at_batch *b, const struct at_span *s)
{
	at_otlp_add(&b->out, s);
}

static void close_protobuf(struct otlp *x, struct at_batch *b)
{
	b->start = at_otlp_close(&x->frame, &b->out);
}

static void close_grpc(struct otlp *x, struct at_batch *b)
{
	close_protobuf(x, b);
	at_grpc_prefix(b->out.p + b->start - AT_GRPC_PREFIX, false, b->out.n - b->start);
	b->start -= AT_GRPC_PREFIX;
}

static void begin_json(struct otlp *x, struct at_batch *b)
{
	at_otlp_json_begin(&b->out, x->resource);
}

static void add_json(struct at_batch *b, const struct at_span *s)
{
	at_otlp_json_add(&b->out, s, b->spans == 0);
}

static void close_json(struct otlp *x, struct at_batch *b)
{
	(void)x;
	at_otlp_json_close(&b->out);
}

/* What the protocols of OTLP differ in. */
static const struct form {
	const char *content_type;
	const char *path; /* that the endpoint of the settings lacks */
	bool grpc;
	void (*begin)(struct otlp *x, struct at_batch *b);
	void (*add)(struct at_batch *b, const struct at_span *s);
	void (*close)(struct otlp *x, struct at_batch *b);
} forms[] = {
	[AT_OTLP_PROTOBUF] = {"application/x-protobuf", "", false, begin_protobuf, add_protobuf,
			      close_protobuf},
	[AT_OTLP_JSON] = {"application/json", "", false, begin_json, add_json, close_json},
	[AT_OTLP_GRPC] = {"application/grpc", GRPC_PATH, true, begin_protobuf, add_protobuf,
			  close_grpc},
};

static void begin(void *self, struct at_batch *b)
{
	struct otlp *x = self;
	x->form->begin(x, b);
}

static void add(void *self, struct at_batch *b, const struct at_span *s)
{
	const struct otlp *x = self;
	x->form->add(b, s);
}

static void close_body(void *self, struct at_batch *b)
{
	struct otlp *x = self;
	x->form->close(x, b);
}

/* ---- its life ---- */

static bool set_up(struct otlp *x, const struct at_exporter_env *env)
{
	const struct at_config *c = env->config;
	struct at_http_options o = {
		.headers = c->otlp_headers,
		.user_agent = "libautotrace/" AT_VERSION " OTel-OTLP-Exporter-C/" AT_VERSION,
		.content_type = x->form->content_type,
		.certificate = c->otlp_certificate,
		.client_key = c->otlp_client_key,
		.client_certificate = c->otlp_client_certificate,
		.grpc = x->form->grpc,
	};
	x->url = malloc(c->otlp_url.n + strlen(x->form->path) + 1);
	if (!x->url)
		return false;
	stpcpy(stpcpy(x->url, c->otlp_url.p), x->form->path);
	o.url = at_str_c(x->url);
	return at_otlp_frame_open(&x->frame, env->resource) &&
	       at_post_open(&x->post, &o, c->otlp_gzip, limit_ms(c), env->exiting);
}

static void *open_otlp(const struct at_exporter_env *env)
{
	const struct at_config *c = env->config;
	struct otlp *x = calloc(1, sizeof(*x));
	char where[160];
	if (!x)
		return NULL;
	x->form = &forms[c->otlp_protocol];
	x->resource = env->resource;
	at_health_open(&x->health, "otlp", shown_url(c->otlp_url, where, sizeof(where)),
		       env->exiting);
	at_lately_open(x->health.where);
	if (set_up(x, env))
		return x;
	at_log(AT_LOG_WARN, "otlp: cannot be set up, spans are dropped");
	at_otlp_frame_free(&x->frame);
	free(x->url);
	free(x);
	return NULL;
}

static long state_of(const struct at_http_answer *a)
{
	return a->grpc ? AT_HEALTH_GRPC + (long)at_grpc_code(a) : a->status;
}

static void judge(struct otlp *x, const struct at_http_answer *a, uint32_t spans,
		  struct at_result *ret)
{
	struct at_otlp_answer said;
	ret->again = at_retry_judge(a) == AT_RETRY_AGAIN;
	if (a->fault != AT_HTTP_ANSWERED) {
		ret->failed = spans;
		at_health_set(&x->health, AT_HEALTH_UNREACHABLE, a->error);
		return;
	}
	at_otlp_answer_read(&said, a);
	if (at_retry_judge(a) != AT_RETRY_NONE) {
		ret->failed = spans;
		at_health_set(&x->health, state_of(a), said.message);
		return;
	}
	ret->rejected = said.rejected < spans ? (uint32_t)said.rejected : spans;
	ret->delivered = spans - ret->rejected;
	bool partial = said.rejected || said.message[0];
	at_health_set(&x->health, partial ? AT_HEALTH_PARTIAL : AT_HEALTH_GOOD, said.message);
}

static enum at_step step(void *self, struct at_batch *b, uint64_t now, struct at_result *ret)
{
	struct otlp *x = self;
	const struct at_http_answer *a;
	struct at_str body = at_str(b->out.p + b->start, b->out.n - b->start);
	if (at_post_step(&x->post, body, now, &a) == AT_STEP_BUSY)
		return AT_STEP_BUSY;
	judge(x, a, b->spans, ret);
	return AT_STEP_DONE;
}

static uint64_t next(void *self)
{
	const struct otlp *x = self;
	return at_post_next(&x->post);
}

static bool adopt(void *self, const struct at_resource *r)
{
	struct otlp *x = self;
	at_otlp_frame_free(&x->frame);
	x->resource = r;
	return at_otlp_frame_open(&x->frame, r);
}

const struct at_exporter_ops at_otlp_ops = {
	.name = "otlp",
	.open = open_otlp,
	.begin = begin,
	.add = add,
	.close = close_body,
	.step = step,
	.next = next,
	.adopt = adopt,
};
