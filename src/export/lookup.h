/*
 * One look-up of a name at a time, on a thread of its own: a name server that does not answer holds
 * the C library up for ten seconds or more, and the worker has other things to do. The worker's
 * thread only, but for the function of fork.
 */
#ifndef AT_EXPORT_LOOKUP_H
#define AT_EXPORT_LOOKUP_H

#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>

#define AT_LOOKUP_HOST_MAX 256

/* idle --start--> busy --the C library--> done --take--> idle */
enum at_lookup { AT_LOOKUP_IDLE, AT_LOOKUP_BUSY, AT_LOOKUP_DONE };

enum at_lookup at_lookup_state(void);

/* When idle: begins to look up a host of less than AT_LOOKUP_HOST_MAX bytes. Where no thread can be
 * had it is done at once, on this one. False: this process must not look up names (see below). */
bool at_lookup_start(const char *host);

/* When done: the addresses, to be freed by freeaddrinfo, or NULL and in *ret_error why (static). */
struct addrinfo *at_lookup_take(const char **ret_error);

/* Waits while busy, at most timeout_ns; outside the gate. */
void at_lookup_wait(uint64_t timeout_ns);

/* In a forked child. When the parent was just looking up a name the child never does: the C
 * library's locks may be taken for good. */
void at_lookup_after_fork(void);

#endif
