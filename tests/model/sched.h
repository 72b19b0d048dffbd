/*
 * A model checker for code that is compiled into it: threads are coroutines that may be interrupted
 * before each atomic operation, stores wait in a buffer for each thread as x86 has it, and every
 * order of steps and of stores' arrivals is tried, once for each state of the world (depth first,
 * states known by their hash). A thread may also be torn out of its work, as by a signal handler
 * that leaves by longjmp. Fed by ring.c; single-threaded itself.
 */
#ifndef MODEL_SCHED_H
#define MODEL_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 4
#define MODEL_STACK   4096
#define MODEL_STORES  24

/* A store that only its own thread sees so far. */
struct model_store {
	void *at;       /* where */
	uint64_t value; /* what */
	uint32_t size;  /* 4 or 8 bytes */
	uint32_t line;  /* of the source, for people */
};

struct model_thread {
	void *sp;                               /* where it goes on; NULL: it has ended */
	uint32_t line;                          /* of the step it is about to make */
	uint32_t jumps;                         /* times it may still be torn out */
	uint32_t stores;                        /* how many wait */
	bool ended;                             /* it has come to its end */
	bool working;                           /* it may be torn out here */
	struct model_store store[MODEL_STORES]; /* they, oldest first */
};

/* All that a state consists of lies in the user's world, which begins with this. */
struct model {
	struct model_thread thread[MODEL_THREADS];
	uint32_t threads; /* how many */
	uint32_t now;     /* the one that runs */
	bool buffers;     /* stores wait; false: they are seen at once */
	char stack[MODEL_THREADS][MODEL_STACK] __attribute__((aligned(64)));
};

/* What a thread runs, and what it goes on with after it was torn out. */
struct model_plan {
	void (*run)(uint32_t id);
	void (*torn)(uint32_t id);
	uint32_t jumps; /* times it may be torn out */
};

/* Tries everything that may happen in a world of `size` bytes that begins with m. Called when all
 * threads have ended and all stores have arrived: at_end. Exits with a trace when fail() is
 * called, or when there are more than `most` states. Returns the number of states. */
uint64_t model_explore(struct model *m, size_t size, const struct model_plan *plans, uint32_t count,
		       void (*at_end)(void), uint64_t most);

/* By the code under test, through the macros: a place where others may come in between, and memory
 * as the thread sees it. */
void model_step(uint32_t line);
uint64_t model_load(const void *at, uint32_t size);
void model_write(void *at, uint64_t value, uint32_t size, uint32_t line);
/* All stores of the thread have arrived; for operations that are one step. */
void model_settle(void);

/* Between these the thread may be torn out. */
void model_enter(void);
void model_leave(void);

/* What must not be: prints why and how it came about, exit code 1. */
void model_fail(const char *what) __attribute__((noreturn));
#define MODEL_MUST(condition) ((condition) ? (void)0 : model_fail(#condition))

#endif
