/*
 * What the assembly of trampoline.S shares with C.
 */
#ifndef AT_HOOKS_TRAMPOLINE_H
#define AT_HOOKS_TRAMPOLINE_H

#include <sys/socket.h>

/* Where syscall(SYS_close), syscall(SYS_accept4) and syscall(SYS_close_range) go. */
long at_hook_syscall_close(long fd);
long at_hook_syscall_accept4(long fd, struct sockaddr *addr, socklen_t *len, long flags);
long at_hook_syscall_close_range(long first, long last, long flags);

/* Before syscall(SYS_seccomp) and prctl(): when the program is about to filter its own system
 * calls, we make none any more. The arguments are those of the call. */
void at_hook_before_seccomp(unsigned operation, unsigned flags, const void *filter);
void at_hook_before_prctl(int option, unsigned long mode, const void *filter);

/* Before exec*: what is finished leaves, since the memory goes. */
void at_hook_before_exec(void);

/* Bits of dlopen's flags that are let through. */
extern int at_hook_dlopen_mask;

#endif
