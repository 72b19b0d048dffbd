/*
 * The gate between the worker and fork. The worker is inside whenever it works and outside only
 * while it waits, so that a child is never born in the middle of a malloc, of libcurl or of
 * OpenSSL: not every program's malloc can be forked while another thread is in it, and before us
 * the program may have had one thread only.
 */
#ifndef AT_EXPORT_GATE_H
#define AT_EXPORT_GATE_H

#include <stdbool.h>
#include <stdint.h>

/* Forking threads that wait or are inside (atomic). */
extern uint32_t at_gate_wanted;

/* The worker's first and last step around everything it does. enter lets a fork that waits go
 * first.
 */
void at_gate_enter(void);
void at_gate_leave(void);

/* Around a wait in the middle of work: true when the caller was inside, to be handed back. */
bool at_gate_pause(void);
void at_gate_resume(bool was_inside);

/* A worker was started and will enter soon. */
void at_gate_expect(void);
/* It was not, after all. */
void at_gate_unexpect(void);

/* Around fork, on the forking thread. prepare waits for the worker to be outside, two seconds at
 * most. */
void at_gate_fork_prepare(void);
void at_gate_fork_parent(void);
void at_gate_fork_child(void);

/* Lets a fork that waits go first; for the worker between two steps of its work. */
static inline void at_gate_yield(void)
{
	if (__atomic_load_n(&at_gate_wanted, __ATOMIC_RELAXED)) {
		at_gate_leave();
		at_gate_enter();
	}
}

/* In a child that no fork handler has seen, before at_gate_fork_child: looks where the worker was.
 * `busy`: the parent may have had its hands where we must put ours. */
void at_gate_fork_unseen(bool busy);

/* In a child that was born while the worker was inside: it must not use what the worker uses. */
bool at_gate_spoiled(void);

#endif
