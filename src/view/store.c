/*
 * Joins spans into traces. Fed by the program's sink with each accepted span and by its loop, which
 * draws what has become quiet; all on one thread. Owns every trace and its memory.
 */
#include "view/store.h"
#include "view/jsonl.h"
#include "view/glyph.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define TEXT_MAX     1024 /* bytes kept of a text: more than a terminal line shows */
#define REGION_FIRST 1024 /* bytes: a small trace fits */
#define BUCKETS_MIN  64
#define BUCKETS_MAX  (1u << 16)

bool at_store_init(struct at_store *store, const struct at_store_config *config)
{
	size_t n = BUCKETS_MIN;

	*store = (struct at_store){.config = *config};
	while (n < config->max_traces && n < BUCKETS_MAX)
		n *= 2;
	if (getrandom(&store->seed, sizeof(store->seed), GRND_NONBLOCK) < 0)
		store->seed = (uintptr_t)store;
	store->n_buckets = n;
	store->buckets = calloc(n, sizeof(*store->buckets));
	return store->buckets != NULL;
}

static struct at_trace **bucket_of(struct at_store *store, const void *id)
{
	uint64_t half[2];
	uint64_t hash;

	memcpy(half, id, sizeof(half));
	hash = (half[0] ^ store->seed) * 0x9e3779b97f4a7c15u;
	hash = ((hash >> 32) ^ hash ^ half[1]) * 0xd6e8feb86659fd93u;
	return &store->buckets[(hash >> 32) & (store->n_buckets - 1)];
}

static void list_remove(struct at_trace *trace)
{
	struct at_trace_list *list = trace->list;

	*(trace->older ? &trace->older->newer : &list->oldest) = trace->newer;
	*(trace->newer ? &trace->newer->older : &list->newest) = trace->older;
}

/* Makes the trace the newest of the list it belongs to. */
static void list_append(struct at_store *store, struct at_trace *trace)
{
	struct at_trace_list *list = trace->n == trace->drawn ? &store->drawn : &store->pending;

	trace->list = list;
	trace->older = list->newest;
	trace->newer = NULL;
	*(list->newest ? &list->newest->newer : &list->oldest) = trace;
	list->newest = trace;
}

static void free_trace(struct at_trace *trace)
{
	at_region_free(&trace->region);
	free(trace->spans);
	free(trace);
}

static void forget(struct at_store *store, struct at_trace *trace)
{
	struct at_trace **at = bucket_of(store, trace->id);

	while (*at != trace)
		at = &(*at)->chain;
	*at = trace->chain;
	list_remove(trace);
	store->traces--;
	store->spans -= trace->n;
	store->bytes -= trace->counted;
	free_trace(trace);
}

/* Makes room at the cost of another trace than `except`. False: there is no other. */
static bool evict(struct at_store *store, const struct at_trace *except)
{
	struct at_trace *victim = store->drawn.oldest;

	if (victim == except)
		victim = victim ? victim->newer : NULL;
	if (!victim) {
		victim = store->pending.oldest;
		if (victim == except)
			victim = victim ? victim->newer : NULL;
		if (!victim)
			return false;
	}
	/* The analyzer does not see that what forget() frees is in no list any more.
	 * NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	if (victim->n != victim->drawn) {
		store->evicted_traces++;
		store->evicted_spans += victim->n - victim->drawn;
	}
	forget(store, victim);
	return true;
}

static struct at_trace *trace_of(struct at_store *store, const void *id)
{
	struct at_trace **bucket = bucket_of(store, id);
	struct at_trace *trace;

	for (trace = *bucket; trace; trace = trace->chain) {
		if (memcmp(trace->id, id, sizeof(trace->id)) == 0)
			return trace;
	}
	if (store->traces >= store->config.max_traces)
		evict(store, NULL);
	trace = calloc(1, sizeof(*trace));
	if (!trace)
		return NULL;
	memcpy(trace->id, id, sizeof(trace->id));
	at_region_init(&trace->region, REGION_FIRST, store->config.max_bytes);
	trace->chain = *bucket;
	*bucket = trace;
	list_append(store, trace);
	store->traces++;
	return trace;
}

static struct at_str keep(struct at_trace *trace, struct at_str text)
{
	return at_region_copy(&trace->region, at_glyph_head(text, TEXT_MAX));
}

/* jansson's text, given back the way jansson took it. */
static void free_json_text(char *text)
{
	json_free_t give_back;

	json_get_alloc_funcs(NULL, &give_back);
	give_back(text);
}

/* A value as text: strings as they are, all else as JSON. */
static struct at_str keep_value(struct at_trace *trace, const struct at_value *value)
{
	struct at_str kept = AT_STR_NONE;
	struct at_region scratch;
	json_t *json;
	char *text;

	if (!value)
		return kept;
	if (value->type == AT_VALUE_STRING)
		return keep(trace, value->text);
	at_region_init(&scratch, REGION_FIRST, trace->region.limit);
	json = at_jsonl_value(value, &scratch);
	text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
	if (text)
		kept = keep(trace, at_str_c(text));
	free_json_text(text);
	json_decref(json);
	at_region_free(&scratch);
	return kept;
}

static struct at_str keep_attribute(struct at_trace *trace, const struct at_attributes *in,
				    struct at_str key)
{
	return keep_value(trace, at_attribute(in, key));
}

static void keep_attributes(struct at_trace *trace, struct at_stored_span *to,
			    const struct at_attributes *from)
{
	to->attributes = at_region_zeroed(&trace->region, from->n, sizeof(*to->attributes));
	to->n_attributes = to->attributes ? from->n : 0;
	for (size_t i = 0; i < to->n_attributes; i++) {
		to->attributes[i].key = keep(trace, from->at[i].key);
		to->attributes[i].value = keep_value(trace, &from->at[i].value);
	}
}

static void keep_links(struct at_trace *trace, struct at_stored_span *to,
		       const struct at_view_span *from)
{
	to->links = at_region_zeroed(&trace->region, from->n_links, sizeof(*to->links));
	to->n_links = to->links ? from->n_links : 0;
	for (size_t i = 0; i < to->n_links; i++) {
		const struct at_view_link *link = &from->links[i];
		const struct at_value map = {
			.type = AT_VALUE_MAP, .n = link->attributes.n, .map = link->attributes.at};
		char ids[32 + 1 + 16];

		at_hex_encode(ids, link->trace_id.p, 16);
		ids[32] = '/';
		at_hex_encode(ids + 33, link->span_id.p, 8);
		to->links[i].key = keep(trace, at_str(ids, sizeof(ids)));
		if (map.n)
			to->links[i].value = keep_value(trace, &map);
	}
}

static struct at_stored_span *keep_span(const struct at_store *store, struct at_trace *trace,
					const struct at_view_span *from)
{
	const struct at_attributes *resource = &from->resource->attributes;
	struct at_stored_span *to = at_region_zeroed(&trace->region, 1, sizeof(*to));

	if (!to)
		return NULL;
	memcpy(to->span_id, from->span_id.p, sizeof(to->span_id));
	to->has_parent = from->parent_id.n != 0;
	if (to->has_parent)
		memcpy(to->parent_id, from->parent_id.p, sizeof(to->parent_id));
	to->kind = from->kind;
	to->status = from->status;
	to->start = from->start;
	to->end = from->end;
	to->service = keep_attribute(trace, resource, AT_STR("service.name"));
	to->pid = keep_attribute(trace, resource, AT_STR("process.pid"));
	to->name = keep(trace, from->name);
	to->message = keep(trace, from->status_message);
	to->http_status =
		keep_attribute(trace, &from->attributes, AT_STR("http.response.status_code"));
	to->error_type = keep_attribute(trace, &from->attributes, AT_STR("error.type"));
	to->rule = keep_attribute(trace, &from->attributes, AT_STR("autotrace.link.rule"));
	if (store->config.keep_attributes)
		keep_attributes(trace, to, &from->attributes);
	if (store->config.keep_links)
		keep_links(trace, to, from);
	return to;
}

static bool append(struct at_trace *trace, struct at_stored_span *span)
{
	size_t room = trace->room ? trace->room * 2 : 8;
	struct at_stored_span **spans;

	if (!span)
		return false;
	if (trace->n == trace->room) {
		spans = reallocarray(trace->spans, room, sizeof(*spans));
		if (!spans)
			return false;
		trace->spans = spans;
		trace->room = room;
	}
	trace->spans[trace->n++] = span;
	return true;
}

static bool full(const struct at_store *store)
{
	return store->spans >= store->config.max_spans || store->bytes >= store->config.max_bytes;
}

void at_store_add(struct at_store *store, const struct at_view_span *span, uint64_t now)
{
	struct at_trace *trace = trace_of(store, span->trace_id.p);
	size_t before;
	bool kept;

	while (trace && full(store) && evict(store, trace))
		;
	if (!trace) {
		store->evicted_spans++;
		return;
	}
	list_remove(trace);
	before = trace->counted;
	kept = !full(store) && append(trace, keep_span(store, trace, span));
	trace->counted = sizeof(*trace) + trace->region.held + trace->room * sizeof(*trace->spans);
	store->bytes += trace->counted - before;
	store->spans += kept;
	trace->dropped += !kept;
	store->evicted_spans += !kept;
	trace->touched = now;
	list_append(store, trace);
}

struct at_trace *at_store_next(struct at_store *store)
{
	return store->pending.oldest;
}

void at_store_mark_drawn(struct at_store *store, struct at_trace *trace)
{
	list_remove(trace);
	trace->drawn = trace->n;
	list_append(store, trace);
}

static void free_list(struct at_trace_list *list)
{
	struct at_trace *trace = list->oldest, *newer;

	for (; trace; trace = newer) {
		newer = trace->newer;
		free_trace(trace);
	}
}

void at_store_free(struct at_store *store)
{
	free_list(&store->drawn);
	free_list(&store->pending);
	free(store->buckets);
	*store = (struct at_store){0};
}
