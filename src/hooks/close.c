/*
 * Deaths of descriptors, and the ones that must not die: ours.
 */
#include <sys/syscall.h>

#include "hooks/hook.h"
#include "hooks/trampoline.h"

int AT_HOOK(close)(int fd)
{
	if (at_shore_pass_event(fd))
		return at_libc.close(fd);
	if (at_shore_hidden(fd))
		return -1;
	at_shore_closing(fd);
	return at_libc.close(fd);
}

int AT_HOOK(fclose)(FILE *f)
{
	if (!at_thread_pass() && f)
		at_shore_closing_stdio(f);
	return at_libc.fclose(f);
}

int AT_HOOK(close_range)(unsigned first, unsigned last, int flags)
{
	unsigned end;
	int rc = 0;
	if (at_thread_pass() || (flags & ~2 /* CLOSE_RANGE_UNSHARE */) || first > last ||
	    !at_shore_closing_range(first, last))
		return at_libc.close_range(first, last, flags);
	while (rc == 0 && at_shore_next_piece(&first, last, &end)) {
		rc = at_libc.close_range(first, end, flags);
		if (end == ~0u)
			break;
		first = end + 1;
	}
	return rc;
}

/* A stretch below a descriptor of ours, also where the kernel has no close_range. */
static void close_piece(unsigned first, unsigned end)
{
	if (at_libc.close_range(first, end, 0) == 0)
		return;
	for (; first <= end; first++)
		at_libc.close((int)first);
}

void AT_HOOK(closefrom)(int first)
{
	unsigned from = first < 0 ? 0 : (unsigned)first;
	unsigned end;
	if (at_thread_pass() || !at_shore_closing_range(from, ~0u)) {
		at_libc.closefrom(first);
		return;
	}
	while (at_shore_next_piece(&from, ~0u, &end)) {
		if (end == ~0u) {
			at_libc.closefrom((int)from);
			return;
		}
		close_piece(from, end);
		from = end + 1;
	}
}

/* Targets of the syscall trampoline. close and accept4 of libc are cancellation points, syscall()
 * is none: so the true call is syscall's. */

static long by_syscall(long nr, long a, long b, long c, long d)
{
	if (!at_libc_syscall)
		at_libc_resolve();
	return ((long (*)(long, ...))at_libc_syscall)(nr, a, b, c, d);
}

long at_hook_syscall_close(long fd)
{
	if (!at_shore_pass_event((int)fd)) {
		if (at_shore_hidden((int)fd))
			return -1;
		at_shore_closing((int)fd);
	}
	return by_syscall(SYS_close, fd, 0, 0, 0);
}

long at_hook_syscall_accept4(long fd, struct sockaddr *addr, socklen_t *len, long flags)
{
	if (at_thread_pass())
		return by_syscall(SYS_accept4, fd, (long)addr, (long)len, flags);
	if (at_shore_hidden((int)fd))
		return -1;
	at_shore_accepting((int)fd);
	long got = by_syscall(SYS_accept4, fd, (long)addr, (long)len, flags);
	if (got >= 0)
		at_shore_accepted((int)fd, (int)got);
	return got;
}

long at_hook_syscall_close_range(long first, long last, long flags)
{
	return at_hook_close_range((unsigned)first, (unsigned)last, (int)flags);
}
