/*
 * What secure.c and secure_write.c share.
 */
#ifndef AT_FLOW_SECURE_PRIV_H
#define AT_FLOW_SECURE_PRIV_H

#include "flow/secure.h"

/* The session's connection, locked, looked for when it is not known: `first` is the side it is on
 * by what it did first, where the library does not say; `moved`: plaintext went by, so there is one
 * to be observed even if its transport is not seen. *ret_own goes to at_secure_let_go. NULL:
 * nothing to observe. */
struct at_conn *at_secure_find(const struct at_secure *s, enum at_conn_role first, bool moved,
			       bool *ret_own);

/* Unlocks it; when its observation is over, for good. */
void at_secure_let_go(const struct at_secure *s, struct at_conn *c, bool own);

/* Gives back a changed write that was kept (NULL is welcome). */
void at_secure_forget(void *kept);

#endif
