/*
 * Threads: the guard of every thread of the program, and how a thread of our own is born.
 */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>

#include "libc/floor.h"
#include "libc/libc.h"

__thread struct at_thread at_thread_self __attribute__((tls_model("initial-exec")));
uint32_t at_thread_live;

/* What the new thread is to run. The worker starts once, look-ups are started by the worker, one
 * at a time, each when the thread before it has run: no two starts at once. */
struct start {
	void *(*main)(void *);
	void *arg;
};

static struct start pending;

static void *run(void *unused)
{
	struct start mine = pending;
	(void)unused;
	at_thread_self.guard = AT_THREAD_OURS;
	at_thread_self.in_vfork = 0;
	prctl(PR_SET_NAME, "autotrace", 0, 0, 0);
	return mine.main(mine.arg);
}

bool at_thread_start(void *(*main)(void *), void *arg, unsigned stack)
{
	pthread_attr_t attr;
	pthread_t id;
	sigset_t all, old;
	if (!at_floor_has_threads())
		return false;
	pending = (struct start){main, arg};
	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, stack);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = at_libc.pthread_create(&id, &attr, run, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return rc == 0;
}
