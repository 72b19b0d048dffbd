/*
 * The beginning, the fork and the end of a traced process. Owns the settings for everybody in flow.
 */
#ifndef AT_FLOW_BOOT_H
#define AT_FLOW_BOOT_H

#include <errno.h>

#include "base/thread.h"
#include "config/config.h"
#include "export/export.h"
#include "trace/sampler.h"

/* What was read at the start; never changes afterwards. */
struct at_boot {
	struct at_config config;   /* the settings */
	struct at_sampler sampler; /* made of them */
	bool exporting;            /* finished spans go somewhere */
	bool env_parent_valid;     /* TRACEPARENT was there and valid */
	struct at_context env_parent;
	uint64_t started; /* Unix ns */
};

extern struct at_boot at_boot;

/* The end of what a hook has flow do: errno as it was, and the exporter's thread if it is due. */
static inline void at_boot_leave(int saved)
{
	at_thread_leave();
	at_export_catch_up();
	errno = saved;
}

/* Reads the settings and wakes the rooms below; `argv` (NULL is welcome) and `envp` as in execve,
 * `executed` as at_select_process wants it. Called once by the constructor, before which every hook
 * passes straight through. Silent and inert when this process is not to be traced. */
void at_boot_start(const char *const *argv, const char *const *envp, const char *executed);

/* The first traffic of the process: says what is wrong with the settings, once for the process and
 * all it has forked. Shells and health checks, which execute by the hundred, say nothing. */
void at_boot_complain(void);

/* The program makes a thread: from then on a child by a bare system call must not make any. */
void at_boot_thread(void);

/* The process is about to end (exit, _exit, quick_exit) or to be replaced (exec): reports what is
 * open when `ending`, then waits for delivery, at most the exit time-out. Any thread. */
void at_boot_end(bool ending);

/* The program is about to filter its own system calls (seccomp) and to allow those that it makes
 * itself: ours would kill it. Delivers what is finished like at_boot_end, puts the background
 * thread to rest, and from then on every hook passes straight through, here and in what is forked.
 * Any thread; whether the filter is then accepted or not. */
void at_boot_confine(void);

/* Waits until what is finished is delivered, at most timeout_ms; false when time was up. */
bool at_boot_flush(unsigned timeout_ms);

#endif
