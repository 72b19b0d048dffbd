/*
 * The traces that wait to be drawn, joined from the spans of all processes. One thread; bounded in
 * traces, spans and bytes: when full, the trace longest without news goes, one already drawn first.
 *
 *	(unknown) --span--> pending --drawn--> drawn --span--> pending
 *	                       \------ evicted -----/
 */
#ifndef AT_VIEW_STORE_H
#define AT_VIEW_STORE_H

#include "view/region.h"
#include "view/span.h"

/* An attribute or the attributes of a link, ready to be printed. */
struct at_stored_pair {
	struct at_str key;
	struct at_str value;
};

/* What a waterfall needs of a span. Lives as long as its trace. */
struct at_stored_span {
	uint8_t span_id[8];
	uint8_t parent_id[8]; /* counts when has_parent */
	bool has_parent;
	int kind;              /* OTLP's number */
	int status;            /* OTLP's number */
	uint64_t start;        /* nanoseconds since 1970 */
	uint64_t end;          /* nanoseconds since 1970 */
	struct at_str service; /* service.name */
	struct at_str pid;     /* process.pid, decimal; may be empty */
	struct at_str name;
	struct at_str message;             /* status message */
	struct at_str http_status;         /* http.response.status_code, decimal; may be empty */
	struct at_str error_type;          /* error.type; may be empty */
	struct at_str rule;                /* autotrace.link.rule; may be empty */
	struct at_stored_pair *attributes; /* n_attributes of them, when asked for */
	size_t n_attributes;
	struct at_stored_pair *links; /* n_links of them ("trace id/span id", attributes) */
	size_t n_links;
};

struct at_trace;

/* Traces by `touched`, linked both ways. */
struct at_trace_list {
	struct at_trace *oldest;
	struct at_trace *newest;
};

/* One trace. */
struct at_trace {
	uint8_t id[16];
	struct at_stored_span **spans; /* n of them, in the order they came; owned */
	size_t n;
	size_t room;                /* elements `spans` has memory for */
	size_t drawn;               /* spans there were when it was last drawn */
	size_t dropped;             /* spans that found no room */
	uint64_t touched;           /* when its last span came: milliseconds, monotonic */
	size_t counted;             /* bytes it counts for in the store */
	struct at_region region;    /* holds the spans */
	struct at_trace_list *list; /* it is in: the store\'s pending or drawn */
	struct at_trace *newer;     /* in its list, by `touched` */
	struct at_trace *older;
	struct at_trace *chain; /* next of the same hash bucket */
};

/* Limits and wishes; set once. */
struct at_store_config {
	size_t max_traces; /* pending and drawn together */
	size_t max_spans;  /* of all traces */
	size_t max_bytes;  /* of all traces */
	bool keep_attributes;
	bool keep_links;
};

struct at_store {
	struct at_store_config config;
	struct at_trace **buckets; /* hash table by trace id, n_buckets (a power of 2) */
	size_t n_buckets;
	uint64_t seed;                /* of the hash */
	size_t traces;                /* kept at the moment */
	size_t spans;                 /* kept at the moment */
	size_t bytes;                 /* kept at the moment */
	struct at_trace_list pending; /* have spans that were not drawn */
	struct at_trace_list drawn;   /* have none */
	uint64_t evicted_traces;      /* forgotten with spans not drawn */
	uint64_t evicted_spans;       /* not drawn, of those traces or for lack of room */
};

/* False: no memory. */
bool at_store_init(struct at_store *store, const struct at_store_config *config);

/* Copies an accepted span into its trace. `now`: milliseconds, monotonic. */
void at_store_add(struct at_store *store, const struct at_view_span *span, uint64_t now);

/* The pending trace that has been without news for the longest time, NULL when there is none. */
struct at_trace *at_store_next(struct at_store *store);

/* Says that a pending trace has been drawn as it is now. */
void at_store_mark_drawn(struct at_store *store, struct at_trace *trace);

void at_store_free(struct at_store *store);

#endif
