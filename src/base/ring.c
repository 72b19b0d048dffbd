/*
 * Many producers, one consumer, no locks.
 *
 *   tail                       head
 *    |  A done | B writing | C done |  free …
 *
 * Each record is a 16-byte header and its payload, rounded up to 16. The header's word is 0 until
 * the record is committed; the consumer stops at the first 0, so B above holds C back, never loses
 * it. Released bytes are zeroed before tail moves, so a future header is always found 0.
 */
#include "base/ring.h"
#include "base/fault.h"

#include <string.h>
#include <sys/mman.h>

#define HEADER    16u
#define AHEAD     512u /* bytes behind a record that are fetched for the next one */
#define COMMITTED 0x80000000u
#define PAD       0x40000000u
#define LENGTH    0x3fffffffu

/* In front of each record. */
struct header {
	uint32_t word;    /* 0, or COMMITTED [| PAD] | payload bytes (atomic) */
	uint32_t payload; /* payload bytes, for commit */
	uint64_t unused;
};

static uint64_t rounded(size_t n)
{
	return (HEADER + n + 15u) & ~(uint64_t)15u;
}

bool at_ring_init(struct at_ring *r, size_t bytes, uint32_t max_count)
{
	uint64_t size = 4096;
	while (size < bytes)
		size *= 2;
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return false;
	*r = (struct at_ring){.mem = mem, .size = size, .max_count = max_count};
	return true;
}

static struct header *header_at(const struct at_ring *r, uint64_t position)
{
	return (struct header *)(r->mem + (position & (r->size - 1)));
}

/* Takes a place among max_count; false when all are taken. */
static bool take_place(struct at_ring *r)
{
	uint32_t n = __atomic_load_n(&r->count, __ATOMIC_RELAXED);
	do {
		if (n >= r->max_count)
			return false;
	} while (!__atomic_compare_exchange_n(&r->count, &n, n + 1, true, __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

void *at_ring_reserve(struct at_ring *r, size_t n)
{
	if (n > r->size / 4 || !take_place(r))
		return NULL;
	uint64_t need = rounded(n);
	uint64_t head = __atomic_load_n(&r->head, __ATOMIC_RELAXED);
	uint64_t pad;
	do {
		uint64_t to_end = r->size - (head & (r->size - 1));
		pad = to_end < need ? to_end : 0;
		uint64_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
		if (head + pad + need - tail > r->size) {
			__atomic_sub_fetch(&r->count, 1, __ATOMIC_RELAXED);
			return NULL;
		}
	} while (!__atomic_compare_exchange_n(&r->head, &head, head + pad + need, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	if (pad)
		__atomic_store_n(&header_at(r, head)->word,
				 COMMITTED | PAD | (uint32_t)(pad - HEADER), __ATOMIC_RELEASE);
	struct header *h = header_at(r, head + pad);
	h->payload = (uint32_t)n;
	return h + 1;
}

uint32_t at_ring_commit(struct at_ring *r, void *reserved)
{
	struct header *h = (struct header *)reserved - 1;
	/* The next record's lines were last written by the consumer, a whole round ago. */
	const char *next = (const char *)reserved + rounded(h->payload);
	for (unsigned i = 0; i < AHEAD; i += 64)
		__builtin_prefetch(r->mem + ((size_t)(next + i - r->mem) & (r->size - 1)), 1);
	__atomic_store_n(&h->word, COMMITTED | h->payload, __ATOMIC_RELEASE);
	return __atomic_load_n(&r->count, __ATOMIC_RELAXED);
}

static void give_back(struct at_ring *r, struct header *h, size_t payload)
{
	uint64_t n = rounded(payload);
	memset(h, 0, n);
	__atomic_store_n(&r->tail, r->tail + n, __ATOMIC_RELEASE);
}

/* Whether a committed word can be one: the record it speaks of lies in front of head, and does not
 * reach beyond the end of the memory. */
static bool is_sound(const struct at_ring *r, uint32_t word)
{
	uint64_t n = rounded(word & LENGTH);
	uint64_t written = __atomic_load_n(&r->head, __ATOMIC_RELAXED) - r->tail;
	return (word & COMMITTED) && n <= written && n <= r->size - (r->tail & (r->size - 1));
}

const void *at_ring_peek(struct at_ring *r, size_t *ret_n)
{
	while (!r->broken) {
		/* At tail == head there is nothing; the word there is 0 by the zeroing rule. */
		struct header *h = header_at(r, r->tail);
		if (r->tail == __atomic_load_n(&r->head, __ATOMIC_ACQUIRE))
			return NULL;
		uint32_t word = __atomic_load_n(&h->word, __ATOMIC_ACQUIRE);
		if (word == 0)
			return NULL;
		if (!is_sound(r, word)) {
			r->broken = true;
			at_fault(AT_FAULT_ring);
			return NULL;
		}
		if (word & PAD) {
			give_back(r, h, word & LENGTH);
			continue;
		}
		r->peeked = word & LENGTH;
		*ret_n = r->peeked;
		return h + 1;
	}
	return NULL;
}

void at_ring_release(struct at_ring *r)
{
	give_back(r, header_at(r, r->tail), r->peeked);
	__atomic_sub_fetch(&r->count, 1, __ATOMIC_RELAXED);
}

void at_ring_reset(struct at_ring *r)
{
	madvise(r->mem, r->size, MADV_DONTNEED);
	r->head = 0;
	r->tail = 0;
	r->count = 0;
}
