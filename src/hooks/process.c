/*
 * The first and the last of a process: constructor, destructor, the exit family, exec, threads.
 */
#include <dlfcn.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "autotrace.h"
#include "bridge/node.h"
#include "bridge/python.h"
#include "flow/boot.h"
#include "hooks/hook.h"
#include "hooks/trampoline.h"
#include "libc/floor.h"
#include "libc/tls.h"

_Static_assert(offsetof(struct at_thread, in_vfork) == 4, "trampoline.S knows the place");

int at_hook_dlopen_mask = ~RTLD_DEEPBIND;

/* Listed twice, the first copy in the order of loading works and the others stay asleep. dlsym
 * would look in our own copy first, since it is linked to find its own symbols there. */
static bool is_first_copy(void)
{
	void *first = at_floor_walk_first("autotrace_version");
	return !first || first == (void *)autotrace_version;
}

__attribute__((constructor(101))) static void start(int argc, char **argv, char **envp)
{
	at_libc_resolve();
	at_tls_start();
	if (getauxval(AT_SECURE) || !is_first_copy())
		return;
	at_boot_start(argc > 0 ? (const char *const *)argv : NULL, (const char *const *)envp,
		      (const char *)getauxval(AT_EXECFN));
	at_node_prepare();
	if (!at_process_is_live())
		at_hook_dlopen_mask = ~0;
}

__attribute__((destructor(101))) static void stop(void)
{
	at_boot_end(true);
}

void AT_HOOK(_exit)(int status)
{
	at_boot_end(true);
	at_libc._exit(status);
	__builtin_unreachable();
}

void AT_HOOK(_Exit)(int status)
{
	at_boot_end(true);
	at_libc._Exit(status);
	__builtin_unreachable();
}

void AT_HOOK(quick_exit)(int status)
{
	at_boot_end(true);
	at_libc.quick_exit(status);
	__builtin_unreachable();
}

void at_hook_before_exec(void)
{
	if (!at_libc_ready())
		return;
	int saved = errno;
	at_boot_end(false);
	errno = saved;
}

/* libseccomp asks what the kernel can do by calls that must fail: those change nothing. */
void at_hook_before_seccomp(unsigned operation, unsigned flags, const void *filter)
{
	int saved = errno;
	bool strict = operation == SECCOMP_SET_MODE_STRICT && !flags && !filter;
	if (strict || (operation == SECCOMP_SET_MODE_FILTER && filter))
		at_boot_confine();
	errno = saved;
}

void at_hook_before_prctl(int option, unsigned long mode, const void *filter)
{
	int saved = errno;
	if (option == PR_SET_SECCOMP &&
	    (mode == SECCOMP_MODE_STRICT || (mode == SECCOMP_MODE_FILTER && filter)))
		at_boot_confine();
	errno = saved;
}

/* Before the thread can be cancelled anywhere. */
int AT_HOOK(pthread_setcanceltype)(int type, int *old)
{
	if (at_libc_ready() && type == PTHREAD_CANCEL_ASYNCHRONOUS)
		at_thread_is_snatched();
	return at_libc.pthread_setcanceltype(type, old);
}

int AT_HOOK(pthread_create)(pthread_t *id, const pthread_attr_t *attr, void *(*begin)(void *),
			    void *arg)
{
	if (!at_thread_pass()) {
		at_python_look();
		at_shore_thread(&begin, &arg);
	}
	int rc = at_libc.pthread_create(id, attr, begin, arg);
	if (rc != 0)
		at_shore_thread_failed(begin, arg);
	return rc;
}
