/*
 * See grpc.h. Asked by retry.c, otlp_answer.c and post.c, and by the viewer for its own answers.
 * The details of a status are base64 around google.rpc.Status; proto/ has the messages.
 */
#include "export/grpc.h"

#include <google/rpc/retry_info.pb-c.h>
#include <google/rpc/status.pb-c.h>
#include <stdlib.h>

#include "base/base64.h"
#include "export/utf8.h"

#define NS_PER_S    1000000000ull
#define DELAY_MAX_S 3600

/* What an HTTP status means for a call whose answer has none of gRPC; every other is UNKNOWN. */
static const struct {
	long status;
	enum at_grpc_code code;
} by_status[] = {
	{400, AT_GRPC_INTERNAL},          {401, AT_GRPC_UNAUTHENTICATED},
	{403, AT_GRPC_PERMISSION_DENIED}, {404, AT_GRPC_UNIMPLEMENTED},
	{429, AT_GRPC_UNAVAILABLE},       {502, AT_GRPC_UNAVAILABLE},
	{503, AT_GRPC_UNAVAILABLE},       {504, AT_GRPC_UNAVAILABLE},
};

void at_grpc_prefix(char *dst, bool packed, size_t n)
{
	dst[0] = packed;
	for (int i = 0; i < 4; i++)
		dst[1 + i] = (char)(n >> (24 - 8 * i));
}

uint32_t at_grpc_length(struct at_str body)
{
	uint32_t n = 0;
	for (int i = 1; i < AT_GRPC_PREFIX; i++)
		n = n << 8 | (unsigned char)body.p[i];
	return n;
}

bool at_grpc_message(struct at_str body, struct at_str *ret, bool *ret_packed)
{
	if (body.n < AT_GRPC_PREFIX)
		return false;
	*ret_packed = body.p[0] != 0;
	*ret = at_str_head(at_str_from(body, AT_GRPC_PREFIX), at_grpc_length(body));
	return ret->n == at_grpc_length(body);
}

enum at_grpc_code at_grpc_code(const struct at_http_answer *a)
{
	if (a->grpc_status.p)
		return at_grpc_code_read(a->grpc_status);
	for (size_t i = 0; i < sizeof(by_status) / sizeof(by_status[0]); i++)
		if (by_status[i].status == a->status)
			return by_status[i].code;
	return AT_GRPC_UNKNOWN;
}

/* ---- words ---- */

/* Percent-decoded as far as it fits; what is no escape stays. */
static size_t decode(char *dst, size_t room, struct at_str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n && n < room; i++) {
		if (s.p[i] == '%' && s.n - i > 2 && at_hex_decode(dst + n, s.p + i + 1, 1))
			i += 2;
		else
			dst[n] = s.p[i];
		n++;
	}
	return n;
}

static size_t missing(const struct at_http_answer *a, char *dst, size_t room)
{
	char digits[20];
	struct at_str part[] = {AT_STR("HTTP status "),
				at_str(digits, at_dec_encode(digits, (uint64_t)a->status)),
				AT_STR(" and no status of gRPC")};
	size_t n = 0;
	for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
		part[i] = at_str_head(part[i], room - n);
		memcpy(dst + n, part[i].p, part[i].n);
		n += part[i].n;
	}
	return n;
}

void at_grpc_words(const struct at_http_answer *a, char *dst, size_t room)
{
	size_t n = a->grpc_status.p ? decode(dst, room - 1, a->grpc_message)
				    : missing(a, dst, room - 1);
	dst[at_utf8_valid(at_str(dst, n))] = 0;
	for (char *p = dst; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
}

/* ---- details ---- */

static bool is_retry_info(const struct Google__Rpc__Detail *d)
{
	static const char name[] = "/google.rpc.RetryInfo";
	struct at_str url = at_str_c(d->type_url);
	size_t n = sizeof(name) - 1;
	return url.n >= n && memcmp(url.p + url.n - n, name, n) == 0;
}

static uint64_t delay_of(const struct Google__Rpc__RetryInfo *m)
{
	const struct Google__Rpc__RetryInfo__Delay *d = m->retry_delay;
	if (!d || d->seconds < 0 || d->nanos < 0)
		return 0;
	if (d->seconds >= DELAY_MAX_S)
		return DELAY_MAX_S * NS_PER_S;
	uint64_t ns = (uint64_t)d->seconds * NS_PER_S + (uint64_t)d->nanos;
	return ns < DELAY_MAX_S * NS_PER_S ? ns : DELAY_MAX_S * NS_PER_S;
}

static bool read_detail(ProtobufCBinaryData bytes, uint64_t *ret_ns)
{
	struct Google__Rpc__Detail *d = google__rpc__detail__unpack(NULL, bytes.len, bytes.data);
	struct Google__Rpc__RetryInfo *m = NULL;
	if (d && is_retry_info(d))
		m = google__rpc__retry_info__unpack(NULL, d->value.len, d->value.data);
	if (m)
		*ret_ns = delay_of(m);
	bool found = m != NULL;
	google__rpc__retry_info__free_unpacked(m, NULL);
	google__rpc__detail__free_unpacked(d, NULL);
	return found;
}

static bool read_status(struct at_str bytes, uint64_t *ret_ns)
{
	struct Google__Rpc__Status *m =
		google__rpc__status__unpack(NULL, bytes.n, (const uint8_t *)bytes.p);
	bool found = false;
	for (size_t i = 0; m && i < m->n_details && !found; i++)
		found = read_detail(m->details[i], ret_ns);
	google__rpc__status__free_unpacked(m, NULL);
	return found;
}

bool at_grpc_retry_info(const struct at_http_answer *a, uint64_t *ret_ns)
{
	*ret_ns = 0;
	if (!a->grpc_details.n)
		return false;
	char *bytes = malloc(a->grpc_details.n);
	ptrdiff_t n = bytes ? at_base64_decode(bytes, a->grpc_details) : -1;
	bool found = n >= 0 && read_status(at_str(bytes, (size_t)n), ret_ns);
	free(bytes);
	return found;
}
