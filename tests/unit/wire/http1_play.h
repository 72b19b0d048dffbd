/*
 * Plays bytes into an HTTP/1 engine and writes down what it says, one line per event. Used by the
 * unit tests and by the fuzz target; one thread.
 *
 *   begin
 *   head GET /a HTTP/1.1 bytes=27 lines=1 host="a"
 *   head 200 HTTP/1.1 bytes=38 lines=1 length=5 chunked content-length="5"
 *   end body=5 wire=43
 *   eof true | eof false                             when the stream was ended
 *   state idle messages=1 | stop malformed messages=0
 */
#ifndef TESTS_UNIT_WIRE_HTTP1_PLAY_H
#define TESTS_UNIT_WIRE_HTTP1_PLAY_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire/http1.h"

#define PLAY_ANSWERS 8

/* A line that a test inserts; the log hides it, so that streams with and without it compare equal.
 */
#define PLAY_INSERT "X-Inserted: 1\r\n"

/* The events of one stream. */
struct play {
	char *text;                   /* the log, NUL-terminated; owned */
	size_t n, room;               /* its length and the block's size */
	uint8_t answer[PLAY_ANSWERS]; /* enum at_http1_then, head by head; the last one repeats */
	size_t answers, heads;        /* answers there are; heads so far */
	size_t inserted;              /* heads that carried PLAY_INSERT */
};

static inline void play_free(struct play *l)
{
	free(l->text);
	l->text = NULL;
	l->n = l->room = 0;
}

__attribute__((format(printf, 2, 3))) static inline void play_add(struct play *l, const char *fmt,
								  ...)
{
	for (;;) {
		va_list ap;
		va_start(ap, fmt);
		int n = vsnprintf(l->text ? l->text + l->n : NULL, l->room - l->n, fmt, ap);
		va_end(ap);
		if (l->text && (size_t)n < l->room - l->n) {
			l->n += (size_t)n;
			return;
		}
		l->room = l->room * 2 + (size_t)n + 256;
		l->text = realloc(l->text, l->room);
		if (!l->text)
			abort();
	}
}

static inline void play_escaped(struct play *l, const char *before, struct at_str s,
				const char *behind)
{
	play_add(l, "%s", before);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
			play_add(l, "\\x%02x", c);
		else
			play_add(l, "%c", c);
	}
	play_add(l, "%s", behind);
}

/* One head as a log line. */
static inline void play_head(struct play *l, const struct at_message *m)
{
	static const char *const field[] = {
#define AT_FIELD(id, name, where) name,
#include "wire/field.def"
#undef AT_FIELD
	};
	struct at_str name, value, hidden = at_str(PLAY_INSERT, sizeof("X-Inserted") - 1);
	size_t pos = 0, lines = 0, hide = 0;
	while (at_message_next(m, &pos, &name, &value)) {
		if (at_str_eq(name, hidden))
			hide++;
		else
			lines++;
	}
	if (hide > 1)
		abort();
	l->inserted += hide;
	if (m->half == AT_WIRE_REQUEST) {
		play_escaped(l, "head ", m->method, " ");
		play_escaped(l, "", m->target, " ");
	} else {
		play_add(l, "head %u ", m->status);
	}
	play_add(l, "HTTP/%u.%u bytes=%llu lines=%zu", m->version / 10, m->version % 10,
		 (unsigned long long)m->head_bytes - hide * (sizeof(PLAY_INSERT) - 1), lines);
	if (m->declared_body != UINT64_MAX)
		play_add(l, " length=%llu", (unsigned long long)m->declared_body);
	if (m->chunked)
		play_add(l, " chunked");
	for (size_t i = 0; i < AT_FIELDS; i++) {
		if (!m->field[i].count)
			continue;
		play_add(l, " %s=", field[i]);
		play_escaped(l, "\"", m->field[i].value, "\"");
		if (m->field[i].count > 1)
			play_add(l, "*%u", m->field[i].count);
	}
	play_add(l, "\n");
}

static inline void play_on_begin(void *ctx)
{
	play_add(ctx, "begin\n");
}

static inline enum at_http1_then play_on_head(void *ctx, const struct at_message *m)
{
	struct play *l = ctx;
	size_t i = l->heads++;
	play_head(l, m);
	if (!l->answers)
		return AT_HTTP1_THEN_BODY;
	return l->answer[i < l->answers ? i : l->answers - 1];
}

static inline void play_on_end(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	struct play *l = ctx;
	play_add(l, "end body=%llu wire=%llu\n", (unsigned long long)body_bytes,
		 (unsigned long long)(wire_bytes - l->inserted * (sizeof(PLAY_INSERT) - 1)));
	l->inserted = 0;
}

static const struct at_http1_sink play_sink = {play_on_begin, play_on_head, play_on_end};

/* Feeds one piece from a block of exactly its size that is gone afterwards: reading beyond a piece,
 * or keeping a slice of it, shows under AddressSanitizer. */
static inline void play_feed(struct play *l, struct at_http1 *h, const char *p, size_t n)
{
	char *piece = malloc(n ? n : 1);
	if (!piece)
		abort();
	memcpy(piece, p, n);
	at_http1_feed(h, piece, n, &play_sink, l);
	memset(piece, '!', n);
	free(piece);
}

/* Ends the stream if asked, writes the last lines and gives the engine's memory back. */
static inline void play_end(struct play *l, struct at_http1 *h, bool eof)
{
	static const char *const state[] = {"idle",       "head",        "length",
					    "chunk-size", "chunk-data",  "chunk-end",
					    "trailer",    "until-close", "stopped"};
	static const char *const stop[] = {"none",     "not-http", "malformed",
					   "over-cap", "tunnel",   "asked"};
	if (eof)
		play_add(l, "eof %s\n", at_http1_eof(h, &play_sink, l) ? "true" : "false");
	if (h->state == AT_HTTP1_STOPPED)
		play_add(l, "stop %s messages=%u\n", stop[h->stop], h->messages);
	else
		play_add(l, "state %s messages=%u\n", state[h->state], h->messages);
	at_http1_free(h);
}

#endif
