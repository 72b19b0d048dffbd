/*
 * Header lines of every length at every distance from the end of the bytes, good and bad, against a
 * naive reading of the same head: the usual line is found sixteen bytes at a time, so what matters
 * is where its colon, its end and the end of the bytes fall.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "http1_play.h"

static const char first[] = "GET / HTTP/1.1\r\n";

/* What a naive reading says. */
struct naive {
	bool bad;       /* malformed */
	size_t end;     /* offset behind the empty line, when not malformed */
	size_t hosts;   /* lines whose name is "host" */
	size_t host_at; /* offset of the first one's value */
	size_t host_n;  /* its length */
};

/* One header line [at, lf), LF not included, without folding. */
static void naive_line(struct naive *r, const char *s, size_t at, size_t lf)
{
	size_t end = lf > at && s[lf - 1] == '\r' ? lf - 1 : lf, colon = at;
	while (colon < end && (unsigned char)s[colon] > ' ' && s[colon] != ':')
		colon++;
	if (colon == at || colon == end || s[colon] != ':') {
		r->bad = true;
		return;
	}
	for (size_t i = colon; i < end; i++)
		if (s[i] == '\0' || s[i] == '\r')
			r->bad = true;
	if (colon - at != 4 || strncasecmp(s + at, "host", 4) != 0 || r->hosts++)
		return;
	size_t from = colon + 1;
	while (from < end && (s[from] == ' ' || s[from] == '\t'))
		from++;
	while (end > from && (s[end - 1] == ' ' || s[end - 1] == '\t'))
		end--;
	r->host_at = from;
	r->host_n = end - from;
}

/* A head that has an empty line and no folded one. */
static struct naive naive_read(const char *s, size_t n)
{
	struct naive r = {0};
	size_t at = sizeof(first) - 1;
	while (!r.bad && at < n) {
		size_t lf = at;
		while (lf < n && s[lf] != '\n')
			lf++;
		r.end = lf + 1;
		if (lf == at || (lf == at + 1 && s[at] == '\r'))
			break;
		naive_line(&r, s, at, lf);
		at = lf + 1;
	}
	return r;
}

static struct naive want;
static const char *text;
static size_t heads, runs;

static enum at_http1_then on_head(void *ctx, const struct at_message *m)
{
	const struct at_field_value *host = &m->field[AT_FIELD_host];
	(void)ctx;
	heads++;
	assert_int_equal(host->count, want.hosts);
	assert_int_equal(host->value.n, want.host_n);
	if (want.hosts)
		assert_memory_equal(host->value.p, text + want.host_at, want.host_n);
	return AT_HTTP1_THEN_BODY;
}

static void on_begin(void *ctx)
{
	(void)ctx;
}

static void on_end(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	(void)ctx;
	(void)body_bytes;
	(void)wire_bytes;
}

static const struct at_http1_sink sink = {on_begin, on_head, on_end};

/* Feeds the head in two pieces, each in a block of exactly its size. */
static void check(const char *s, size_t n, size_t cut)
{
	struct at_http1 h;
	want = naive_read(s, n);
	n = want.bad ? n : want.end;
	cut = cut < n ? cut : n;
	size_t piece[2] = {cut, n - cut};
	text = s;
	heads = 0;
	at_http1_init(&h, AT_WIRE_REQUEST);
	for (int i = 0; i < 2; i++) {
		char *block = malloc(piece[i] ? piece[i] : 1);
		assert_non_null(block);
		memcpy(block, s + (i ? cut : 0), piece[i]);
		at_http1_feed(&h, block, piece[i], &sink, NULL);
		free(block);
	}
	if (want.bad != (h.stop == AT_HTTP1_STOP_MALFORMED) || heads != !want.bad)
		fail_msg("%zu bytes cut at %zu: stop %d, %zu heads, expected %s: %.*s", n, cut,
			 h.stop, heads, want.bad ? "malformed" : "one head", (int)n, s);
	at_http1_free(&h);
	runs++;
}

/* The head around a line under test: `before` bytes of another line, `behind` bytes of another one.
 */
static size_t build(char *s, size_t before, const char *line, size_t line_n, size_t behind)
{
	char *p = mempcpy(s, first, sizeof(first) - 1);
	const size_t pad[2] = {before, behind};
	for (int i = 0; i < 2; i++) {
		if (pad[i] >= 4) {
			p = mempcpy(p, "a:", 2);
			p = (char *)memset(p, 'z', pad[i] - 4) + pad[i] - 4;
			p = mempcpy(p, "\r\n", 2);
		}
		if (i == 0)
			p = mempcpy(p, line, line_n);
	}
	p = mempcpy(p, "\r\n", 2);
	return (size_t)(p - s);
}

/* Lines of all name and value lengths; each unspoilt, then with every byte spoilt in every way. */
static void test_every_length(void **state)
{
	static const char spoil[] = {'\0', '\r', '\n', '\t', ' ', ':', '\x01', '\x7f', '\xc3'};
	char line[200], s[400];
	(void)state;
	for (size_t name = 0; name < 36; name++) {
		for (size_t value = 0; value < 36; value++) {
			size_t n = name + value + 3, behind = (name + value) % 21;
			memset(line, 'n', name);
			line[name] = ':';
			memset(line + name + 1, 'v', value);
			memcpy(line + n - 2, "\r\n", 2);
			size_t total = build(s, 0, line, n, behind);
			check(s, total, total);
			for (size_t i = 0; i < n * sizeof(spoil); i++) {
				size_t at = i / sizeof(spoil);
				char kept = line[at];
				line[at] = spoil[i % sizeof(spoil)];
				/* A line that begins with white space is folding. */
				bool folds = line[0] == ' ' || line[0] == '\t' ||
					     (line[at] == '\n' && at + 1 < n &&
					      (line[at + 1] == ' ' || line[at + 1] == '\t'));
				total = build(s, 0, line, n, behind);
				if (!folds)
					check(s, total, total);
				line[at] = kept;
			}
		}
	}
	assert_true(runs > 400000);
}

/* A known field at every place, its end at every distance from the end of the bytes, cut anywhere.
 */
static void test_every_place(void **state)
{
	static const char *const host[] = {"Host:\r\n",           "hOST: a\r\n",
					   "host:\t a b \t\r\n",  "HOST: www.example.com:8080\n",
					   "Host : a\r\n",        "host: a\r\r\n",
					   "HOST: a\nhost:b\r\n", "Hosts: a\r\n"};
	char s[400];
	(void)state;
	for (size_t i = 0; i < sizeof(host) / sizeof(host[0]); i++)
		for (size_t before = 3; before < 40; before++)
			for (size_t behind = 3; behind < 40; behind++) {
				size_t n = build(s, before, host[i], strlen(host[i]), behind);
				check(s, n, n);
				check(s, n, n - 1);
				check(s, n, (before * 7 + behind * 5) % n);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
