/*
 * The sockets of the exporter: high numbers, close-on-exec, hidden from the program, and never
 * trusted to be still ours.
 */
#ifndef AT_EXPORT_SOCKET_H
#define AT_EXPORT_SOCKET_H

#include <stdbool.h>

/* A new socket, or -1. */
int at_socket_open(int domain, int type, int protocol);

/* Closes it, unless the number meanwhile belongs to somebody else. */
void at_socket_close(int fd);

/* Whether all open ones are still the sockets we made. */
bool at_socket_all_ours(void);

/* Closes those that are still ours and forgets all. For a forked child too: these are plain
 * descriptors, no connection is ended in an orderly way. Async-signal-safe. */
void at_socket_forget(void);

#endif
