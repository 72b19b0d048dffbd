/*
 * Plays bytes to the HTTP/2 engine and writes down what it says, so that runs can be compared as
 * text. Used by the unit tests and the fuzz target.
 */
#ifndef TESTS_UNIT_WIRE_HTTP2_PLAY_H
#define TESTS_UNIT_WIRE_HTTP2_PLAY_H

#include <stdio.h>
#include <stdlib.h>

#include "wire/http2.h"

struct play {
	char text[16384]; /* the events, a line each */
	size_t n;         /* its length; what does not fit is left out */
	uint32_t stream;  /* whose DATA is being counted, 0: none */
	uint64_t bytes;   /* of it */
	uint64_t wire;    /* likewise, on the wire */
	unsigned unseen;  /* blocks that a look had before */
	bool no_known;    /* such blocks are not written down */
};

static inline void play_say(struct play *l, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#include <stdarg.h>
static inline void play_say(struct play *l, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(l->text + l->n, sizeof(l->text) - l->n, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof(l->text) - l->n)
		l->n += (size_t)n;
	l->text[l->n] = '\0';
}

/* DATA comes in as many pieces as the bytes: it is said when something else comes. */
static inline void play_flush(struct play *l)
{
	if (l->stream)
		play_say(l, "data %u bytes=%llu wire=%llu\n", l->stream,
			 (unsigned long long)l->bytes, (unsigned long long)l->wire);
	l->stream = 0;
	l->bytes = l->wire = 0;
}

static inline void play_lines(struct play *l, const struct at_message *m)
{
	struct at_str name, value;
	for (size_t pos = 0; at_message_next(m, &pos, &name, &value);)
		play_say(l, " %.*s=%.*s", AT_STR_ARG(name), AT_STR_ARG(value));
}

static inline void play_block(void *ctx, const struct at_http2_block *b)
{
	struct play *l = ctx;
	play_flush(l);
	if (!b->m) {
		l->unseen++;
		if (!l->no_known)
			play_say(l, "known %u%s wire=%llu\n", b->stream, b->ends ? " ends" : "",
				 (unsigned long long)b->wire);
		return;
	}
	const struct at_message *m = b->m;
	play_say(l, "block %u%s wire=%llu", b->stream, b->ends ? " ends" : "",
		 (unsigned long long)b->wire);
	if (m->method.n)
		play_say(l, " %.*s %.*s", AT_STR_ARG(m->method), AT_STR_ARG(m->target));
	if (m->scheme.n)
		play_say(l, " scheme:%.*s", AT_STR_ARG(m->scheme));
	if (m->field[AT_FIELD_host].count)
		play_say(l, " host:%.*s", AT_STR_ARG(m->field[AT_FIELD_host].value));
	if (m->field[AT_FIELD_traceparent].count)
		play_say(l, " traceparent:%u", m->field[AT_FIELD_traceparent].count);
	if (m->status)
		play_say(l, " %u", m->status);
	play_lines(l, m);
	play_say(l, "\n");
}

static inline void play_data(void *ctx, uint32_t stream, const char *bytes, size_t n, uint64_t wire)
{
	struct play *l = ctx;
	(void)bytes;
	if (l->stream != stream)
		play_flush(l);
	l->stream = stream;
	l->bytes += n;
	l->wire += wire;
}

static inline void play_end(void *ctx, uint32_t stream)
{
	play_flush(ctx);
	play_say(ctx, "end %u\n", stream);
}

static inline void play_reset(void *ctx, uint32_t stream, uint32_t code)
{
	play_flush(ctx);
	play_say(ctx, "reset %u %s\n", stream, at_http2_error_name(code));
}

static inline void play_goaway(void *ctx, uint32_t last, uint32_t code)
{
	play_flush(ctx);
	play_say(ctx, "goaway %u %s\n", last, at_http2_error_name(code));
}

static const struct at_http2_sink play_sink = {play_block, play_data, play_end, play_reset,
					       play_goaway};

/* What stopped it, at the end. */
static inline void play_stop(struct play *l, const struct at_http2 *h)
{
	static const char *const why[] = {"", "not http2", "malformed", "over cap"};
	play_flush(l);
	if (h->state == AT_HTTP2_STOPPED)
		play_say(l, "stop %s\n", why[h->stop]);
}

/* The whole stream in pieces of `piece` bytes, the first of `first`. */
static inline void play(struct play *l, enum at_wire_half half, const char *p, size_t n,
			size_t first, size_t piece)
{
	struct at_http2 h;
	memset(l, 0, sizeof(*l));
	at_http2_init(&h, half);
	for (size_t at = 0, k = first; at < n; at += k, k = piece) {
		if (k > n - at)
			k = n - at;
		char *copy =
			malloc(k ? k : 1); /* of its own, so that what lies beyond is noticed */
		memcpy(copy, p + at, k);
		at_http2_feed(&h, copy, k, &play_sink, l);
		free(copy);
	}
	play_stop(l, &h);
	at_http2_free(&h);
}

#endif
