/*
 * What the bridge writes into Python's contexts: one context variable, whose value says for which
 * request the context's code works. Copied with the context, so whatever is scheduled inherits it.
 */
#ifndef AT_BRIDGE_PYTHON_MARK_H
#define AT_BRIDGE_PYTHON_MARK_H

#include "bridge/python_api.h"

struct at_python_mark {
	uint64_t token; /* the request, 0: none so far (flow/bridge.h) */
	uint64_t conn;  /* the server's connection that this context descends from, 0: from none */
	uint64_t home;  /* the context that the request was given to; copies have another address */
	int64_t fd;     /* of conn, where the part that wrote the mark needs it */
};

/* Makes the variable and learns how to read it; false when this Python is not as expected. GIL
 * held.
 */
bool at_python_mark_start(void);

/* What stands in that context, zeros when nothing does. The context is the calling thread's own, or
 * the GIL is held. */
struct at_python_mark at_python_mark_of(const struct at_py *context);

/* Has it in the present context until at_python_mark_take_back: who copies that meanwhile copies it
 * too. NULL: it could not. GIL held. */
struct at_py *at_python_mark_lend(struct at_python_mark mark);
void at_python_mark_take_back(struct at_py *lent);

/* Writes it there. Nothing happens when another thread is in that context. GIL held. */
void at_python_mark_set(struct at_py *context, struct at_python_mark mark);

#endif
