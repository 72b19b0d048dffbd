/*
 * TLS inside Node: its OpenSSL is part of the program, whose own calls go past every interposed
 * name.
 */
#ifndef AT_BRIDGE_NODE_TLS_H
#define AT_BRIDGE_NODE_TLS_H

#include <stdbool.h>

/* From here on what goes in and out of the program's TLS sessions is told to flow/secure.h. By the
 * constructor, once, before there are threads. False: the program's OpenSSL is not as expected, and
 * nothing was changed. */
bool at_node_tls_prepare(void);

#endif
