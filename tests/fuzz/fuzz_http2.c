/*
 * The HTTP/2 engine on any bytes, header compression included. The first byte chooses half and
 * whether a preface goes before, the second the cuts; the rest is the stream. It must give the same
 * events whole and cut, and a look ahead before each piece must change nothing but who is told.
 */
#include <stdint.h>

#include "../unit/wire/http2_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok, const char *what, const struct play *a, const struct play *b)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n-- one\n%s-- other\n%s", what, a->text, b->text);
	abort();
}

static size_t next_piece(uint32_t *seed, size_t left)
{
	*seed = *seed * 1664525u + 1013904223u;
	size_t n = 1 + (*seed >> 24) % ((*seed >> 16 & 1) ? 4 : 64);
	return n < left ? n : left;
}

/* In pieces, some of which are not written at first and come again. */
static void looked_at(const char *p, size_t n, uint8_t cut)
{
	static struct play got;
	struct at_http2 h;
	struct at_http2_plan plan = {0};
	uint32_t seed = cut;
	memset(&got, 0, sizeof(got));
	at_http2_init(&h, AT_WIRE_REQUEST);
	for (size_t at = 0; at < n;) {
		size_t len = next_piece(&seed, n - at);
		size_t taken = seed >> 20 & 1 ? len : len / 2;
		for (size_t from = 0; at_http2_look(&h, p + at, len, from, &plan);
		     from = plan.next_at) {
			if (plan.insert_at > len || (plan.insertable && plan.frame_at > len) ||
			    at_http2_find_literal(plan.block, AT_STR("a"), 1) > (ptrdiff_t)len)
				abort();
		}
		at_http2_feed(&h, p + at, taken, &play_sink, &got);
		at += taken ? taken : len == 1;
		if (!taken && len == 1)
			at_http2_feed(&h, p + at - 1, 1, &play_sink, &got);
	}
	at_http2_free(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct play whole, pieces;
	static char stream[65536];
	size_t n = 0;
	if (size < 2 || size > sizeof(stream) - 64)
		return 0;
	enum at_wire_half half = data[0] & 1 ? AT_WIRE_RESPONSE : AT_WIRE_REQUEST;
	if (half == AT_WIRE_REQUEST && data[0] & 2) {
		memcpy(stream, AT_HTTP2_PREFACE, AT_HTTP2_PREFACE_LEN);
		n = AT_HTTP2_PREFACE_LEN;
	}
	if (data[0] & 4) {
		memcpy(stream + n, "\0\0\0\4\0\0\0\0\0", 9);
		n += 9;
	}
	memcpy(stream + n, data + 2, size - 2);
	n += size - 2;
	play(&whole, half, stream, n, n, n);
	play(&pieces, half, stream, n, 1, 1 + data[1] % 32);
	require(strcmp(whole.text, pieces.text) == 0, "cut otherwise, seen otherwise", &whole,
		&pieces);
	if (half == AT_WIRE_REQUEST)
		looked_at(stream, n, data[1]);
	return 0;
}
