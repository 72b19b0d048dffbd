/*
 * Threads: the guard of every thread of the program, and how a thread of our own is born.
 */
#include "base/thread.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/counter.h"
#include "base/lock.h"
#include "base/ring.h"
#include "libc/floor.h"
#include "libc/libc.h"
#include "libc/sys.h"

__thread struct at_thread at_thread_self __attribute__((tls_model("initial-exec")));

/* A handler is called with more than this between what it interrupted and itself: the red zone, the
 * registers of the floating point unit (512 bytes at least) and the others. Different hooks that
 * are called from one place differ by less. */
#define HANDLER_DEEPER 512
/* No stack of the same thread is left by more. */
#define JUMP_MAX (256 << 10)
/* Calls that a handler may make while our work waits for it. Behind these the work is believed to
 * be over, however it looks. */
#define PASS_MAX 1000

static bool on_signal_stack(void)
{
	stack_t s;
	return at_sys(SYS_sigaltstack, 0, (long)&s, 0) == 0 && (s.ss_flags & SS_ONSTACK);
}

/* Whether the thread is out of the work that its guard stands for. */
static bool has_jumped(void)
{
	intptr_t up = (intptr_t)((uintptr_t)__builtin_frame_address(0) - at_thread_self.deep);
	return up > -HANDLER_DEEPER && up < JUMP_MAX && !on_signal_stack();
}

uint32_t at_thread_extras;

static uint32_t extras(void)
{
	return __atomic_load_n(&at_thread_extras, __ATOMIC_RELAXED);
}

/* What ThreadSanitizer's runtime offers to leave accesses of memory out; all set or none. */
static struct {
	void (*reads_begin)(const char *file, int line);
	void (*reads_end)(const char *file, int line);
	void (*writes_begin)(const char *file, int line);
	void (*writes_end)(const char *file, int line);
} tsan;

static void hide(void)
{
	tsan.reads_begin(__FILE__, __LINE__);
	tsan.writes_begin(__FILE__, __LINE__);
}

static void show(void)
{
	tsan.writes_end(__FILE__, __LINE__);
	tsan.reads_end(__FILE__, __LINE__);
}

#define MASK_BYTES  8
#define BIT(signal) (1ull << ((signal)-1))
/* Raised by what a thread does itself. Blocked they would kill it. */
#define ITS_OWN \
	(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGILL) | BIT(SIGFPE) | BIT(SIGTRAP) | BIT(SIGSYS))

uint64_t at_thread_block(void)
{
	uint64_t all = ~ITS_OWN, before = 0;
	at_sys6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&before, MASK_BYTES, 0, 0);
	return before;
}

void at_thread_unblock(uint64_t before)
{
	at_sys6(SYS_rt_sigprocmask, SIG_SETMASK, (long)&before, 0, MASK_BYTES, 0, 0);
}

/* The kernel writes the mask down before a handler could see it. */
static void hold_signals(void)
{
	uint64_t all = ~ITS_OWN;
	at_sys6(SYS_rt_sigprocmask, SIG_BLOCK, (long)&all, (long)&at_thread_self.mask, MASK_BYTES,
		0, 0);
	at_thread_self.holds = true;
}

void at_thread_let_signals(void)
{
	uint64_t before = at_thread_self.mask;
	if (!at_thread_self.holds)
		return;
	at_thread_self.holds = false;
	__asm__ volatile("" ::: "memory");
	at_thread_unblock(before);
}

void at_thread_enter_more(void)
{
	if (extras() & AT_THREAD_WATCHED)
		hide();
	if (at_thread_self.guard == 1 && (extras() & AT_THREAD_SNATCHED))
		hold_signals();
}

void at_thread_leave_more(void)
{
	if (extras() & AT_THREAD_WATCHED)
		show();
	if (at_thread_self.guard)
		at_thread_self.guard--;
	if (!at_thread_self.guard)
		at_thread_let_signals();
}

/* A jump out of work that held signals back has put the mask right, or has not cared for it. */
static void free_signals(void)
{
	uint64_t now = 0;
	if (!at_thread_self.holds)
		return;
	at_sys6(SYS_rt_sigprocmask, SIG_BLOCK, 0, (long)&now, MASK_BYTES, 0, 0);
	if ((now | BIT(SIGKILL) | BIT(SIGSTOP) | ITS_OWN) == ~0ull)
		at_thread_let_signals();
	at_thread_self.holds = false;
}

/* What the lock protects may be half done: whoever takes it next is told so. A record that is half
 * done would hold all others back. */
static void give_up_work(void)
{
	if (at_thread_self.held)
		at_lock_orphan(at_thread_self.held);
	at_thread_self.held = NULL;
	if (at_ring_abandon())
		at_count(drop_interrupted, 1);
	if (at_thread_on_jump)
		at_thread_on_jump();
	if (extras() & AT_THREAD_WATCHED)
		show();
	at_thread_is_snatched();
}

/* Out of our work for good. */
static void leave_work(struct at_thread *self)
{
	free_signals();
	self->passed = 0;
	self->guard = 0;
}

void at_thread_end(void)
{
	struct at_thread *self = &at_thread_self;
	if (!self->guard || self->guard >= AT_THREAD_OURS)
		return;
	give_up_work();
	leave_work(self);
}

bool at_thread_must_pass(void)
{
	struct at_thread *self = &at_thread_self;
	if (!at_libc_ready() || self->in_vfork || self->guard >= AT_THREAD_OURS ||
	    at_process_sleeps())
		return true;
	if (!self->guard)
		return false;
	bool jumped = has_jumped();
	if (!jumped && ++self->passed < PASS_MAX)
		return true;
	if (jumped)
		give_up_work();
	leave_work(self);
	return false;
}

void (*at_thread_on_jump)(void);

/* The program's way to a thread: the sanitizers' runtimes in it must know of every thread, also
 * where they stand before us in the order of symbols. */
static int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

static bool find(void *place, const char *name)
{
	void *found = at_floor_walk_first(name);
	memcpy(place, &found, sizeof(found));
	return found != NULL;
}

void at_thread_look_around(void)
{
	find(&create, "pthread_create");
#if defined(__SANITIZE_THREAD__)
	return; /* we are what is to be looked at */
#endif
	if (at_floor_walk_first("__tsan_init") &&
	    find(&tsan.reads_begin, "AnnotateIgnoreReadsBegin") &&
	    find(&tsan.reads_end, "AnnotateIgnoreReadsEnd") &&
	    find(&tsan.writes_begin, "AnnotateIgnoreWritesBegin") &&
	    find(&tsan.writes_end, "AnnotateIgnoreWritesEnd"))
		at_thread_extras |= AT_THREAD_WATCHED;
}

/* What the new thread is to run. The worker starts once, look-ups are started by the worker, one
 * at a time, each when the thread before it has run: no two starts at once. */
struct start {
	void *(*main)(void *);
	void *arg;
};

static struct start pending;

bool at_thread_first_steps(void)
{
#ifdef __SANITIZE_THREAD__
	return false;
#else
	return !(extras() & AT_THREAD_WATCHED);
#endif
}

static uint32_t ours; /* such threads (atomic) */

unsigned at_thread_ours(void)
{
	return __atomic_load_n(&ours, __ATOMIC_RELAXED);
}

void at_thread_after_fork(void)
{
	ours = 0;
}

static void *run(void *unused)
{
	struct start mine = pending;
	(void)unused;
	at_thread_self.guard = AT_THREAD_OURS;
	at_thread_self.in_vfork = 0;
	if (extras() & AT_THREAD_WATCHED)
		hide();
	prctl(PR_SET_NAME, "autotrace", 0, 0, 0);
	void *ret = mine.main(mine.arg);
	if (extras() & AT_THREAD_WATCHED)
		show();
	__atomic_sub_fetch(&ours, 1, __ATOMIC_RELAXED);
	return ret;
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
	at_thread_self.guard++;
	__atomic_add_fetch(&ours, 1, __ATOMIC_RELAXED);
	int rc = (create ? create : at_libc.pthread_create)(&id, &attr, run, NULL);
	at_thread_self.guard--;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		__atomic_sub_fetch(&ours, 1, __ATOMIC_RELAXED);
	return rc == 0;
}
