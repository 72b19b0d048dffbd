/*
 * What a language's runtime says about who works on what. The bridges (src/bridge) tell it, the
 * rules in causality.c ask for it: while a runtime says what a thread works on, it is exact, and
 * the rules thread, loop, inherited and only-one, which guess from outside, do not apply to that
 * thread.
 *
 * A request is named by a token: 64 bits that a runtime keeps wherever it keeps its own context. It
 * may be kept for ever; when the request is answered the token names nobody.
 */
#ifndef AT_FLOW_BRIDGE_H
#define AT_FLOW_BRIDGE_H

#include "conn/conn.h"
#include "flow/exchange.h"

/* What was said before a stretch of work began; the caller keeps it on its stack. */
struct at_bridge_frame {
	struct at_ref task; /* the request worked on */
	bool on;            /* a runtime said so */
	bool reads;         /* and requests read meanwhile are worked on there and then */
	bool job;           /* it is a job: a request read in it is what it works on from then on */
	bool until_loop;    /* it is over when the thread waits for several connections */
	bool told_apart;    /* the thread's events are: what it read last it does now */
};

/* What a runtime answers about the thread that asks, from memory: in hooks, any thread. */
struct at_bridge_answers {
	uint64_t (*token)(void);  /* the request in its present context, 0: it says nothing */
	uintptr_t (*place)(void); /* that context: tells contexts apart */
};

/* From here on that runtime is asked, first of all. Once in a process. */
void at_bridge_ask(const struct at_bridge_answers *answers);

/* The token of the request this thread works on, by whichever rule; 0: none. */
uint64_t at_bridge_current(void);

/* The same, but 0 when the thread only inherited it from its creator. */
uint64_t at_bridge_served(void);

/* The same, but 0 in a thread that multiplexes and whose events nobody tells apart: what it read
 * last need not be what it does now. */
uint64_t at_bridge_at_hand(void);

/* The request this thread has from its creator, for what it was made to do first; 0: none. */
uint64_t at_bridge_inherited(void);

/* Whether the token names a request that is open. Any thread. */
bool at_bridge_open(uint64_t token);

/* From here on the calling thread works on the request of `token` (0, or one that is over: on no
 * request, its calls are roots). `reads`: a request that it reads meanwhile becomes that request.
 * Events before it are over. *save is for at_bridge_leave. Nests. */
void at_bridge_enter(uint64_t token, bool reads, struct at_bridge_frame *save);

/* The same for a job that one thread does from its beginning to its end, blocking: a request that
 * it reads is its own until it reads another. */
void at_bridge_enter_job(uint64_t token, struct at_bridge_frame *save);

/* A pool's thread begins another job, of the request of `token` (0: it is not known whose): what it
 * worked on before is over. It goes on until the next one begins, or the thread turns out to be a
 * loop. */
void at_bridge_begin_job(uint64_t token);

/* The thread takes up another event: what it works on is what it reads from here on. */
void at_bridge_begin_event(void);
void at_bridge_end_event(void);

/* The end of that stretch: the thread works on what it worked on before. NULL: no runtime says
 * anything about this thread any more. */
void at_bridge_leave(const struct at_bridge_frame *save);

/* In this program several strands of work change places on one thread, unseen from outside: in a
 * thread that multiplexes, what was read last says nothing about who calls, nor does the
 * connection. What a runtime answers is all there is. Any thread. */
void at_bridge_blur(void);
bool at_bridge_is_blurred(void);

/* Whether a runtime says what this thread works on. */
bool at_bridge_is_on(void);

/* Begins a stretch that reads, for no request, and has no end; events go on. */
void at_bridge_go_on_reading(void);

/* Whether the present stretch is one that reads. */
bool at_bridge_reads(void);

/* The request whose bytes this thread has read last, 0: none since its last wait, at_bridge_enter
 * or at_bridge_event_over, or the thread is in another context now. *ret_conn (or NULL) tells
 * connections apart: the one it was read from. */
uint64_t at_bridge_event(uintptr_t *ret_conn);
void at_bridge_event_over(void);

/* The thread is about to enter another context than the one in which it has read last: true for the
 * first since then, which is the event's own. */
bool at_bridge_event_enters(void);

/* The request of the event, for the first context that the thread is in after the one in which it
 * read. */
uint64_t at_bridge_event_outside(uintptr_t *ret_conn);

/* The connection this thread has accepted last, 0: none since its last
 * wait for several or
 * at_bridge_accepted_over. */
uintptr_t at_bridge_accepted(void);
void at_bridge_accepted_over(void);

/* What tells the connection of fd apart, one that was accepted here: as at_bridge_event's
 * *ret_conn. 0: fd is no such connection. Takes the connection's lock: never from within a hook. */
uintptr_t at_bridge_accepted_as(int fd);

/* Who answers on fd, when that is the connection `conn` (at_bridge_accepted_as): the connection's
 * own task, or others that it has made (`others`). Likewise. */
void at_bridge_answered_by(int fd, uintptr_t conn, bool others);

/* The oldest request on fd whose head is read and that is open, when that is the connection `conn`;
 * 0: none. `if_others`: only when others than its own task have answered last. Likewise. */
uint64_t at_bridge_asked_on(int fd, uintptr_t conn, bool if_others);

/* The next request that is written to fd is made by the request of `token` (0: by none), whoever
 * writes it. False when fd is not a connection made here. Takes the connection's lock: never from
 * within a hook. */
bool at_bridge_own(int fd, uint64_t token);

/* The oldest request on fd, a connection accepted here, that is open and was not asked for before;
 * 0: none. Takes the connection's lock: never from within a hook. */
uint64_t at_bridge_serve(int fd);

/* How many of the requests that at_bridge_serve has told this thread of are open is added to *count
 * from here on, by the calling thread; NULL: no more, and what was added is taken off. */
void at_bridge_count_in(uint32_t *count);

/* The connection this thread opens next belongs to the request of `token`, until its next wait. */
void at_bridge_opening(uint64_t token);

/* ---- for causality.c and the shore ---- */

/* Whose the connection is that this thread opens now. Valid when at_bridge_is_on(). */
struct at_ref at_bridge_opener(void);

/* The thread waits for several connections. */
void at_bridge_loops(void);

/* Whether the present stretch is a job. */
bool at_bridge_is_job(void);

/* Bytes came in on a server's connection; x: the request they belong to, or NULL. */
void at_bridge_read(const struct at_conn *c, const struct at_exchange *x);

/* A connection was accepted. */
void at_bridge_accept(const struct at_conn *c);

/* A request that at_bridge_serve told of is over. */
void at_bridge_served_over(const struct at_exchange *x);

/* What a runtime says this thread works on, none when it says that too. Valid when
 * at_bridge_is_on(). */
struct at_ref at_bridge_task(void);

#endif
