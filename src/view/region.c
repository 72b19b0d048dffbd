/*
 * Bulk memory. Fed by the decoders and the store, on the program's one thread. Owns the chunks.
 * Not its job: giving single blocks back.
 */
#include "view/region.h"

#include <stdlib.h>

#define CHUNK_MAX (8u << 20) /* doubling ends here; larger blocks get a chunk of their own size */
#define ALIGNMENT 16u

struct at_region_chunk {
	struct at_region_chunk *older; /* the chunk used before this one */
	size_t size;                   /* bytes in data */
	_Alignas(ALIGNMENT) char data[];
};

void at_region_init(struct at_region *region, size_t first, size_t limit)
{
	*region = (struct at_region){.limit = limit, .first = first};
}

static bool add_chunk(struct at_region *region, size_t need)
{
	struct at_region_chunk *chunk;
	size_t size = region->newest ? region->newest->size * 2 : region->first;

	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < need)
		size = need;
	if (size > region->limit || region->held > region->limit - size)
		return false;
	chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		return false;
	chunk->older = region->newest;
	chunk->size = size;
	region->newest = chunk;
	region->used = 0;
	region->held += size;
	return true;
}

void *at_region_take(struct at_region *region, size_t size)
{
	void *block;

	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	if (!region->newest || region->newest->size - region->used < size) {
		if (!add_chunk(region, size))
			return NULL;
	}
	block = region->newest->data + region->used;
	region->used += size;
	return block;
}

void *at_region_zeroed(struct at_region *region, size_t count, size_t size)
{
	void *block;

	if (size && count > SIZE_MAX / size)
		return NULL;
	block = at_region_take(region, count * size);
	if (block)
		memset(block, 0, count * size);
	return block;
}

struct at_str at_region_copy(struct at_region *region, struct at_str text)
{
	char *copy = text.n ? at_region_take(region, text.n) : NULL;

	if (!copy)
		return AT_STR_NONE;
	memcpy(copy, text.p, text.n);
	return at_str(copy, text.n);
}

void at_region_clear(struct at_region *region, size_t keep)
{
	struct at_region_chunk *kept = region->newest;

	if (!kept)
		return;
	region->newest = kept->older;
	kept->older = NULL;
	at_region_free(region);
	if (kept->size > keep) {
		free(kept);
		return;
	}
	region->newest = kept;
	region->held = kept->size;
}

void at_region_free(struct at_region *region)
{
	while (region->newest) {
		struct at_region_chunk *older = region->newest->older;

		free(region->newest);
		region->newest = older;
	}
	region->used = 0;
	region->held = 0;
}
