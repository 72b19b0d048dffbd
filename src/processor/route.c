/*
 * The processor `route`: gives server spans http.route and client spans url.template, and with them
 * the name "{method} {route}". Fed by the chain. Templates of the user come first; for server spans
 * a route is guessed where none fits, unless that is switched off, the answer was 404 (such paths
 * are anybody's invention) or very many routes were guessed already.
 */
#include <stdlib.h>

#include "base/checksum.h"
#include "config/config.h"
#include "processor/chain.h"
#include "processor/guess.h"
#include "processor/template.h"

/* Different routes that are guessed in a process at most, so that a scanner cannot make names
 * without end. Slots are a power of two and never more than half full. */
#define GUESSED_MAX 512
#define SLOTS       1024

struct route {
	struct at_templates templates;
	bool guess;
	unsigned guessed;     /* places taken in seen */
	uint64_t seen[SLOTS]; /* hashes of guessed routes, open addressing; 0: free */
};

static void *open_route(const struct at_config *c)
{
	struct route *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->guess = c->route_heuristic;
	at_templates_open(&r->templates, c->routes);
	return r;
}

static void close_route(void *self)
{
	struct route *r = self;
	at_templates_close(&r->templates);
	free(r);
}

/* 0 is a free slot. */
static uint64_t hash(struct at_str s)
{
	uint64_t h = at_str_hash(s);
	return h ? h : 1;
}

/* Whether the route is known or there is room to know it. */
static bool admit(struct route *r, struct at_str route)
{
	uint64_t h = hash(route);
	for (size_t i = h % SLOTS;; i = (i + 1) % SLOTS) {
		if (r->seen[i] == h)
			return true;
		if (r->seen[i])
			continue;
		if (r->guessed == GUESSED_MAX)
			return false;
		r->seen[i] = h;
		r->guessed++;
		return true;
	}
}

static bool answered_404(struct at_span *s)
{
	const struct at_attr *a = at_span_attr(s, AT_KEY_http_response_status_code);
	return a && a->type == AT_ATTR_INT && a->i == 404;
}

static struct at_str guess(struct route *r, struct at_span *s, struct at_str path,
			   struct at_scratch *scratch)
{
	if (!r->guess || answered_404(s))
		return AT_STR_NONE;
	char *p = at_scratch_take(scratch, path.n + 8 * AT_GUESS_SEGMENTS);
	if (!p)
		return AT_STR_NONE;
	struct at_str route = at_str(p, at_guess_route(p, path));
	at_scratch_trim(scratch, p, route.n);
	return route.n && admit(r, route) ? route : AT_STR_NONE;
}

/* The path of a URL: from the slash behind the host to the query. */
static struct at_str path_of(struct at_str url)
{
	size_t start = 0;
	size_t end;
	for (size_t i = 0; i + 3 <= url.n; i++)
		if (memcmp(url.p + i, "://", 3) == 0) {
			start = i + 3;
			break;
		}
	url = at_str_from(url, start);
	for (end = 0; end < url.n && url.p[end] != '?' && url.p[end] != '#'; end++)
		continue;
	url = at_str_head(url, end);
	ptrdiff_t slash = at_str_find(url, '/');
	return slash < 0 ? AT_STR("/") : at_str_from(url, (size_t)slash);
}

/* "{method} {route}" as the span's name; an HTTP span is born with its method as its name. */
static void rename_span(struct at_span *s, struct at_str route, struct at_scratch *scratch)
{
	struct at_str method = s->name;
	char *p = at_scratch_take(scratch, method.n + 1 + route.n);
	if (!p)
		return;
	memcpy(p, method.p, method.n);
	p[method.n] = ' ';
	memcpy(p + method.n + 1, route.p, route.n);
	s->name = at_str(p, method.n + 1 + route.n);
}

static void route_server(struct route *r, struct at_span *s, struct at_scratch *scratch)
{
	const struct at_attr *path = at_span_attr(s, AT_KEY_url_path);
	if (!path || path->type != AT_ATTR_STRING || at_span_attr(s, AT_KEY_http_route))
		return;
	struct at_str text = path->str;
	struct at_str route = at_templates_find(&r->templates, text);
	if (!route.n)
		route = guess(r, s, text, scratch);
	if (route.n && at_span_set_str(s, AT_KEY_http_route, route))
		rename_span(s, route, scratch);
}

static void route_client(struct route *r, struct at_span *s, struct at_scratch *scratch)
{
	const struct at_attr *url = at_span_attr(s, AT_KEY_url_full);
	if (!r->templates.count || !url || url->type != AT_ATTR_STRING)
		return;
	struct at_str route = at_templates_find(&r->templates, path_of(url->str));
	if (route.n && at_span_set_str(s, AT_KEY_url_template, route))
		rename_span(s, route, scratch);
}

static bool run(void *self, struct at_span *s, struct at_scratch *scratch)
{
	struct route *r = self;
	if (s->kind == AT_SPAN_SERVER)
		route_server(r, s, scratch);
	else if (s->kind == AT_SPAN_CLIENT)
		route_client(r, s, scratch);
	return true;
}

const struct at_processor_ops at_route_ops = {
	.name = "route",
	.repeats = true,
	.open = open_route,
	.close = close_route,
	.run = run,
};
