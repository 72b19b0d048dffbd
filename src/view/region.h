/*
 * Memory that dies in bulk: blocks are cut from chunks and only the whole region is given back.
 * One owner, one thread. Two kinds of owners: a request being decoded (with a hard limit, so that
 * no body can make us swallow the machine) and a trace being kept.
 */
#ifndef AT_VIEW_REGION_H
#define AT_VIEW_REGION_H

#include "base/bytes.h"

struct at_region_chunk;

struct at_region {
	struct at_region_chunk *newest; /* list of chunks, the one being cut first; owned */
	size_t used;                    /* bytes cut from the newest chunk */
	size_t held;                    /* bytes of all chunks */
	size_t limit;                   /* `held` never exceeds it */
	size_t first;                   /* size of the first chunk; each further one doubles */
};

/* An empty region that takes nothing before its first block. */
void at_region_init(struct at_region *region, size_t first, size_t limit);

/* A block of `size` bytes, aligned for any object, contents undefined. NULL: over the limit or no
 * memory. */
void *at_region_take(struct at_region *region, size_t size);

/* As above, zeroed, for `count` objects of `size` bytes; NULL when the product overflows. */
void *at_region_zeroed(struct at_region *region, size_t count, size_t size);

/* A copy of the text. The empty text when it does not fit. */
struct at_str at_region_copy(struct at_region *region, struct at_str text);

/* Forgets all blocks; keeps one chunk for the next round unless it is larger than `keep` bytes. */
void at_region_clear(struct at_region *region, size_t keep);

/* Gives everything back. The region is empty and usable. */
void at_region_free(struct at_region *region);

#endif
