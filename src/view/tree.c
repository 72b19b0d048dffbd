/*
 * Parent and child. Fed by waterfall with one trace, on the program's one thread. Owns its scratch
 * memory for the time of the call. Linear in the spans but for two sorts; no recursion, so that no
 * sender's chain of a hundred thousand spans can hurt.
 */
#include "view/tree.h"

#include <stdlib.h>

#define NONE SIZE_MAX

/* A span among its family; all numbers are indices into the nodes, NONE for nobody. */
struct node {
	const struct at_stored_span *span;
	size_t came; /* how many came before it */
	size_t parent;
	size_t child;   /* the first one */
	size_t sibling; /* the next one */
	size_t round;   /* search for a loop that came by last, counted from 1 */
	bool visited;   /* has its row */
};

static int by_id(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int order = memcmp(x->span->span_id, y->span->span_id, sizeof(x->span->span_id));

	return order ? order : (x->came > y->came) - (x->came < y->came);
}

static int by_start(const void *a, const void *b)
{
	const struct node *const *x = a, *const *y = b;

	if ((*x)->span->start != (*y)->span->start)
		return (*x)->span->start < (*y)->span->start ? -1 : 1;
	return ((*x)->came > (*y)->came) - ((*x)->came < (*y)->came);
}

/* Fills nodes with the spans by id, each id once; returns how many they are. */
static size_t collect(const struct at_trace *trace, struct node *nodes)
{
	size_t n = 0;

	for (size_t i = 0; i < trace->n; i++)
		nodes[i] = (struct node){.span = trace->spans[i], .came = i};
	qsort(nodes, trace->n, sizeof(*nodes), by_id);
	for (size_t i = 0; i < trace->n; i++) {
		if (n == 0 || memcmp(nodes[n - 1].span->span_id, nodes[i].span->span_id, 8) != 0)
			nodes[n++] = nodes[i];
		nodes[n - 1].parent = nodes[n - 1].child = nodes[n - 1].sibling = NONE;
	}
	return n;
}

static size_t find(const struct node *nodes, size_t n, const uint8_t *id)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(nodes[middle].span->span_id, id, 8);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NONE;
}

/* Hangs each node under its parent; going backwards in time leaves the children in order. */
static void link_up(struct node *nodes, struct node *const *in_time, size_t n)
{
	for (size_t i = n; i-- > 0;) {
		struct node *node = in_time[i];

		if (node->span->has_parent)
			node->parent = find(nodes, n, node->span->parent_id);
		if (node->parent == NONE)
			continue;
		node->sibling = nodes[node->parent].child;
		nodes[node->parent].child = (size_t)(node - nodes);
	}
}

/* The earliest node of the loop to which the parents of `node` lead. */
static struct node *loop_head(struct node *nodes, struct node *node, size_t round)
{
	struct node *head, *end;

	for (; node->round != round; node = &nodes[node->parent])
		node->round = round;
	head = end = node;
	for (node = &nodes[end->parent]; node != end; node = &nodes[node->parent]) {
		const struct node *a = node, *b = head;

		if (by_start(&a, &b) < 0)
			head = node;
	}
	return head;
}

/* Takes a node of a loop away from its parent, which makes it the head of a tree. */
static void cut_loose(struct node *nodes, struct node *node)
{
	size_t *at = &nodes[node->parent].child;

	while (&nodes[*at] != node)
		at = &nodes[*at].sibling;
	*at = node->sibling;
	node->parent = NONE;
	node->sibling = NONE;
}

/* Writes the rows of the tree below (and with) `top`; returns how many. */
static size_t walk(struct node *nodes, struct node *top, struct at_tree_row *rows)
{
	struct node *node = top;
	size_t depth = 0, n = 0;

	for (;;) {
		node->visited = true;
		rows[n++] = (struct at_tree_row){.span = node->span,
						 .depth = depth,
						 .last = node->sibling == NONE,
						 .orphan = depth == 0 && node->span->has_parent};
		if (node->child != NONE) {
			node = &nodes[node->child];
			depth++;
			continue;
		}
		while (node != top && node->sibling == NONE) {
			node = &nodes[node->parent];
			depth--;
		}
		if (node == top)
			return n;
		node = &nodes[node->sibling];
	}
}

static size_t order(struct node *nodes, struct node *const *in_time, size_t n,
		    struct at_tree_row *rows)
{
	size_t done = 0;

	for (size_t i = 0; i < n; i++) {
		if (in_time[i]->parent == NONE)
			done += walk(nodes, in_time[i], rows + done);
	}
	/* What is left hangs together in loops, each of which is opened at its earliest span. */
	for (size_t i = 0; i < n && done < n; i++) {
		struct node *head;

		if (in_time[i]->visited)
			continue;
		head = loop_head(nodes, in_time[i], i + 1);
		cut_loose(nodes, head);
		done += walk(nodes, head, rows + done);
	}
	return done;
}

size_t at_tree_order(const struct at_trace *trace, struct at_tree_row *rows)
{
	struct node *nodes = calloc(trace->n + 1, sizeof(*nodes));
	struct node **in_time = calloc(trace->n + 1, sizeof(struct node *));
	size_t n = 0;

	if (nodes && in_time) {
		n = collect(trace, nodes);
		for (size_t i = 0; i < n; i++)
			in_time[i] = &nodes[i];
		qsort(in_time, n, sizeof(struct node *), by_start);
		link_up(nodes, in_time, n);
		n = order(nodes, in_time, n, rows);
	}
	free(in_time);
	free(nodes);
	return n;
}
