/*
 * See lately.h. Fed by otlp.c and post.c; read by nobody in this process.
 */
#include "export/lately.h"

#include "base/board.h"
#include "base/clock.h"
#include "export/grpc.h"

static struct {
	char where[160];    /* the destination */
	char error[200];    /* of the last failure */
	uint64_t row;       /* failures since the last success */
	uint64_t since;     /* Unix ns of the first of them, 0: none */
	uint64_t failed_at; /* Unix ns of the last failure, 0: none */
	uint64_t good_at;   /* Unix ns of the last success, 0: none */
} lately;

static void keep(char *dst, size_t room, struct at_str text)
{
	text = at_str_head(text, room - 1);
	if (text.n)
		memcpy(dst, text.p, text.n);
	dst[text.n] = 0;
}

void at_lately_open(const char *where)
{
	keep(lately.where, sizeof(lately.where), at_str_c(where));
	AT_BOARD_SHOW("delivery.where", AT_BOARD_CHARS, lately.where);
	AT_BOARD_SHOW("delivery.error", AT_BOARD_CHARS, lately.error);
	AT_BOARD_SHOW("delivery.failures", AT_BOARD_NUMBER, lately.row);
	AT_BOARD_SHOW("delivery.failing_since", AT_BOARD_NUMBER, lately.since);
	AT_BOARD_SHOW("delivery.failed_at", AT_BOARD_NUMBER, lately.failed_at);
	AT_BOARD_SHOW("delivery.good_at", AT_BOARD_NUMBER, lately.good_at);
}

/* "answered with status …"; `dst` has room for the longest. */
static struct at_str status_of(const struct at_http_answer *a, char *dst)
{
	char *p = stpcpy(dst, "answered with status ");
	if (a->grpc)
		p = stpcpy(p, at_grpc_code_name(at_grpc_code(a)).p);
	else
		p += at_dec_encode(p, (uint64_t)a->status % 1000);
	return at_str(dst, (size_t)(p - dst));
}

void at_lately_note(const struct at_http_answer *a, bool failed)
{
	char status[48];
	uint64_t now = at_clock_unix(at_clock_now());
	if (!failed) {
		lately.good_at = now;
		lately.since = 0;
		lately.row = 0;
		return;
	}
	keep(lately.error, sizeof(lately.error),
	     a->fault == AT_HTTP_ANSWERED ? status_of(a, status) : at_str_c(a->error));
	lately.failed_at = now;
	lately.row++;
	if (!lately.since)
		lately.since = now;
}

void at_lately_after_fork(void)
{
	memset(&lately, 0, sizeof(lately));
}
