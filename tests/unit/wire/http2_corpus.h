/*
 * Reads the files of tests/corpus/http2 (see the README there) case by case, for the unit tests.
 * What is wrong in a file ends the program with its name and line.
 */
#ifndef TESTS_UNIT_WIRE_HTTP2_CORPUS_H
#define TESTS_UNIT_WIRE_HTTP2_CORPUS_H

#include <ctype.h>
#include <glob.h>

#include "http2_play.h"

struct corpus_case {
	char name[160];         /* "file: name" */
	enum at_wire_half half; /* which direction */
	char in[300000];        /* the stream */
	size_t in_n;            /* its length */
	char want[8192];        /* the events expected */
	size_t want_n;          /* their length */
};

static inline void corpus_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	exit(2);
}

static inline bool corpus_put(struct corpus_case *c, const void *p, size_t n)
{
	if (n > sizeof(c->in) - c->in_n)
		return false;
	memcpy(c->in + c->in_n, p, n);
	c->in_n += n;
	return true;
}

/* Bytes in hexadecimal, "text", and N*HH: that byte N times. */
static inline bool corpus_bytes(struct corpus_case *c, const char *s)
{
	for (; *s; s++) {
		unsigned count, byte;
		int n;
		if (isspace((unsigned char)*s))
			continue;
		if (*s == '"') {
			const char *end = strchr(s + 1, '"');
			if (!end || !corpus_put(c, s + 1, (size_t)(end - s) - 1))
				return false;
			s = end;
		} else if (sscanf(s, "%u*%2x%n", &count, &byte, &n) == 2) {
			for (; count; count--)
				if (!corpus_put(c, &byte, 1))
					return false;
			s += n - 1;
		} else if (sscanf(s, "%2x", &byte) == 1 && isxdigit((unsigned char)s[1])) {
			if (!corpus_put(c, &byte, 1))
				return false;
			s++;
		} else {
			return false;
		}
	}
	return true;
}

/* frame TYPE FLAGS STREAM bytes... */
static inline bool corpus_frame(struct corpus_case *c, const char *s)
{
	static const char *const types[] = {
		"DATA", "HEADERS", "PRIORITY",      "RST_STREAM",   "SETTINGS", "PUSH_PROMISE",
		"PING", "GOAWAY",  "WINDOW_UPDATE", "CONTINUATION", "UNKNOWN"};
	char type[32], head[9];
	unsigned flags, stream, i;
	int n;
	size_t at = c->in_n;
	if (sscanf(s, "%31s %x %u%n", type, &flags, &stream, &n) != 3)
		return false;
	for (i = 0; i < 11 && strcmp(type, types[i]) != 0; i++)
		;
	if (i == 11 || !corpus_put(c, "123456789", 9) || !corpus_bytes(c, s + n))
		return false;
	size_t len = c->in_n - at - 9;
	for (int b = 0; b < 3; b++)
		head[b] = (char)(len >> (16 - 8 * b));
	head[3] = (char)i;
	head[4] = (char)flags;
	for (int b = 0; b < 4; b++)
		head[5 + b] = (char)(stream >> (24 - 8 * b));
	memcpy(c->in + at, head, 9);
	return true;
}

typedef void corpus_visit(struct corpus_case *c);

static inline void corpus_file(const char *path, corpus_visit *visit, unsigned *cases)
{
	static struct corpus_case c;
	char line[4096];
	int number = 0;
	FILE *f = fopen(path, "r");
	bool open = false;
	if (!f)
		corpus_fail(path, 0, "cannot be opened");
	while (fgets(line, sizeof(line), f)) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		bool ok = true;
		if (line[0] == '#' || !line[0])
			continue;
		if (strncmp(line, "case ", 5) == 0) {
			if (open)
				visit(&c);
			c.in_n = c.want_n = 0;
			c.want[0] = '\0';
			const char *base = strrchr(path, '/');
			snprintf(c.name, sizeof(c.name), "%.60s: %.90s", base ? base + 1 : path,
				 line + 5);
			open = true;
			++*cases;
		} else if (strcmp(line, "requests") == 0 || strcmp(line, "responses") == 0) {
			c.half = line[2] == 'q' ? AT_WIRE_REQUEST : AT_WIRE_RESPONSE;
		} else if (strcmp(line, "preface") == 0) {
			ok = corpus_put(&c, AT_HTTP2_PREFACE, AT_HTTP2_PREFACE_LEN);
		} else if (strncmp(line, "frame ", 6) == 0) {
			ok = corpus_frame(&c, line + 6);
		} else if (strncmp(line, "bytes ", 6) == 0) {
			ok = corpus_bytes(&c, line + 6);
		} else if (strncmp(line, "> ", 2) == 0) {
			c.want_n += (size_t)snprintf(c.want + c.want_n, sizeof(c.want) - c.want_n,
						     "%s\n", line + 2);
			ok = c.want_n < sizeof(c.want);
		} else {
			ok = false;
		}
		if (!ok || !open)
			corpus_fail(path, number, "not understood");
	}
	if (open)
		visit(&c);
	fclose(f);
}

/* All cases of all files; returns how many. */
static inline unsigned corpus_each(corpus_visit *visit)
{
	glob_t found;
	unsigned cases = 0;
	if (glob("tests/corpus/http2/*.txt", 0, NULL, &found) != 0)
		corpus_fail("tests/corpus/http2", 0, "no files");
	for (size_t i = 0; i < found.gl_pathc; i++)
		corpus_file(found.gl_pathv[i], visit, &cases);
	globfree(&found);
	return cases;
}

#endif
