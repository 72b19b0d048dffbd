/*
 * How many different trace ids went by, in bounded memory. Ids are remembered in two generations of
 * at most AT_IDSET_MAX each; when the younger one is full the older one is forgotten, so a trace
 * that goes on after that many others is counted twice. One thread.
 */
#ifndef AT_VIEW_IDSET_H
#define AT_VIEW_IDSET_H

#include "base/bytes.h"

#define AT_IDSET_MAX (2u << 20)

/* A hash table of 64-bit fingerprints with open addressing. */
struct at_idset_table {
	uint64_t *slots; /* `size` of them, 0: free; owned */
	size_t size;     /* a power of 2, or 0 */
	size_t n;        /* fingerprints in it */
};

struct at_idset {
	struct at_idset_table young; /* grows by doubling */
	struct at_idset_table old;   /* read only */
	uint64_t seed;               /* of the fingerprints, so that nobody can choose collisions */
	uint8_t last[16];            /* the id added last: batches come trace by trace */
	uint64_t count;              /* different ids so far */
};

void at_idset_init(struct at_idset *set);

/* Adds a trace id of 16 bytes. Without memory it counts as known. */
void at_idset_add(struct at_idset *set, const void *id);

void at_idset_free(struct at_idset *set);

#endif
