/*
 * Chunked bodies (RFC 9112, 7.1), one byte or many at a time; nothing of them is kept. Fed by
 * http1.c on the caller's thread. Payload goes by uncopied in http1.c (CHUNK_DATA).
 *
 *   CHUNK_SIZE  start ─digits─> digits ─' ' HT ';'─> text ─CR─> cr ─LF─> CHUNK_DATA
 *                                  └─────────CR─────────────────────^     or, size 0, TRAILER
 *
 *   CHUNK_END   start ─CR─> cr ─LF─> CHUNK_SIZE
 *
 *   TRAILER     start ─text─> text ─CR─> text_cr ─LF─> start
 *                 └─CR─> cr ─LF─> end of the message
 *
 * A lone LF ends every one of these lines, as it does for nginx and Go; a CR without LF is
 * malformed, and so is a size that a 63-bit count cannot hold.
 */
#include "wire/http1_priv.h"
#include "wire/scan.h"

/* Values of h->sub. */
enum chunk_sub {
	SUB_START,  /* at the beginning of the line */
	SUB_DIGITS, /* behind the first digit of a size */
	SUB_TEXT,   /* behind the size; inside a trailer line */
	SUB_CR,     /* behind the CR that ends the line */
	SUB_TEXT_CR /* behind the CR of a trailer line that is not empty */
};

/* Takes this many bytes of framing. */
static size_t take(struct at_http1 *h, size_t n)
{
	h->wire_bytes += n;
	return n;
}

static size_t malformed(struct at_http1 *h, size_t n)
{
	at_http1_end_observation(h, AT_HTTP1_STOP_MALFORMED);
	return n;
}

static void enter(struct at_http1 *h, enum at_http1_state state)
{
	h->state = (uint8_t)state;
	h->sub = SUB_START;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte of a chunk-size line that is neither extension nor line end; false when malformed. */
static bool size_byte(struct at_http1 *h, char c)
{
	int digit = hex(c);
	if (digit >= 0) {
		if (h->left > (uint64_t)INT64_MAX >> 4)
			return false;
		h->left = h->left << 4 | (uint64_t)digit;
		h->sub = SUB_DIGITS;
		return true;
	}
	if (h->sub == SUB_START || (c != ';' && c != ' ' && c != '\t'))
		return false;
	h->sub = SUB_TEXT;
	return true;
}

size_t at_http1_chunk_size_step(struct at_http1_run *run, const char *p, size_t n)
{
	struct at_http1 *h = run->h;
	for (size_t i = 0; i < n; i++) {
		if (h->sub == SUB_TEXT)
			i = (size_t)(at_scan(p + i, p + n, '\r', '\n') - p);
		if (i == n)
			break;
		if (p[i] == '\n' && h->sub != SUB_START) {
			enter(h, h->left ? AT_HTTP1_CHUNK_DATA : AT_HTTP1_TRAILER);
			return take(h, i + 1);
		}
		if (h->sub == SUB_CR)
			return malformed(h, n);
		if (p[i] == '\r' && h->sub != SUB_START)
			h->sub = SUB_CR;
		else if (h->sub != SUB_TEXT && !size_byte(h, p[i]))
			return malformed(h, n);
	}
	return take(h, n);
}

size_t at_http1_chunk_end_step(struct at_http1_run *run, const char *p, size_t n)
{
	struct at_http1 *h = run->h;
	size_t i = 0;
	if (h->sub == SUB_START && p[0] == '\r') {
		h->sub = SUB_CR;
		if (++i == n)
			return take(h, 1);
	}
	if (p[i] != '\n')
		return malformed(h, n);
	enter(h, AT_HTTP1_CHUNK_SIZE);
	return take(h, i + 1);
}

size_t at_http1_trailer_step(struct at_http1_run *run, const char *p, size_t n)
{
	struct at_http1 *h = run->h;
	for (size_t i = 0; i < n; i++) {
		if (h->sub == SUB_TEXT)
			i = (size_t)(at_scan(p + i, p + n, '\r', '\n') - p);
		if (i == n)
			break;
		bool empty = h->sub == SUB_START || h->sub == SUB_CR;
		if (p[i] == '\n' && empty) {
			take(h, i + 1);
			at_http1_message_done(run);
			return i + 1;
		}
		if (p[i] == '\n')
			h->sub = SUB_START;
		else if (h->sub == SUB_CR || h->sub == SUB_TEXT_CR)
			return malformed(h, n);
		else if (p[i] == '\r')
			h->sub = empty ? SUB_CR : SUB_TEXT_CR;
		else
			h->sub = SUB_TEXT;
	}
	return take(h, n);
}
