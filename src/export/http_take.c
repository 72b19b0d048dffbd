/*
 * Fed by libcurl through http.c, feeds http.c. Owns the limits of an answer: OTLP has one for the
 * body, none for the head.
 *
 *   line "HTTP/..." --> in the head --> empty line --> body --> trailers
 *         ^                                 |
 *         +------- an interim answer -------+
 */
#include "export/http_take.h"

#define BODY_MAX (4u << 20)
#define HEAD_MAX (64u << 10)
/* Memory that the body of an answer keeps. */
#define BODY_KEEP (64u << 10)

void at_http_take_begin(struct at_http_take *t)
{
	t->body.cap = BODY_MAX;
	at_out_reset(&t->body, BODY_KEEP);
	t->heads = 0;
	t->in_head = false;
}

size_t at_http_take_line(char *p, size_t size, size_t n, void *take)
{
	struct at_http_take *t = take;
	struct at_str line = at_str(p, size * n);
	t->heads += line.n;
	if (t->heads > HEAD_MAX)
		return 0;
	if (at_str_starts(line, AT_STR("HTTP/")))
		t->in_head = true;
	else if (line.n && (line.p[0] == '\r' || line.p[0] == '\n'))
		t->in_head = false;
	return line.n;
}

size_t at_http_take_body(char *p, size_t size, size_t n, void *take)
{
	struct at_http_take *t = take;
	at_out_bytes(&t->body, p, size * n);
	return t->body.failed ? 0 : size * n;
}

const char *at_http_take_limit(const struct at_http_take *t)
{
	if (t->body.failed)
		return "the answer is larger than 4 MiB";
	if (t->heads > HEAD_MAX)
		return "the head of the answer is larger than 64 KiB";
	return NULL;
}
