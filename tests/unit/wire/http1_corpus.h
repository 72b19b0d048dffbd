/*
 * Reads the files of tests/corpus/http1 (see the README there) case by case, for the unit tests.
 * What is wrong in a file ends the program with its name and line.
 */
#ifndef TESTS_UNIT_WIRE_HTTP1_CORPUS_H
#define TESTS_UNIT_WIRE_HTTP1_CORPUS_H

#include <glob.h>

#include "http1_play.h"

/* One case of the corpus. */
struct corpus_case {
	char name[160];               /* "file: name" */
	enum at_wire_half half;       /* which direction */
	uint8_t answer[PLAY_ANSWERS]; /* what the head callback answers */
	size_t answers;               /* how many there are */
	char in[4096];                /* the stream */
	size_t in_n;                  /* its length */
	bool eof;                     /* whether it ends */
	struct play want;             /* the events expected */
};

static inline void corpus_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	exit(2);
}

/* Appends escaped text to the case's stream; false when an escape is unknown or it grows too long.
 */
static inline bool corpus_unescape(struct corpus_case *c, const char *s)
{
	static const char from[] = "rnts\\", to[] = "\r\n\t \\";
	for (; *s; s++) {
		unsigned hex;
		const char *known;
		if (c->in_n == sizeof(c->in))
			return false;
		if (*s != '\\') {
			c->in[c->in_n++] = *s;
		} else if (*++s == 'x') {
			if (sscanf(s + 1, "%2x", &hex) != 1)
				return false;
			c->in[c->in_n++] = (char)hex;
			s += 2;
		} else {
			known = *s ? strchr(from, *s) : NULL;
			if (!known)
				return false;
			c->in[c->in_n++] = to[known - from];
		}
	}
	return true;
}

static inline bool corpus_answers(struct corpus_case *c, char *list)
{
	static const char *const name[] = {"body", "no-body", "tunnel", "stop"};
	for (char *save, *word = strtok_r(list, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		size_t i = 0;
		while (i < 4 && strcmp(word, name[i]) != 0)
			i++;
		if (i == 4 || c->answers == PLAY_ANSWERS)
			return false;
		c->answer[c->answers++] = (uint8_t)i;
	}
	return true;
}

/* One line of a case. */
static inline bool corpus_line(struct corpus_case *c, char *s)
{
	if (strncmp(s, "half ", 5) == 0)
		c->half = strcmp(s + 5, "response") == 0 ? AT_WIRE_RESPONSE : AT_WIRE_REQUEST;
	else if (strncmp(s, "answer ", 7) == 0)
		return corpus_answers(c, s + 7);
	else if (strncmp(s, "in ", 3) == 0)
		return corpus_unescape(c, s + 3);
	else if (strncmp(s, "out ", 4) == 0)
		play_add(&c->want, "%s\n", s + 4);
	else if (strcmp(s, "eof") == 0)
		c->eof = true;
	else
		return *s == '\0' || *s == '#';
	return true;
}

static inline void corpus_done(struct corpus_case *c, void (*each)(struct corpus_case *c))
{
	if (!c)
		return;
	each(c);
	play_free(&c->want);
	free(c);
}

/* Reads one file: calls `each` with each case. */
static inline void corpus_file(const char *path, void (*each)(struct corpus_case *c))
{
	char s[8192];
	int line = 0;
	struct corpus_case *c = NULL;
	const char *base = strrchr(path, '/') + 1;
	FILE *f = fopen(path, "r");
	if (!f)
		corpus_fail(path, 0, "cannot be opened");
	while (fgets(s, sizeof(s), f)) {
		line++;
		s[strcspn(s, "\n")] = '\0';
		if (strncmp(s, "== ", 3) == 0) {
			corpus_done(c, each);
			c = calloc(1, sizeof(*c));
			if (!c)
				abort();
			snprintf(c->name, sizeof(c->name), "%s: %.100s", base, s + 3);
		} else if (c ? !corpus_line(c, s) : *s && *s != '#') {
			corpus_fail(path, line, "not understood");
		}
	}
	corpus_done(c, each);
	fclose(f);
}

/* All files in dir. */
static inline void corpus_read(const char *dir, void (*each)(struct corpus_case *c))
{
	char pattern[512];
	glob_t g;
	snprintf(pattern, sizeof(pattern), "%s/*.txt", dir);
	if (glob(pattern, 0, NULL, &g) != 0)
		corpus_fail(dir, 0, "no corpus here");
	for (size_t i = 0; i < g.gl_pathc; i++)
		corpus_file(g.gl_pathv[i], each);
	globfree(&g);
}

#endif
