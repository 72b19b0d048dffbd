/*
 * A look into Python's present context from outside: which context a thread is in, and what a
 * context has for one context variable. Without the GIL and without a call of Python's, so that a
 * hook may: what is read belongs to the calling thread's own context, which nobody else may enter,
 * and to nodes that never change.
 */
#ifndef AT_BRIDGE_PYTHON_PEEK_H
#define AT_BRIDGE_PYTHON_PEEK_H

#include "bridge/python_api.h"

/* Learns where things are in this Python, and tries it out on contexts of its own; false when it is
 * not as expected. `var` is the variable that is looked for from then on. GIL held. */
bool at_python_peek_learn(struct at_py *var);

/* The context that the calling thread is in; NULL: in none, or it is not a thread of Python's, or
 * Python is ending. */
struct at_py *at_python_peek_context(void);

/* Whether that is a context. */
bool at_python_is_context(const struct at_py *object);

/* The variable's value there (bytes of a bytes object), or NULL. */
const void *at_python_peek(const struct at_py *context);

#endif
