/*
 * What cancellation does to a thread in each call: it ends where it would end without us, its
 * cleanup handlers run once, and what it had in hand is there for others. cancel_hook_NAME says how
 * the call is made; cancel_run does it to a thread in four ways.
 */
#ifndef HOOKS_CANCEL_H
#define HOOKS_CANCEL_H

#include <stdbool.h>

#include "hooks/harness.h"

/* What the call finds, and what another thread does with it afterwards. */
enum cancel_scene {
	CANCEL_NOTHING, /* nothing */
	CANCEL_IN,      /* a server's connection on which nothing has come yet; then: an exchange */
	CANCEL_OUT,     /* one that was asked, and cannot send; then: the answer */
	CANCEL_CALL,    /* a client's that cannot send; then: an exchange */
	CANCEL_LISTENER, /* a listening socket without clients; then: a client is served */
	CANCEL_STRANGER, /* a client's socket whose server takes no more; then: an exchange */
	CANCEL_END,      /* a process of its own, with a span not yet delivered; then: its status */
};

struct cancel_case {
	struct ends e;   /* the connection; e.fd is also the listening or the fresh socket */
	int pipe[2];     /* for splice: nothing in it, or with data ready: something */
	bool ready;      /* the call does not have to wait */
	int extra[12];   /* descriptors that fill the stranger's row; 0: none */
	long long at[4]; /* the stranger's address */
	unsigned len;    /* its length */
};

struct cancel_row {
	long (*call)(struct cancel_case *c); /* makes the call once */
	enum cancel_scene scene;
	bool point;  /* it is a cancellation point */
	bool waits;  /* in this scene it waits without end */
	bool gone;   /* what it was made on is gone afterwards, or may be */
	bool unseen; /* when it comes back its bytes went by unseen */
	int status;  /* CANCEL_END: of the process */
};

#define AT_CALL(ret, name, params, args, raw) extern const struct cancel_row cancel_hook_##name[];
#define AT_TRAMPOLINE(name)                   extern const struct cancel_row cancel_hook_##name[];
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

/* Runs the rows of one call: they end with one that has no call. */
void cancel_run(const struct cancel_row *rows);

#endif
