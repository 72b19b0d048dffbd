/*
 * A spin lock for the few steps a hook does on a shared object. Never held across a true call.
 * Never waited for without end, and never waited for by a signal handler that interrupted its
 * holder (the thread's guard lets nested calls pass by). A lock that was held by another thread
 * while the process forked is found stale in the child: what it protects may be half done. So is
 * one whose holder has left its work by longjmp.
 */
#ifndef AT_BASE_LOCK_H
#define AT_BASE_LOCK_H

#include <stdint.h>

struct at_lock {
	uint64_t word; /* 0: free; else its holder's at_thread_self and fork generation */
};

enum at_lock_result {
	AT_LOCK_OK,
	AT_LOCK_STALE, /* taken, but its former holder will never give it back */
	AT_LOCK_BUSY   /* not taken */
};

/* Takes the lock, spinning and yielding a bounded number of times. */
enum at_lock_result at_lock(struct at_lock *l);
/* The same without waiting. */
enum at_lock_result at_lock_at_once(struct at_lock *l);
void at_unlock(struct at_lock *l);

/* The calling thread has left the work it took the lock for, or was about to: if it holds it, the
 * lock becomes stale. */
void at_lock_orphan(struct at_lock *l);

/* In a forked child: all locks held by others become stale. */
void at_lock_after_fork(void);

/* Counts forks since the start; every process of a fork tree path has its own. */
uint32_t at_lock_generation(void);

#endif
