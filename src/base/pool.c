/*
 * Byte blocks in size classes, one slab each. See pool.h; memory comes from base/slab.
 */
#include "base/pool.h"

#include "base/counter.h"
#include "base/slab.h"

static struct at_slab classes[] = {
	AT_SLAB_INIT(256),   AT_SLAB_INIT(1024),  AT_SLAB_INIT(4096),
	AT_SLAB_INIT(16384), AT_SLAB_INIT(65600), AT_SLAB_INIT(AT_POOL_MAX),
};

void at_pool_limit(size_t bytes)
{
	at_slab_limit(bytes);
}

void *at_pool_get(size_t n, uint32_t *ret_room)
{
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		if (classes[i].size < n)
			continue;
		if (ret_room)
			*ret_room = classes[i].size;
		return at_slab_get(&classes[i]);
	}
	at_count(pool_full, 1);
	return NULL;
}

void at_pool_put(void *block)
{
	if (block)
		at_slab_put(block);
}

size_t at_pool_mapped(void)
{
	return at_slab_mapped();
}
