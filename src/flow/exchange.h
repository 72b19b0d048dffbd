/*
 * One request and its answer, seen from one side: the span in the making. Type-stable, referred to
 * by pointer and generation, so that nobody ever hangs a call under a request that is answered.
 *
 *   at_exchange_open -> [head of the request] -> [head of the response] -> at_exchange_close
 *                                                                      \-> at_exchange_drop
 *
 * An exchange belongs to one talk and is changed under that talk's connection lock only; what other
 * threads read through a reference (identity, carried headers) does not change between the head of
 * the request and the close.
 */
#ifndef AT_FLOW_EXCHANGE_H
#define AT_FLOW_EXCHANGE_H

#include "base/buf.h"
#include "trace/context.h"
#include "trace/record.h"

struct at_talk;

/* Why a call's parent is its parent; on the span as autotrace.link.rule when asked for. */
enum at_rule {
	AT_RULE_NONE,      /* a root span */
	AT_RULE_HEADER,    /* the outgoing request carried the context of a request open here */
	AT_RULE_BRIDGE,    /* the runtime said so */
	AT_RULE_THREAD,    /* made by the thread that read the request and has not answered it */
	AT_RULE_TAKEN,     /* the thread asked how that request's connection is, before it began */
	AT_RULE_LOOP,      /* the event being served, or the request that owns the connection */
	AT_RULE_REPEATED,  /* in a loop, it is the same request as exactly one that was put off */
	AT_RULE_INHERITED, /* the thread was created while its creator served the request */
	AT_RULE_ONLY_ONE,  /* no other request was open in the process during the whole call */
	AT_RULE_DEFERRED,  /* its thread answered that request next, which was open all along */
	AT_RULE_ENV,       /* TRACEPARENT in the environment of a program that serves nobody */
	AT_RULES
};

#define AT_EXCHANGE_INLINE 704 /* attribute bytes that need no block of their own */

struct at_exchange;

/* A reference that outlives its target without harm. */
struct at_ref {
	struct at_exchange *exchange; /* NULL: none */
	uint32_t generation;          /* valid while it equals the exchange's */
};

struct at_exchange {
	uint64_t slab;            /* the slab's own while free */
	uint32_t generation;      /* odd while open (atomic) */
	uint32_t passed;          /* the generation in which its connection was given to others,
				   * who may answer; 0: never (atomic) */
	uint32_t fork_generation; /* process it was opened in; a child never reports it */
	struct at_talk *talk;     /* conversation it belongs to */
	struct at_exchange *next; /* the next younger one of the same talk */
	uint32_t stream;          /* its number where several share a connection, else 0 */
	uint8_t kind;             /* enum at_span_kind */
	uint8_t rule;             /* enum at_rule */
	uint8_t method;           /* index of the method: AT_METHOD_… */
	bool named;               /* the request's head was seen: identity is final (atomic) */
	bool recording;           /* sampled: a span will be made */
	bool silent;              /* the application traces this call itself: no span of ours */
	bool announced;           /* created before its bytes were written */
	bool injected;            /* our header is on its way: do not add it again */
	uint8_t carries;          /* calls: enum at_client_carries */
	uint8_t sends;            /* calls: propagators whose fields the application sends itself */
	bool sends_state;         /* calls: and tracestate */
	bool upgrades;            /* the request asks to go on in HTTP/2 (h2c) */
	bool torn;                /* the head came in more than one piece */
	uint8_t told;          /* enum told in exchange.c: whether the identity is final (atomic) */
	bool asked;            /* the request's last byte went by */
	bool taken;            /* a worker has asked how its connection is */
	bool handed;           /* a runtime was told of it */
	bool answering;        /* the response's first byte went by */
	bool parent_remote;    /* the parent came over the wire */
	bool captured_remote;  /* came_with is valid */
	uint16_t status;       /* of the final response head, 0: none yet */
	struct at_context ctx; /* this span */
	struct at_context came_with; /* server: the context the request carried */
	uint8_t parent_id[8];        /* parent's span id, zero: root */
	struct at_ref parent;        /* the open request that caused this call */
	struct at_record_link link;  /* when linked: a request that cannot be the parent any more */
	bool linked;                 /* link is filled */
	uint64_t epoch;              /* requests opened so far, when rule is only-one */
	uint64_t start;              /* monotonic ns of the request's first byte */
	uint64_t end;           /* monotonic ns of the end when that is over and told later, or 0 */
	const char *error_type; /* of that end, static, or NULL */
	uint32_t caller;        /* calls without a parent: the thread by defer.c's count, or 0 */
	uint32_t *counted;      /* where a runtime counts it while it is open, or NULL */
	uint64_t first_byte;    /* calls: monotonic ns of the response's first byte, 0: none yet */
	uint64_t request_body, request_wire, response_body, response_wire; /* bytes */
	struct at_buf carried; /* tracestate, then baggage, to send on */
	uint32_t state_len;    /* bytes of tracestate at the start of carried */
	struct at_attrs attrs; /* attributes so far; in inline_room or in block */
	uint32_t fixed_bytes;  /* of these, the leading ones that repeat on this connection */
	uint32_t fixed_hash;   /* over these bytes */
	uint16_t fixed_attrs;  /* and how many they are */
	uint16_t own_attrs;    /* the trailing ones that are measured */
	uint32_t own_bytes;    /* and their bytes */
	char *block;           /* attribute memory from the pool, or NULL */
	char method_name[28];  /* as the span's name says it */
	uint8_t method_len;    /* bytes of method_name */
	char inline_room[AT_EXCHANGE_INLINE];
};

/* A new exchange at the end of talk's row, its start set to now. NULL: no memory, or too many
 * outstanding on this connection. Lock held. */
struct at_exchange *at_exchange_open(struct at_talk *talk, enum at_span_kind kind);

/* Ends it: makes the span if it is recording and offers it to the exporter. `error_type` NULL: none
 * beyond what the status says. Takes it out of its talk's row. Lock held. */
void at_exchange_close(struct at_exchange *x, const char *error_type);

/* Ends it without a span (never got a head, or must not be reported). Lock held. */
void at_exchange_drop(struct at_exchange *x);

/* Gives x its identity: the parent's trace or a new one (NULL), a span id, the sampler's decision.
 * With OTEL_SDK_DISABLED it is the parent's own identity, or none, as the specification has it for
 * an API without an SDK: what came is passed on. Lock held. */
void at_exchange_adopt(struct at_exchange *x, const struct at_context *parent, bool remote);

/* Makes it a root of the trace that `root`, another root, has begun. Lock held. */
void at_exchange_join(struct at_exchange *x, const struct at_context *root);

/* Ends a call that is recording as of now, without telling: its row and its references are rid of
 * it, and it is the caller's until at_exchange_deliver. Lock held. */
void at_exchange_finish(struct at_exchange *x, const char *error_type);

/* Puts such a call below a request that is open: in one trace when the ids still can be, else by a
 * span link. The request's lock is held. */
void at_exchange_put_under(struct at_exchange *call, struct at_exchange *request);

/* Makes the span of such a call and offers it to the exporter. Any thread. */
void at_exchange_deliver(struct at_exchange *call);

/* In a forked child, for the parent's: gives its memory back. */
void at_exchange_forget(struct at_exchange *call);

/* Before a fork: the child may tell others the identity of what is open. */
void at_exchange_before_fork(void);

/* Others have its connection too now, and may answer in its place: that it ends here without an
 * answer is no failure. Any thread. */
void at_exchange_pass(struct at_ref r);
/* An answer, or a part of it, goes out or comes in here: it is not so. Lock held, as for the next
 * one. */
void at_exchange_keep(struct at_exchange *x);
bool at_exchange_is_passed(const struct at_exchange *x);

/* Makes room for `bytes` of attributes at once. Lock held. */
void at_exchange_room(struct at_exchange *x, size_t bytes);

/* A reference to x. */
struct at_ref at_exchange_ref(const struct at_exchange *x);

/* Whether the referred exchange is still open. Any thread. */
bool at_exchange_valid(struct at_ref r);

/* A reference as a number that others can keep: 0 for none; and back. */
uint64_t at_exchange_token(struct at_ref r);
struct at_ref at_exchange_of_token(uint64_t token);

/* Says that identity, sampling and what is carried on are final: others may look at them from here
 * on. Lock held. */
void at_exchange_name(struct at_exchange *x);

/* Copies identity out of a referred exchange; false when it was closed in between. Any thread. */
bool at_exchange_identity(struct at_ref r, struct at_context *ret);

/* Copies tracestate and baggage into `to` (emptied first; the length of tracestate in *ret_state);
 * false when it was closed in between. Any thread. */
bool at_exchange_carried(struct at_ref r, struct at_buf *to, uint32_t *ret_state);

/* The open server exchange that came with this remote context, or none. Any thread. */
struct at_ref at_exchange_find_remote(const struct at_context *remote);

/* The only server exchange open in this process, or none; *ret_epoch counts openings. Any thread.
 */
struct at_ref at_exchange_only_one(uint64_t *ret_epoch);

/* A call is about to be made that has no parent: whether any request is open tells what to think of
 * the next ones. Any thread. */
void at_exchange_own_call(void);

/* Whether a server exchange is open in this process now. */
bool at_exchange_any_open(void);

/* Whether still no other server exchange was opened since `epoch`. */
bool at_exchange_epoch_is(uint64_t epoch);

/* Whether a server exchange was ever opened in this process. */
bool at_exchange_serves(void);

/* Puts the count of served requests on the notice board. */
void at_exchange_show(void);

/* At the process's end: reports what is open as it is. */
void at_exchange_close_all(const char *error_type);

/* In a forked child: what is open belongs to the parent; it stays as context, unreported. */
void at_exchange_after_fork(void);

#endif
