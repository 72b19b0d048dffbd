/*
 * The bounded way from all threads to one: a byte ring with many producers and one consumer,
 * without locks. A producer reserves, copies, commits; it may be interrupted by a signal handler
 * that does the same. Records are contiguous (a pad fills the end of the ring). Full: the new
 * record is refused and the caller counts it.
 */
#ifndef AT_BASE_RING_H
#define AT_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct at_ring {
	char *mem;          /* the bytes; an anonymous mapping, owned */
	uint64_t size;      /* bytes, a power of two */
	uint32_t max_count; /* records at most */
	char pad0[44];
	uint64_t head; /* next byte to reserve (producers, compare-and-swap) */
	char pad1[56];
	uint64_t tail;   /* next byte to read (consumer stores, producers load) */
	uint32_t count;  /* committed or being written, not yet released */
	uint32_t peeked; /* payload bytes of the record the consumer looks at */
	bool broken;     /* the consumer found what no producer writes: nothing comes any more */
	char pad2[44];
};

/* Maps `bytes` (rounded up to a power of two). False when memory is refused. */
bool at_ring_init(struct at_ring *r, size_t bytes, uint32_t max_count);

/* Producer: n bytes to fill, or NULL when full or n is over a quarter of the ring. */
void *at_ring_reserve(struct at_ring *r, size_t n);

/* Producer: publishes what at_ring_reserve gave. Returns how many records wait now. */
uint32_t at_ring_commit(struct at_ring *r, void *reserved);

/* Consumer: the oldest committed record, or NULL. *ret_n is its size. It stays valid until
 * at_ring_release. A ring that is corrupt (at_fault) has none, from then on. */
const void *at_ring_peek(struct at_ring *r, size_t *ret_n);

/* Consumer: gives the record of the last at_ring_peek back to the producers. */
void at_ring_release(struct at_ring *r);

static inline uint32_t at_ring_count(const struct at_ring *r)
{
	return __atomic_load_n(&r->count, __ATOMIC_RELAXED);
}

/* Forgets everything; only while no other thread uses it (in a forked child). */
void at_ring_reset(struct at_ring *r);

#endif
