/*
 * The true functions behind the interposed names. From the first instruction on each pointer can be
 * called: it leads to a raw system call until at_libc_resolve has put the next definition in the
 * link order (RTLD_NEXT) there; before the dynamic linker has relocated us, after at_libc_ready.
 * Any thread, any context; errno as the true call leaves it.
 */
#ifndef AT_LIBC_LIBC_H
#define AT_LIBC_LIBC_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct at_libc {
#define AT_CALL(ret, name, params, args, raw) ret(*name) params;
#define AT_TRAMPOLINE(name)
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE
};

extern struct at_libc at_libc;

/* Originals of the trampolines, read by hooks/trampoline.S; 0 until resolved. */
#define AT_CALL(ret, name, params, args, raw)
#define AT_TRAMPOLINE(name) extern uintptr_t at_libc_##name;
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

/* False: we are not relocated yet (early.h), nothing of ours works but the table, which is filled
 * for that time. To be asked before the table is used where at_thread_pass was not. */
bool at_libc_ready(void);

/* Looks all originals up. Called by the constructor, or earlier by a trampoline that needs its
 * original; a second call does nothing. Not in signal handlers. */
void at_libc_resolve(void);

/* at_true_NAME: the same as ordinary functions, for code that is linked by name (the bundled
 * libraries are pointed at these so that they never pass through our own hooks). */
#define AT_CALL(ret, name, params, args, raw) ret at_true_##name params;
#define AT_TRAMPOLINE(name)
#include "libc/calls.def"
#undef AT_CALL
#undef AT_TRAMPOLINE

#endif
