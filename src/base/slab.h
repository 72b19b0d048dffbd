/*
 * Objects of one size, type-stable: a slot once used for a slab's objects is never used for
 * anything else and never unmapped, so a stale pointer can always be read and its generation
 * compared. Lock-free (a stack of free slots with a tag against ABA); safe in signal handlers, and
 * a forked child finds it consistent. The first 8 bytes of a free slot belong to the slab; the rest
 * keeps what the last owner left there.
 */
#ifndef AT_BASE_SLAB_H
#define AT_BASE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define AT_SLAB_CHUNK  262144u /* bytes mapped at a time, and their alignment */
#define AT_SLAB_HEADER 64u     /* bytes of a chunk that the slab itself needs */
#define AT_SLAB_CHUNKS 256     /* chunks at most per slab */

struct at_slab {
	uint32_t size;               /* bytes per slot, a multiple of 64 */
	uint32_t fresh;              /* slots handed out for the first time so far (atomic) */
	uint64_t head;               /* free stack: tag << 32 | handle, 0 in the low half: empty */
	char *chunk[AT_SLAB_CHUNKS]; /* mapped chunks, AT_SLAB_CHUNK bytes each (atomic) */
};

#define AT_SLAB_INIT(bytes)                    \
	{                                      \
		.size = ((bytes) + 63u) & ~63u \
	}

/* A slot, or NULL at the memory cap (counted as pool_full). Contents: zero the first time, then
 * what the last owner left. */
void *at_slab_get(struct at_slab *s);

/* Gives a slot back to the slab it came from (found by its address). */
void at_slab_put(void *slot);

/* The slot's name in its slab: not 0, below AT_SLAB_HANDLES, stable for its life, found without a
 * division; and back (NULL when no slot can have it). */
uint32_t at_slab_handle(const void *slot);
void *at_slab_of_handle(struct at_slab *s, uint32_t handle);
#define AT_SLAB_HANDLES (AT_SLAB_CHUNKS * (AT_SLAB_CHUNK / 64))

/* The slot that was handed out for the first time as number `index`; NULL when none was. */
void *at_slab_at(struct at_slab *s, uint32_t index);

/* How many slots were ever handed out: indexes run from 0 to this, exclusive. */
uint32_t at_slab_used(const struct at_slab *s);

/* Size of the slots of the slab that this slot came from. */
uint32_t at_slab_size_of(const void *slot);

/* Cap in bytes on the mappings of all slabs together, and the bytes mapped now. */
void at_slab_limit(size_t bytes);
size_t at_slab_mapped(void);

/* Puts both on the notice board. */
void at_slab_show(void);

#endif
