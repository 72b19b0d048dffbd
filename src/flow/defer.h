/*
 * Calls whose request shows only afterwards: a worker that was handed a request which another
 * thread has read makes its calls first and answers last. So what a thread calls while nobody knows
 * what it works on is held back when it is finished, and decided on when the thread answers.
 *
 *   no parent found -> at_defer_begin -> [call finished] -> at_defer_hold -> held
 *     held -- the thread answers a request that was open all along ----> its children
 *     held -- anything else of the thread's, the end, time is up ------> roots
 *
 * Bounded: AT_DEFER_MINE for a thread, AT_DEFER_ALL for a process, AT_DEFER_NS each; what finds no
 * place is finished as a root at once.
 */
#ifndef AT_FLOW_DEFER_H
#define AT_FLOW_DEFER_H

#include "flow/exchange.h"

#define AT_DEFER_MINE 8
#define AT_DEFER_ALL  256
#define AT_DEFER_NS   UINT64_C(2000000000)

/* Has the exporter's thread look after those whose time is up. Called once, at the start. */
void at_defer_start(void);

/* Gives a call without a parent its identity. Called for threads that work on one thing at a time,
 * while requests are open. The call's connection is locked. */
void at_defer_begin(struct at_exchange *call);

/* A call of this thread has finished: true when it is held, and then it is this file's. False when
 * the rule is not believed, or there is no room (calls_unheld). Its connection is locked. */
bool at_defer_hold(struct at_exchange *call, const char *error_type);

/* The thread begins to answer x, whose connection is locked. */
void at_defer_decide(struct at_exchange *x);

/* The thread turns to something else: what is held are roots. */
void at_defer_drop(void);

/* A request was answered in full by this thread. */
void at_defer_answered(void);

/* The thread has left the connection of its last request: read from it, waited for it, closed it,
 * or waits for new ones. */
void at_defer_left(void);

/* A thread that multiplexes has answered a request that came to it from elsewhere: here requests
 * are not always answered by who has worked on them. */
void at_defer_stray(void);

/* All that is held in the process become roots: it ends, or all is to be delivered. Any thread. */
void at_defer_release_all(void);

/* In a forked child: what is held is the parent's, and its habits. */
void at_defer_after_fork(void);

#endif
