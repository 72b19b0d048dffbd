/*
 * What every thread has: the guard that lets calls inside our own work pass by unobserved, and the
 * mark of a vfork child (which runs in its parent's memory and must not change a thing). Initial-
 * exec thread-local storage: no allocation, safe in signal handlers.
 *
 * A signal handler that interrupts our work and leaves by longjmp takes the thread out of it for
 * good. The next hook shows it: a handler's frames lie deeper in the stack than the work it has
 * interrupted, a program that went on does not.
 */
#ifndef AT_BASE_THREAD_H
#define AT_BASE_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/process.h"

struct at_lock;
struct at_ring;

struct at_thread {
	uint32_t guard;       /* > 0: we are inside our own work */
	uint32_t in_vfork;    /* 1 between vfork's return in the child and the parent's going on */
	uintptr_t deep;       /* the stack pointer where that work began */
	uint32_t passed;      /* calls that the guard let pass since */
	struct at_lock *held; /* the lock it holds or wants, or NULL */
	struct at_ring *filling; /* the ring in which it reserves, and has not committed; or NULL */
	uint64_t place;          /* where: the pad, then the record */
	uint32_t pad;            /* bytes of the pad, 0: none */
	uint32_t payload;        /* bytes of the record */
	bool reserved;           /* it is, for certain */
	bool offering;           /* a finished span is counted, and not yet in a ring or lost */
	bool holds;              /* signals are held back, and come when our work is done */
	uint64_t mask;           /* the signal mask to go back to then */
};

/* The guard of a thread of ours, all its life; added by others around work that may call anything.
 */
#define AT_THREAD_OURS 0x10000u

extern __thread struct at_thread at_thread_self __attribute__((tls_model("initial-exec")));

/* Why the guard or the process says no; and whether it really does. */
bool at_thread_must_pass(void);

/* True when a hook has nothing to do but the true call. */
static inline bool at_thread_pass(void)
{
	if (__builtin_expect(
		    at_process_is_live() && !(at_thread_self.guard | at_thread_self.in_vfork), 1))
		return false;
	return at_thread_must_pass();
}

/* The thread ends. When that is in a handler (pthread_exit) that has interrupted our work, it is
 * given up. */
void at_thread_end(void);

/* Called when a thread turns out to have left our work by a jump: what it was to do next was not
 * done. NULL: nobody wants to know. Set by the constructor. */
extern void (*at_thread_on_jump)(void);

/* Blocks the signals whose handlers could take the thread away, all but those that an instruction
 * of its own raises; returns the mask as it was, for at_thread_unblock. Two system calls: for what
 * is done once. Any thread, any context. */
uint64_t at_thread_block(void);
void at_thread_unblock(uint64_t before);

/* What makes our work in this program longer (atomic). */
extern uint32_t at_thread_extras;
/* There is ThreadSanitizer. It sees what we copy, and not what makes it safe: our work is hidden
 * from it. */
#define AT_THREAD_WATCHED 1u
/* Threads are taken out of our work, by a handler that jumps or by cancellation: from then on
 * signals are held back while it lasts. */
#define AT_THREAD_SNATCHED 2u
void at_thread_enter_more(void);
void at_thread_leave_more(void);

/* From now on AT_THREAD_SNATCHED. */
static inline void at_thread_is_snatched(void)
{
	__atomic_or_fetch(&at_thread_extras, AT_THREAD_SNATCHED, __ATOMIC_RELAXED);
}

/* Signals that are held back come now: for a wait inside our work. */
void at_thread_let_signals(void);

static inline void at_thread_enter(void)
{
	if (at_thread_self.guard++ == 0)
		__asm__ volatile("mov %%rsp, %0" : "=m"(at_thread_self.deep));
	if (__builtin_expect(__atomic_load_n(&at_thread_extras, __ATOMIC_RELAXED), 0))
		at_thread_enter_more();
	__asm__ volatile("" ::: "memory");
}

static inline void at_thread_leave(void)
{
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(__atomic_load_n(&at_thread_extras, __ATOMIC_RELAXED), 0))
		at_thread_leave_more();
	else if (at_thread_self.guard)
		at_thread_self.guard--;
}

/* Whether work of ours may come before a thread's own: ThreadSanitizer makes its part of a thread
 * behind us, and needs it. */
bool at_thread_first_steps(void);

/* The same before the program's own part of a thread has begun, and after it has ended: a runtime
 * that watches it has nothing to watch with there. Does not nest. */
static inline void at_thread_enter_margin(void)
{
	at_thread_self.guard++;
	__asm__ volatile("" ::: "memory");
}

static inline void at_thread_leave_margin(void)
{
	__asm__ volatile("" ::: "memory");
	at_thread_self.guard--;
}

/* Looks at the program we are in: whether ThreadSanitizer watches, and whom the program itself
 * would ask for a thread. By the constructor, once. */
void at_thread_look_around(void);

/* Starts a detached thread of our own: all signals blocked, guard set for its whole life, stack of
 * `stack` bytes, name "autotrace". False when the system refuses. Not async-signal-safe. */
bool at_thread_start(void *(*main)(void *), void *arg, unsigned stack);

/* How many threads of ours there are now. */
unsigned at_thread_ours(void);

/* In a forked child: there are none. */
void at_thread_after_fork(void);

#endif
