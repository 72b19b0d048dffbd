/*
 * What must be seen of each hook: a scene in which it alone does what makes a span, or the right
 * parent of one. span_hook_NAME plays it and says which spans must arrive.
 */
#ifndef HOOKS_SPAN_H
#define HOOKS_SPAN_H

#include <sys/types.h>

#define AT_CALL(ret, name, params, args, raw) void span_hook_##name(void);
#define AT_TRAMPOLINE(name)                   void span_hook_##name(void);
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

struct ends;

/* One that must come: kind, path, status, error ("-": none), and "child" or "root". */
void span_must_come(const char *kind, const char *path, int status, const char *error,
		    const char *parent);
/* A request; the text is there until the next one. */
const char *span_get(const char *path);
extern const char span_ok[];      /* an answer */
extern const char span_ok_head[]; /* the head of one with ten bytes */
/* All n bytes, or the end. */
void span_all(ssize_t rc, size_t n);
/* Makes the lowest free numbers of descriptors known as something of no interest. */
void span_dead_numbers(void);
/* An exchange as a server on a descriptor that is of interest to nobody but by its birth. */
void span_serves(int fd, int peer, const char *path);
/* An exchange as a client. */
void span_calls(struct ends *e, const char *path, const char *parent);
/* A server that was asked, and has not answered; and its answer. */
struct ends span_asked(const char *path);
void span_answers(struct ends *e, const char *path);

/* Delivers what is finished, by the public call, and ends the process without a word to the
 * library: what a hook should have finished and did not is never reported. */
void span_end(void) __attribute__((noreturn));

#endif
