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

/* A place that may be one whose producer has left it. */
struct at_ring_suspect {
	uint32_t state;   /* 0: none, 1: being told, 2: told (atomic) */
	uint32_t pad;     /* as in struct at_thread */
	uint32_t payload; /* likewise */
	uint64_t place;   /* likewise */
};

#define AT_RING_SUSPECTS 64

struct at_ring {
	char *mem;          /* the bytes; a mapping, owned unless it was adopted */
	uint64_t size;      /* bytes, a power of two */
	uint32_t max_count; /* records at most */
	char pad0[44];
	uint64_t head; /* next byte to reserve (producers, compare-and-swap) */
	char pad1[56];
	uint64_t tail;   /* first byte not yet released (consumer stores, producers load) */
	uint64_t read;   /* next byte to read: tail, or ahead of it (consumer stores) */
	uint32_t count;  /* committed or being written, not yet released */
	uint32_t peeked; /* payload bytes of the record the consumer looks at */
	uint32_t gone;   /* abandoned records that at_ring_peek went over since it was last 0 */
	bool broken;     /* the consumer found what no producer writes: nothing comes any more */
	char pad2[27];
	uint32_t suspects; /* that are told (atomic) */
	struct at_ring_suspect suspect[AT_RING_SUSPECTS];
};

/* In front of each record, which is rounded up to 16 bytes. */
struct at_ring_header {
	uint32_t word;    /* 0, or AT_RING_COMMITTED | payload bytes, and what it is (atomic) */
	uint32_t payload; /* payload bytes, for commit */
	uint64_t seal;    /* what at_ring_seal was given, otherwise 0 */
};

#define AT_RING_COMMITTED 0x80000000u
#define AT_RING_PAD       0x40000000u /* nothing to read: fills the end of the ring, or is gone */
#define AT_RING_GONE      0x20000000u /* with PAD: a record whose producer has left it */
#define AT_RING_LENGTH    0x1fffffffu

/* Bytes that a record of n bytes takes. */
static inline uint64_t at_ring_bytes(size_t n)
{
	return (sizeof(struct at_ring_header) + n + 15u) & ~(uint64_t)15u;
}

/* Maps `bytes` (rounded up to a power of two). False when memory is refused. */
bool at_ring_init(struct at_ring *r, size_t bytes, uint32_t max_count);

/* The size that at_ring_init makes of `bytes`. */
uint64_t at_ring_size(size_t bytes);

/* A ring in zeroed memory of the caller's: `size` bytes, a power of two. */
void at_ring_adopt(struct at_ring *r, void *mem, uint64_t size, uint32_t max_count);

/* Producer: n bytes to fill, or NULL when full or n is over a quarter of the ring. */
void *at_ring_reserve(struct at_ring *r, size_t n);

/* Producer: publishes what at_ring_reserve gave. Returns how many records wait now. */
uint32_t at_ring_commit(struct at_ring *r, void *reserved);

/* Producer: what this thread has reserved, or was about to, will not be filled, because it has left
 * that work. True when a record is lost by that, also one that is offered (struct at_thread) and
 * for which nothing is reserved yet. The consumer passes over its place; one that may be another's
 * is left to at_ring_unstick. */
bool at_ring_abandon(void);

/* Consumer: looks what became of places that may be abandoned or another's; cheap when there are
 * none. `stuck`: the oldest record has stayed uncommitted for longer than a producer needs between
 * two instructions, and if its place is one of those it is passed over. */
void at_ring_unstick(struct at_ring *r, bool stuck);

static inline bool at_ring_suspects(const struct at_ring *r)
{
	return __atomic_load_n(&r->suspects, __ATOMIC_ACQUIRE) != 0;
}

/* Producer, between reserve and commit: where in the endless stream of bytes the record begins. */
uint64_t at_ring_position(const struct at_ring *r, const void *reserved);

/* Producer, between reserve and commit: leaves a checksum in the record's header. */
void at_ring_seal(void *reserved, uint64_t seal);

/* Consumer: the oldest committed record not yet passed, or NULL. *ret_n is its size. It stays valid
 * until it is released. A ring that is corrupt (at_fault) has none, from then on. */
const void *at_ring_peek(struct at_ring *r, size_t *ret_n);

/* Consumer: goes on behind the record of the last at_ring_peek, which stays. */
void at_ring_pass(struct at_ring *r);

/* Consumer: zeroes the passed records before `position`, the end of one of them; returns how many
 * they were. They are the producers' only after at_ring_give. */
uint32_t at_ring_wipe(struct at_ring *r, uint64_t position);

/* Consumer: gives what was wiped up to `position`, `count` records, back to the producers. */
void at_ring_give(struct at_ring *r, uint64_t position, uint32_t count);

/* Consumer: all of it: gives the record of the last at_ring_peek, and what is before it, back. */
static inline void at_ring_release(struct at_ring *r)
{
	at_ring_pass(r);
	at_ring_give(r, r->read, at_ring_wipe(r, r->read));
}

static inline uint32_t at_ring_count(const struct at_ring *r)
{
	return __atomic_load_n(&r->count, __ATOMIC_RELAXED);
}

/* Forgets everything; only while no other thread uses it (in a forked child). */
void at_ring_reset(struct at_ring *r);

#endif
