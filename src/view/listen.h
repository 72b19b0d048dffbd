/*
 * The listening socket. One thread, at start.
 */
#ifndef AT_VIEW_LISTEN_H
#define AT_VIEW_LISTEN_H

#include <stdbool.h>

struct at_listen {
	int fd; /* listening, non-blocking, CLOEXEC; the owner closes it */
	unsigned int port;
	char url[96];  /* "http://127.0.0.1:4318", IPv6 addresses in brackets */
	char why[160]; /* after a failure: the sentence for the user */
};

/* Listens on "ADDRESS:PORT", "[ADDRESS]:PORT" or ":PORT" (every address); port 0 is the kernel's
 * choice. False: see why. */
bool at_listen_open(struct at_listen *to, const char *where);

/* Whether `where` has that form. */
bool at_listen_valid(const char *where);

#endif
