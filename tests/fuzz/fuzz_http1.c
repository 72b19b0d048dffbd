/*
 * The HTTP/1 engine on any bytes. The first byte chooses half, end of stream and the answers of the
 * head callback, the second the cuts; the rest is the stream. It must give the same events whole
 * and cut, the look ahead must never disagree with the feed, and recognition must agree with the
 * engine.
 */
#include <stdint.h>

#include "../unit/wire/http1_look_play.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok, const char *what, const struct play *a, const struct play *b)
{
	if (ok)
		return;
	fprintf(stderr, "%s\n-- one\n%s-- other\n%s", what, a->text, b ? b->text : "");
	abort();
}

/* The size of the next piece: cut 0 is one byte, otherwise small and large ones in turn. */
static size_t next_piece(uint32_t *seed, size_t left)
{
	*seed = *seed * 1664525u + 1013904223u;
	size_t n = 1 + (*seed >> 24) % ((*seed >> 16 & 1) ? 4 : 64);
	return n < left ? n : left;
}

static void begin(struct play *l, struct at_http1 *h, uint8_t choice)
{
	memset(l, 0, sizeof(*l));
	l->answers = choice & 4 ? 4 : 0;
	for (size_t i = 0; i < l->answers; i++)
		l->answer[i] = (uint8_t)((choice >> (4 + i)) & 1 ? AT_HTTP1_THEN_NO_BODY
								 : AT_HTTP1_THEN_BODY);
	if (l->answers && choice & 8)
		l->answer[3] = choice & 16 ? AT_HTTP1_THEN_TUNNEL : AT_HTTP1_THEN_STOP;
	at_http1_init(h, choice & 1 ? AT_WIRE_RESPONSE : AT_WIRE_REQUEST);
}

static void whole_against_cut(const char *p, size_t n, uint8_t choice, uint8_t cut)
{
	struct play whole, pieces;
	struct at_http1 h;
	uint32_t seed = cut;
	begin(&whole, &h, choice);
	play_feed(&whole, &h, p, n);
	play_end(&whole, &h, choice & 2);
	begin(&pieces, &h, choice);
	for (size_t at = 0, len; at < n; at += len) {
		len = cut ? next_piece(&seed, n - at) : 1;
		play_feed(&pieces, &h, p + at, len);
	}
	play_end(&pieces, &h, choice & 2);
	require(strcmp(whole.text, pieces.text) == 0, "cut otherwise, seen otherwise", &whole,
		&pieces);
	play_free(&whole);
	play_free(&pieces);
}

static void look_against_feed(const char *p, size_t n, uint8_t cut)
{
	struct look_play l;
	uint32_t seed = cut;
	look_begin(&l, n);
	for (size_t at = 0, len; at < n; at += len) {
		len = cut ? next_piece(&seed, n - at) : 1;
		look_piece(&l, p + at, len);
	}
	look_compare(&l, p, n);
	look_free(&l);
}

static void recognise(const char *p, size_t n, uint8_t choice)
{
	struct play l;
	struct at_http1 h;
	begin(&l, &h, choice & 1);
	play_feed(&l, &h, p, n);
	int seen = choice & 1 ? at_http1_looks_like_response(at_str(p, n))
			      : at_http1_looks_like_request(at_str(p, n));
	bool stranger = h.stop == AT_HTTP1_STOP_NOT_HTTP;
	play_end(&l, &h, false);
	require(seen < 0 ? stranger : (choice & 1 || !stranger), "recognised otherwise", &l, NULL);
	play_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || memmem(data, size, PLAY_INSERT, strlen("X-Inserted")))
		return 0;
	const char *p = (const char *)data + 2;
	whole_against_cut(p, size - 2, data[0], data[1]);
	recognise(p, size - 2, data[0]);
	if (!(data[0] & 1))
		look_against_feed(p, size - 2, data[1]);
	return 0;
}
