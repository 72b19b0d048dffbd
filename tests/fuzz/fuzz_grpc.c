/*
 * Fuzz target: any bytes as a connection of OTLP/gRPC to autotrace-view. The first byte says
 * whether the preface stands before them, and into how large pieces they are cut; of an odd third
 * bit the bytes are a header's values and a body instead, so that calls are reached.
 */
#include <stdlib.h>

#include "export/grpc.h"
#include "view/glyph.h"
#include "view/grpc_call.h"
#include "view/grpc_session.h"

#define MEMORY (16u << 20)

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";
static struct at_tally tally;
static struct at_trouble trouble;
static struct at_intake intake;

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void take(const struct at_view_batch *batch, void *data)
{
	(void)data;
	check(batch->n > 0);
}

static void drain(struct at_grpc_session *s)
{
	for (int i = 0; i < 100000; i++)
		if (!at_grpc_session_output(s).n)
			return;
	abort();
}

static void connection(struct at_str s, size_t piece, bool with_preface)
{
	struct at_grpc_session *session = at_grpc_session_open(&intake, &trouble);

	check(session);
	if (with_preface)
		check(at_grpc_session_feed(session, at_str(preface, sizeof(preface)), 1));
	while (s.n && at_grpc_session_feed(session, at_str_head(s, piece), 2)) {
		s = at_str_from(s, s.n < piece ? s.n : piece);
		at_grpc_session_run(session, 3);
		drain(session);
	}
	drain(session);
	at_grpc_session_free(session);
}

/* type, encoding and path, each up to a NUL, and the body. */
static void call(struct at_str s, size_t piece)
{
	struct at_grpc_call *c = calloc(1, sizeof(*c));
	bool more;

	c->intake = &intake;
	c->packing = true;
	at_grpc_call_field(c, AT_STR(":method"), AT_STR("POST"));
	at_grpc_call_field(c, AT_STR("content-type"), at_str_cut(&s, 0));
	at_grpc_call_field(c, AT_STR("grpc-encoding"), at_str_cut(&s, 0));
	at_grpc_call_field(c, AT_STR(":path"), at_str_cut(&s, 0));
	more = at_grpc_call_begin(c);
	while (more && s.n) {
		more = at_grpc_call_take(c, at_str_head(s, piece));
		s = at_str_from(s, s.n < piece ? s.n : piece);
	}
	if (more)
		at_grpc_call_end(c, &trouble);
	check(c->decided && c->code >= 0 && c->code < AT_GRPC_CODES);
	check((c->answer.n >= AT_GRPC_PREFIX) == (c->status == 200 && c->code == AT_GRPC_OK));
	for (const char *p = c->message; *p; p++)
		check(*p >= ' ' && *p <= '~');
	at_grpc_call_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct at_str s = at_str((const char *)data + 1, n ? n - 1 : 0);
	size_t piece;

	if (!intake.tally) {
		at_glyph_setup();
		intake = (struct at_intake){.max_body = MEMORY,
					    .max_bodies = MEMORY,
					    .max_decoded = MEMORY,
					    .tally = &tally,
					    .sink = take};
		at_intake_open(&intake);
	}
	if (!n)
		return 0;
	piece = data[0] & 8 ? 1 + data[0] / 16 : 65536;
	if (data[0] & 4)
		call(s, piece);
	else
		connection(s, piece, data[0] & 1);
	check(intake.in_flight == 0);
	return 0;
}
