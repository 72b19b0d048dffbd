/*
 * Fed by at_export_offer on the program's threads, drained by the worker. Owns the ring, its birth
 * and the bell. Not my job: what a record means, and what its file looks like (spool.c).
 *
 * The worker sleeps like this: read the bell, look for work, arm a count, look again, sleep while
 * the bell is unchanged. A producer commits, then looks whether the armed count is reached. A full
 * fence on both sides makes one of them see the other. The producer that reaches the count disarms
 * it, so one system call wakes for any number of spans.
 */
#include "export/queue.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/board.h"
#include "base/clock.h"
#include "base/ring.h"
#include "base/thread.h"
#include "config/config.h"
#include "export/spool.h"
#include "libc/sys.h"

/* Room in the ring for each record: what a span with fourteen attributes takes, and a bit. The ring
 * goes round, so all of it is resident memory of the program. */
#define BYTES_PER_SPAN 512u
#define RING_MIN       (256u << 10)
#define RING_MAX       (256u << 20)

/* How long a thread waits while another one makes the ring. It takes some microseconds, a file some
 * milliseconds, and more on a busy machine. */
#define BIRTH_NS 1000000000ull

enum birth { NOT_BORN, BEING_BORN, BORN };

static struct at_ring ring;
static uint32_t birth;     /* futex word: enum birth (atomic) */
static uint32_t armed = 1; /* records that ring the bell (atomic) */
static uint32_t bell;      /* futex word: counts rings (atomic) */
static bool spooled;       /* the ring lies in a spool file; set before birth is BORN */
static uint32_t passed;    /* popped records that still lie in the ring (the worker's) */

/* Stores before it are seen before loads behind it are made. On x86-64 any locked instruction does
 * that; ThreadSanitizer does not know the fence proper. */
static inline void full_fence(void)
{
#ifdef __SANITIZE_THREAD__
	uint32_t word = 0;
	__atomic_exchange_n(&word, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

void at_queue_wait_word(uint32_t *word, uint32_t seen, uint64_t timeout_ns)
{
	struct timespec t = {.tv_sec = (time_t)(timeout_ns / 1000000000u),
			     .tv_nsec = (long)(timeout_ns % 1000000000u)};
	at_sys6(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)seen,
		timeout_ns == UINT64_MAX ? 0 : (long)&t, 0, 0);
}

void at_queue_wake_word(uint32_t *word)
{
	at_sys6(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0);
}

static size_t ring_bytes(uint32_t max_spans)
{
	uint64_t want = (uint64_t)max_spans * BYTES_PER_SPAN;
	if (want < RING_MIN)
		return RING_MIN;
	return want > RING_MAX ? RING_MAX : (size_t)want;
}

/* Only exporters that may fail need the file; what is printed is out at once. */
static bool make_spool(const struct at_config *c)
{
	uint32_t spans = c->bsp_max_queue_size + c->bsp_max_export_batch_size;
	uint64_t bytes = at_ring_size(ring_bytes(spans));
	void *mem = NULL;
	if (c->spool_dir.n && (c->exporters & AT_EXPORTER_OTLP))
		mem = at_spool_create(c, bytes);
	if (mem)
		at_ring_adopt(&ring, mem, bytes, spans);
	return mem != NULL;
}

static bool make(const struct at_config *c)
{
	uint32_t spans = c->bsp_max_queue_size;
	spooled = make_spool(c);
	bool ok = spooled || at_ring_init(&ring, ring_bytes(spans), spans);
	__atomic_store_n(&birth, ok ? BORN : NOT_BORN, __ATOMIC_RELEASE);
	at_queue_wake_word(&birth);
	return ok;
}

/* True when the ring is there; false, after a bounded time, on a system without memory. */
static bool born(const struct at_config *c)
{
	uint32_t expected = NOT_BORN;
	if (__atomic_load_n(&birth, __ATOMIC_ACQUIRE) == BORN)
		return true;
	uint64_t before = at_thread_block(); /* nobody may leave this half done */
	if (__atomic_compare_exchange_n(&birth, &expected, BEING_BORN, false, __ATOMIC_ACQ_REL,
					__ATOMIC_ACQUIRE)) {
		bool ok = make(c);
		at_thread_unblock(before);
		return ok;
	}
	at_thread_unblock(before);
	uint64_t now = at_clock_now(), deadline = now + BIRTH_NS;
	while (__atomic_load_n(&birth, __ATOMIC_ACQUIRE) == BEING_BORN && now < deadline) {
		at_queue_wait_word(&birth, BEING_BORN, deadline - now);
		now = at_clock_now();
	}
	return __atomic_load_n(&birth, __ATOMIC_ACQUIRE) == BORN;
}

enum at_queue_put at_queue_put(const struct at_record_head *head, const char *name,
			       const char *state, const char *attrs,
			       const struct at_record_link *links, const struct at_config *c)
{
	if (!born(c) || (spooled && !at_spool_is_ours()))
		return AT_QUEUE_FULL;
	size_t n = at_record_size(head);
	if (n > ring.size / 4)
		return AT_QUEUE_TOO_LARGE;
	void *place = at_ring_reserve(&ring, n);
	if (!place)
		return AT_QUEUE_FULL;
	at_record_write(place, head, name, state, attrs, links);
	if (spooled)
		at_ring_seal(place, at_spool_seal(at_ring_position(&ring, place), place, n));
	uint32_t waiting = at_ring_commit(&ring, place);
	full_fence();
	uint32_t want = __atomic_load_n(&armed, __ATOMIC_RELAXED);
	if (waiting >= want && __atomic_compare_exchange_n(&armed, &want, AT_QUEUE_SILENT, false,
							   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		at_queue_ring();
	return AT_QUEUE_OK;
}

const void *at_queue_peek(size_t *ret_n, uint64_t *ret_end)
{
	if (__atomic_load_n(&birth, __ATOMIC_ACQUIRE) != BORN)
		return NULL;
	const void *record = at_ring_peek(&ring, ret_n);
	if (spooled)
		passed += ring.gone;
	ring.gone = 0;
	if (record && ret_end)
		*ret_end = ring.read + at_ring_bytes(*ret_n);
	return record;
}

void at_queue_pop(void)
{
	if (!spooled) {
		at_ring_release(&ring);
		return;
	}
	at_ring_pass(&ring);
	passed++;
}

bool at_queue_spooled(void)
{
	return __atomic_load_n(&birth, __ATOMIC_ACQUIRE) == BORN && spooled;
}

/* The mark first: a record is never taken away before it is known to be settled. */
void at_queue_settle(uint64_t position)
{
	if (!at_queue_spooled() || position <= ring.tail)
		return;
	at_spool_mark(position);
	uint32_t count = at_ring_wipe(&ring, position);
	at_spool_wiped(position);
	at_ring_give(&ring, position, count);
	passed -= count;
}

void at_queue_depart(uint64_t position)
{
	if (at_queue_spooled())
		at_spool_flight(position);
}

void at_queue_end(void)
{
	if (at_queue_spooled() && at_spool_is_ours() && at_ring_count(&ring) == 0)
		at_spool_remove();
}

uint32_t at_queue_count(void)
{
	/* A producer that left at the wrong moment may have kept a place for good. */
	if (ring.broken || __atomic_load_n(&ring.head, __ATOMIC_ACQUIRE) == ring.read)
		return 0;
	return at_ring_count(&ring) - passed;
}

void at_queue_unstick(bool stuck)
{
	if (at_ring_suspects(&ring))
		at_ring_unstick(&ring, stuck);
}

uint64_t at_queue_head(void)
{
	return ring.broken ? 0 : __atomic_load_n(&ring.head, __ATOMIC_ACQUIRE);
}

uint64_t at_queue_tail(void)
{
	return __atomic_load_n(&ring.read, __ATOMIC_ACQUIRE);
}

void at_queue_arm(uint32_t count)
{
	__atomic_store_n(&armed, count == AT_QUEUE_SILENT ? count : count + passed,
			 __ATOMIC_RELAXED);
	full_fence();
}

uint32_t at_queue_bell(void)
{
	return __atomic_load_n(&bell, __ATOMIC_ACQUIRE);
}

void at_queue_sleep(uint32_t seen, uint64_t timeout_ns)
{
	at_queue_wait_word(&bell, seen, timeout_ns);
}

void at_queue_ring(void)
{
	__atomic_add_fetch(&bell, 1, __ATOMIC_RELEASE);
	at_queue_wake_word(&bell);
}

void at_queue_show(void)
{
	AT_BOARD_SHOW("queue.spans", AT_BOARD_NUMBER, ring.count);
	AT_BOARD_SHOW("queue.memory", AT_BOARD_NUMBER, ring.mem);
	AT_BOARD_SHOW("queue.bytes", AT_BOARD_NUMBER, ring.size);
	AT_BOARD_SHOW("queue.head", AT_BOARD_NUMBER, ring.head);
	AT_BOARD_SHOW("queue.tail", AT_BOARD_NUMBER, ring.tail);
}

void at_queue_after_fork(void)
{
	at_thread_self.filling = NULL;
	at_thread_self.offering = false;
	if (at_queue_spooled() || __atomic_load_n(&birth, __ATOMIC_ACQUIRE) == BEING_BORN) {
		at_spool_after_fork();
		__atomic_store_n(&birth, NOT_BORN, __ATOMIC_RELEASE);
	} else if (__atomic_load_n(&birth, __ATOMIC_ACQUIRE) == BORN) {
		at_ring_reset(&ring);
	}
	spooled = false;
	passed = 0;
	__atomic_store_n(&armed, 1, __ATOMIC_RELAXED);
}
