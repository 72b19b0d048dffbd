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

/* Called when a thread turns out to have left our work by a jump: what it was to do next was not
 * done. NULL: nobody wants to know. Set by the constructor. */
extern void (*at_thread_on_jump)(void);

/* True in a program with ThreadSanitizer. It sees what we copy, and not what makes it safe: our
 * work is hidden from it. */
extern bool at_thread_watched;
void at_thread_hide(void);
void at_thread_show(void);

static inline void at_thread_enter(void)
{
	if (at_thread_self.guard++ == 0)
		__asm__ volatile("mov %%rsp, %0" : "=m"(at_thread_self.deep));
	if (__builtin_expect(at_thread_watched, 0))
		at_thread_hide();
	__asm__ volatile("" ::: "memory");
}

static inline void at_thread_leave(void)
{
	__asm__ volatile("" ::: "memory");
	if (__builtin_expect(at_thread_watched, 0))
		at_thread_show();
	if (at_thread_self.guard)
		at_thread_self.guard--;
}

/* Looks at the program we are in: whether ThreadSanitizer watches, and whom the program itself
 * would ask for a thread. By the constructor, once. */
void at_thread_look_around(void);

/* Starts a detached thread of our own: all signals blocked, guard set for its whole life, stack of
 * `stack` bytes, name "autotrace". False when the system refuses. Not async-signal-safe. */
bool at_thread_start(void *(*main)(void *), void *arg, unsigned stack);

#endif
