/*
 * Memory in slots of one size. Fed by whoever needs an object on a thread of the traced program;
 * owns its mappings for the life of the process. Not its job: what stands in a slot.
 */
#include "base/slab.h"

#include <stdbool.h>
#include <sys/mman.h>

#include "base/board.h"
#include "base/counter.h"
#include "base/fault.h"

/* At the start of each chunk. */
struct chunk_header {
	struct at_slab *slab; /* whose chunk */
	uint32_t number;      /* its place in slab->chunk */
};

static size_t limit = 64u << 20;
static size_t mapped;

void at_slab_limit(size_t bytes)
{
	limit = bytes;
}

size_t at_slab_mapped(void)
{
	return __atomic_load_n(&mapped, __ATOMIC_RELAXED);
}

void at_slab_show(void)
{
	AT_BOARD_SHOW("memory.mapped", AT_BOARD_NUMBER, mapped);
	AT_BOARD_SHOW("memory.limit", AT_BOARD_NUMBER, limit);
}

static uint32_t per_chunk(const struct at_slab *s)
{
	return (AT_SLAB_CHUNK - AT_SLAB_HEADER) / s->size;
}

static char *chunk_of(const void *slot)
{
	return (char *)((uintptr_t)slot & ~(uintptr_t)(AT_SLAB_CHUNK - 1));
}

/* An aligned mapping: twice the size is asked for and the surplus given back. */
static char *map_aligned(void)
{
	if (__atomic_add_fetch(&mapped, AT_SLAB_CHUNK, __ATOMIC_RELAXED) > limit)
		goto refuse;
	char *p = mmap(NULL, 2 * AT_SLAB_CHUNK, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		goto refuse;
	char *start =
		(char *)(((uintptr_t)p + AT_SLAB_CHUNK - 1) & ~(uintptr_t)(AT_SLAB_CHUNK - 1));
	if (start > p)
		munmap(p, (size_t)(start - p));
	munmap(start + AT_SLAB_CHUNK, AT_SLAB_CHUNK - (size_t)(start - p));
	return start;
refuse:
	__atomic_sub_fetch(&mapped, AT_SLAB_CHUNK, __ATOMIC_RELAXED);
	return NULL;
}

static bool ensure_chunk(struct at_slab *s, uint32_t number)
{
	if (number >= AT_SLAB_CHUNKS)
		return false;
	if (__atomic_load_n(&s->chunk[number], __ATOMIC_ACQUIRE))
		return true;
	char *fresh = map_aligned();
	if (!fresh)
		return false;
	struct chunk_header *h = (struct chunk_header *)fresh;
	h->slab = s;
	h->number = number;
	char *none = NULL;
	if (__atomic_compare_exchange_n(&s->chunk[number], &none, fresh, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE))
		return true;
	munmap(fresh, AT_SLAB_CHUNK);
	__atomic_sub_fetch(&mapped, AT_SLAB_CHUNK, __ATOMIC_RELAXED);
	return true;
}

void *at_slab_at(struct at_slab *s, uint32_t index)
{
	uint32_t n = per_chunk(s);
	if (index / n >= AT_SLAB_CHUNKS)
		return NULL;
	char *chunk = __atomic_load_n(&s->chunk[index / n], __ATOMIC_ACQUIRE);
	return chunk ? chunk + AT_SLAB_HEADER + (size_t)(index % n) * s->size : NULL;
}

/* A handle is the chunk's number and the slot's place in it; the header stands in the first place.
 */
#define UNIT        64u
#define CHUNK_UNITS (AT_SLAB_CHUNK / UNIT)

uint32_t at_slab_handle(const void *slot)
{
	const char *chunk = chunk_of(slot);
	size_t offset = (size_t)((const char *)slot - chunk);
	return ((const struct chunk_header *)chunk)->number * CHUNK_UNITS +
	       (uint32_t)(offset / UNIT);
}

void *at_slab_of_handle(struct at_slab *s, uint32_t handle)
{
	if (handle >= AT_SLAB_HANDLES)
		return NULL;
	char *chunk = __atomic_load_n(&s->chunk[handle / CHUNK_UNITS], __ATOMIC_ACQUIRE);
	size_t offset = (size_t)(handle % CHUNK_UNITS) * UNIT;
	return chunk && offset >= AT_SLAB_HEADER ? chunk + offset : NULL;
}

uint32_t at_slab_size_of(const void *slot)
{
	return ((const struct chunk_header *)chunk_of(slot))->slab->size;
}

uint32_t at_slab_used(const struct at_slab *s)
{
	return __atomic_load_n(&s->fresh, __ATOMIC_ACQUIRE);
}

static void *pop(struct at_slab *s)
{
	uint64_t head = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);
	for (;;) {
		if ((uint32_t)head == 0)
			return NULL;
		uint32_t *slot = at_slab_of_handle(s, (uint32_t)head);
		if (!slot) {
			at_fault(AT_FAULT_free);
			return NULL;
		}
		uint32_t next = __atomic_load_n(slot, __ATOMIC_RELAXED);
		uint64_t want = ((head >> 32) + 1) << 32 | next;
		if (__atomic_compare_exchange_n(&s->head, &head, want, true, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return slot;
	}
}

void *at_slab_get(struct at_slab *s)
{
	void *slot = pop(s);
	if (slot)
		return slot;
	uint32_t index = __atomic_load_n(&s->fresh, __ATOMIC_RELAXED);
	do {
		if (!ensure_chunk(s, index / per_chunk(s))) {
			at_count(pool_full, 1);
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&s->fresh, &index, index + 1, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return at_slab_at(s, index);
}

void at_slab_put(void *slot)
{
	const char *chunk = chunk_of(slot);
	const struct chunk_header *h = (const struct chunk_header *)chunk;
	struct at_slab *s = h->slab;
	size_t offset = (size_t)((const char *)slot - chunk);
	if (offset % UNIT || offset < AT_SLAB_HEADER || h->number >= AT_SLAB_CHUNKS ||
	    s->chunk[h->number] != chunk) {
		at_fault(AT_FAULT_slab);
		return;
	}
	uint64_t mine = at_slab_handle(slot);
	uint64_t head = __atomic_load_n(&s->head, __ATOMIC_ACQUIRE);
	uint64_t want;
	do {
		__atomic_store_n((uint32_t *)slot, (uint32_t)head, __ATOMIC_RELAXED);
		want = ((head >> 32) + 1) << 32 | mine;
	} while (!__atomic_compare_exchange_n(&s->head, &head, want, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
}
