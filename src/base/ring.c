/*
 * Many producers, one consumer, no locks.
 *
 *   tail      read                       head
 *    |  passed | A done | B writing | C done |  free …
 *
 * Each record is a 16-byte header and its payload, rounded up to 16. The header's word is 0 until
 * the record is committed; the consumer stops at the first 0, so B above holds C back, never loses
 * it. Released bytes are zeroed before tail moves, so a future header is always found 0. Between
 * tail and read lie records that the consumer has seen and still wants to be there.
 */
#include "base/ring.h"

#include <string.h>
#include <sys/mman.h>

#include "base/counter.h"
#include "base/fault.h"
#include "base/thread.h"

#define HEADER    ((uint32_t)sizeof(struct at_ring_header))
#define AHEAD     512u /* bytes behind a record that are fetched for the next one */
#define COMMITTED AT_RING_COMMITTED
#define PAD       AT_RING_PAD
#define LENGTH    AT_RING_LENGTH

uint64_t at_ring_size(size_t bytes)
{
	uint64_t size = 4096;
	while (size < bytes)
		size *= 2;
	return size;
}

void at_ring_adopt(struct at_ring *r, void *mem, uint64_t size, uint32_t max_count)
{
	*r = (struct at_ring){.mem = mem, .size = size, .max_count = max_count};
}

bool at_ring_init(struct at_ring *r, size_t bytes, uint32_t max_count)
{
	uint64_t size = at_ring_size(bytes);
	void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return false;
	at_ring_adopt(r, mem, size, max_count);
	return true;
}

static struct at_ring_header *header_at(const struct at_ring *r, uint64_t position)
{
	return (struct at_ring_header *)(r->mem + (position & (r->size - 1)));
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

/* Fills the ring's end. */
static void put_pad(struct at_ring *r, uint64_t position, uint64_t bytes)
{
	uint32_t none = 0;
	__atomic_compare_exchange_n(&header_at(r, position)->word, &none,
				    COMMITTED | PAD | (uint32_t)(bytes - HEADER), false,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* What is about to be reserved. An interrupt likes to come in behind an atomic step or with a page
 * fault, and a signal handler may never come back: so this is known before either. */
static void note(struct at_ring *r, uint64_t place, uint64_t pad, size_t payload)
{
	struct at_thread *self = &at_thread_self;
	self->reserved = false;
	self->place = place;
	self->pad = (uint32_t)pad;
	self->payload = (uint32_t)payload;
	__asm__ volatile("" ::: "memory");
	self->filling = r;
	__asm__ volatile("" ::: "memory");
}

/* It is ours for certain, or nothing is. */
static void settle(bool reserved)
{
	__asm__ volatile("" ::: "memory");
	at_thread_self.reserved = reserved;
	if (!reserved)
		at_thread_self.filling = NULL;
	__asm__ volatile("" ::: "memory");
}

void *at_ring_reserve(struct at_ring *r, size_t n)
{
	if (n > r->size / 4 || !take_place(r))
		return NULL;
	uint64_t need = at_ring_bytes(n);
	uint64_t head = __atomic_load_n(&r->head, __ATOMIC_RELAXED);
	uint64_t pad;
	do {
		uint64_t to_end = r->size - (head & (r->size - 1));
		pad = to_end < need ? to_end : 0;
		uint64_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
		if (head + pad + need - tail > r->size) {
			settle(false);
			__atomic_sub_fetch(&r->count, 1, __ATOMIC_RELAXED);
			return NULL;
		}
		note(r, head, pad, n);
	} while (!__atomic_compare_exchange_n(&r->head, &head, head + pad + need, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	settle(true);
	if (pad)
		put_pad(r, head, pad);
	struct at_ring_header *h = header_at(r, head + pad);
	h->payload = (uint32_t)n;
	return h + 1;
}

uint32_t at_ring_commit(struct at_ring *r, void *reserved)
{
	struct at_ring_header *h = (struct at_ring_header *)reserved - 1;
	/* The next record's lines were last written by the consumer, a whole round ago. */
	const char *next = (const char *)reserved + at_ring_bytes(h->payload);
	for (unsigned i = 0; i < AHEAD; i += 64)
		__builtin_prefetch(r->mem + ((size_t)(next + i - r->mem) & (r->size - 1)), 1);
	__atomic_store_n(&h->word, COMMITTED | h->payload, __ATOMIC_RELEASE);
	__asm__ volatile("" ::: "memory");
	at_thread_self.offering = false;
	__asm__ volatile("" ::: "memory");
	at_thread_self.filling = NULL;
	return __atomic_load_n(&r->count, __ATOMIC_RELAXED);
}

/* The pad and the record at `place` become something to pass over, unless they are committed. */
static bool pass_over(struct at_ring *r, uint64_t place, uint32_t pad, uint32_t payload)
{
	uint32_t none = 0;
	if (pad)
		put_pad(r, place, pad);
	return __atomic_compare_exchange_n(&header_at(r, place + pad)->word, &none,
					   COMMITTED | PAD | AT_RING_GONE | payload, false,
					   __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}

/* The thread was about to reserve. Another producer may have been quicker to take that place: if it
 * was, the place is filled before long, and only the consumer can wait for that. */
static void suspect(struct at_ring *r, const struct at_thread *t)
{
	uint32_t none = 0;
	if (__atomic_load_n(&r->head, __ATOMIC_ACQUIRE) <= t->place ||
	    __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE) > t->place) {
		__atomic_sub_fetch(&r->count, 1, __ATOMIC_RELAXED);
		return;
	}
	for (unsigned i = 0; i < AT_RING_SUSPECTS; i++, none = 0) {
		struct at_ring_suspect *s = &r->suspect[i];
		if (!__atomic_compare_exchange_n(&s->state, &none, 1, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED))
			continue;
		s->place = t->place;
		s->pad = t->pad;
		s->payload = t->payload;
		__atomic_store_n(&s->state, 2, __ATOMIC_RELEASE);
		__atomic_add_fetch(&r->suspects, 1, __ATOMIC_RELEASE);
		return;
	}
	at_count(places_unknown, 1);
}

/* The thread may have left just behind the commit. Then the word is there, or it has been wiped
 * and the consumer is beyond it: it must stay 0 for the next round. */
static bool is_committed(const struct at_ring *r, uint64_t position)
{
	return __atomic_load_n(&header_at(r, position)->word, __ATOMIC_ACQUIRE) != 0 ||
	       __atomic_load_n(&r->read, __ATOMIC_ACQUIRE) > position;
}

bool at_ring_abandon(void)
{
	struct at_thread *self = &at_thread_self;
	struct at_ring *r = self->filling;
	bool offered = self->offering;
	self->filling = NULL;
	self->offering = false;
	if (!r)
		return offered;
	if (!self->reserved)
		suspect(r, self);
	else if (is_committed(r, self->place + self->pad) ||
		 !pass_over(r, self->place, self->pad, self->payload))
		return false;
	return true;
}

/* What became of a place that may have been abandoned; false: nobody knows yet. */
static bool clear_up(struct at_ring *r, const struct at_ring_suspect *s, bool stuck)
{
	uint64_t read = __atomic_load_n(&r->read, __ATOMIC_RELAXED);
	if (read > s->place) {
		__atomic_sub_fetch(&r->count, 1, __ATOMIC_RELAXED);
		return true;
	}
	bool taken = header_at(r, s->place)->payload || header_at(r, s->place + s->pad)->payload;
	return stuck && read == s->place && !taken && pass_over(r, s->place, s->pad, s->payload);
}

void at_ring_unstick(struct at_ring *r, bool stuck)
{
	for (unsigned i = 0; i < AT_RING_SUSPECTS; i++) {
		struct at_ring_suspect *s = &r->suspect[i];
		if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != 2 || !clear_up(r, s, stuck))
			continue;
		__atomic_store_n(&s->state, 0, __ATOMIC_RELEASE);
		__atomic_sub_fetch(&r->suspects, 1, __ATOMIC_RELAXED);
	}
}

uint64_t at_ring_position(const struct at_ring *r, const void *reserved)
{
	uint64_t offset = (uint64_t)((const char *)reserved - HEADER - r->mem);
	uint64_t tail = __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
	return tail + ((offset - tail) & (r->size - 1));
}

void at_ring_seal(void *reserved, uint64_t seal)
{
	((struct at_ring_header *)reserved - 1)->seal = seal;
}

/* Whether a committed word at `position` can be one: the record it speaks of lies in front of
 * `end`, and does not reach beyond the end of the memory. */
static bool is_sound(struct at_ring *r, uint32_t word, uint64_t position, uint64_t end)
{
	uint64_t n = at_ring_bytes(word & LENGTH);
	uint64_t room = r->size - (position & (r->size - 1));
	if ((word & COMMITTED) && n <= end - position && n <= room)
		return true;
	r->broken = true;
	at_fault(AT_FAULT_ring);
	return false;
}

const void *at_ring_peek(struct at_ring *r, size_t *ret_n)
{
	while (!r->broken) {
		/* At read == head there is nothing; the word there is 0 by the zeroing rule. */
		uint64_t read = __atomic_load_n(&r->read, __ATOMIC_RELAXED);
		struct at_ring_header *h = header_at(r, read);
		uint64_t head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE);
		if (read == head)
			return NULL;
		uint32_t word = __atomic_load_n(&h->word, __ATOMIC_ACQUIRE);
		if (word == 0 || !is_sound(r, word, read, head))
			return NULL;
		r->peeked = word & LENGTH;
		*ret_n = r->peeked;
		if (!(word & PAD))
			return h + 1;
		r->gone += (word & AT_RING_GONE) != 0;
		at_ring_pass(r);
	}
	return NULL;
}

/* Producers that were torn out see this before what is passed is wiped. */
void at_ring_pass(struct at_ring *r)
{
	uint64_t read = __atomic_load_n(&r->read, __ATOMIC_RELAXED);
	__atomic_store_n(&r->read, read + at_ring_bytes(r->peeked), __ATOMIC_RELEASE);
#ifdef __SANITIZE_THREAD__ /* does not know fences; the order on x86-64 is the same */
	__asm__ volatile("" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

uint32_t at_ring_wipe(struct at_ring *r, uint64_t position)
{
	uint32_t records = 0;
	for (uint64_t tail = __atomic_load_n(&r->tail, __ATOMIC_RELAXED); tail < position;) {
		struct at_ring_header *h = header_at(r, tail);
		uint32_t word = __atomic_load_n(&h->word, __ATOMIC_RELAXED);
		if (!is_sound(r, word, tail, position))
			break;
		uint64_t n = at_ring_bytes(word & LENGTH);
		memset(h, 0, n);
		records += !(word & PAD) || (word & AT_RING_GONE);
		tail += n;
	}
	return records;
}

void at_ring_give(struct at_ring *r, uint64_t position, uint32_t count)
{
	__atomic_store_n(&r->tail, position, __ATOMIC_RELEASE);
	__atomic_sub_fetch(&r->count, count, __ATOMIC_RELAXED);
}

void at_ring_reset(struct at_ring *r)
{
	madvise(r->mem, r->size, MADV_DONTNEED);
	r->head = 0;
	r->tail = 0;
	r->read = 0;
	r->count = 0;
	r->suspects = 0;
	memset(r->suspect, 0, sizeof(r->suspect));
}
