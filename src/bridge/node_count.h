/*
 * The word in which Node keeps how many hooks want to hear of new asynchronous resources. Node asks
 * hooks for each of them, ten in a request that does nothing, while it is not 0.
 */
#ifndef AT_BRIDGE_NODE_COUNT_H
#define AT_BRIDGE_NODE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

/* Words that may be it, found so far. */
struct at_node_count {
	uint32_t *word[4];
	unsigned n;
};

/* Looks through Node's environment, of that isolate, for words that are 1 now, as Node has them for
 * a single hook with nothing but `init`. False when there are none, or too many. */
bool at_node_count_seek(struct at_node_count *found, const char *environment, const void *isolate);

/* Keeps those that are `is` now; whether any is left. */
bool at_node_count_sift(struct at_node_count *found, uint32_t is);

#endif
