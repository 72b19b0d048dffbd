/*
 * Who caused whom. Each thread knows the request it is working on; each connection may know the
 * request that owns it. See the rules in exchange.h and ARCHITECTURE.md. Thread-local but where
 * said; any context.
 */
#ifndef AT_FLOW_CAUSALITY_H
#define AT_FLOW_CAUSALITY_H

#include "conn/conn.h"
#include "flow/exchange.h"
#include "wire/message.h"

/* What a connection says about who makes a call over it. */
struct at_claim {
	struct at_ref owner; /* the request that owns it */
	bool told;           /* by a runtime, which then says that there is none, too */
	bool blind;          /* opened in an event loop for nobody knows which open request */
	bool pooled; /* a pool has looked at it since the last answer: the owner is whose that was
		      */
};

/* The thread read bytes of this server exchange: it is working on it now. */
void at_causality_serve(const struct at_exchange *x);

/* The thread read bytes of several exchanges at once, or of several calls': which it works on
 * nobody can tell until it waits again. */
void at_causality_several(void);

/* The thread read the answer of this call, or gave it up unfinished: in an event loop it goes on
 * with the request that made it. */
void at_causality_resume(const struct at_exchange *call);

/* A call has failed, or the thread has given it up, by a timer perhaps, and is put back to its
 * request: what it does now is for that one. */
void at_causality_given_up(void);

/* A loop's thread turns to an event that tells of no request: something came that speaks no HTTP.
 */
void at_causality_elsewhere(void);

/* The same, when it came over a connection and belongs to no request. One that no loop waits for is
 * read when somebody wants what comes. */
void at_causality_strange(const struct at_conn *c);

/* A client's stream has ended, or its connection failed: in a loop what follows is for its request
 * that is not answered yet, or for nobody (NULL). */
void at_causality_hung_up(const struct at_exchange *first);

/* A connection made in the background has come about: a loop goes on for whom it was opened. */
void at_causality_reached(struct at_ref owner);

/* The thread did something for this request (wrote to its client, connected or called for it): it
 * works on events as it reads them. When it is not the current one, the loop serves an event that
 * brought nothing to read (there was room to write), and the current one is over. NULL is welcome.
 */
void at_causality_touch(const struct at_exchange *x);

/* The thread did something that must be for the current request, if it works on events as it reads
 * them: wrote to a server of another protocol, had the loop wait for a timer. Not believed of one
 * that has worked on what it had put off. */
void at_causality_spoke(void);

/* The one request that this thread has read and put off, and that the call repeats: same method,
 * target, host and user agent. None when there are several. */
struct at_ref at_causality_repeated(const struct at_message *m);

/* A call about to be made has no parent that could be told now: gives it its identity. */
void at_causality_orphan(struct at_exchange *call);

/* The thread asks how this request's connection is, before anything of an answer: a worker does so
 * when it takes the request up that another thread has read. It is believed in programs in which
 * those who ask are those who answer. The connection is locked. */
void at_causality_take(struct at_exchange *x);

/* The thread begins to answer this request; has answered it. Its connection is locked. */
void at_causality_answer(struct at_exchange *x);
void at_causality_answered(void);

/* The thread looks at a connection of requests without getting anything, waits for it, or closes
 * it: what it did before is over. */
void at_causality_left(void);

/* The thread goes back to a wait: `several` when that wait covers several connections of requests
 * or an unknown set, false for a wait for new connections only. `due`: when its time-out ends,
 * monotonic ns, from when on the thread has other things to do than its events; 0: it has them now
 * and only looks. Ends the current request. */
void at_causality_wait(bool several, uint64_t due);

/* Whether this thread multiplexes connections. */
bool at_causality_loops(void);

/* The request the thread is working on, or none. */
struct at_ref at_causality_current(enum at_rule *ret_rule);

/* The request that this thread has read itself and works on, or none. */
struct at_ref at_causality_reads(void);

/* For whom a connection is that this thread takes out of a pool now: the request it works on. None
 * in a thread that multiplexes, which looks at connections for others too. */
struct at_ref at_causality_lends(void);

/* The request this thread has from its creator, and has not lost since; none when it has none. */
struct at_ref at_causality_inherited(void);

/* A new thread goes on with what its creator is working on. */
void at_causality_inherit(struct at_ref from);

/* A thread gives back what it keeps: it makes no more calls that matter. */
void at_causality_gone(void);

/* A thread that inherited ends. */
void at_causality_end(void);

/* Whether a connection opened by this thread now belongs to an open request that cannot be told:
 * its first call is then not the current request's, whichever that will be. */
bool at_causality_blind(void);

/* What c says. Its lock is held. */
struct at_claim at_causality_claim(const struct at_conn *c);

/* The parent of a call about to be made over a connection with that claim; none: a root. For
 * AT_RULE_ONLY_ONE *ret_epoch is what at_exchange_epoch_is wants at the end. */
struct at_ref at_causality_parent(struct at_claim claim, enum at_rule *ret_rule,
				  uint64_t *ret_epoch);

/* The parent of an attempt to connect: nobody else has a part in the connection yet. */
struct at_ref at_causality_parent_of_connect(struct at_claim claim, enum at_rule *ret_rule,
					     uint64_t *ret_epoch);

#endif
