/*
 * The ring: order, wrap-around, full in bytes and in records, an unfinished record in the way, many
 * producers with a signal handler among them, reset.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/ring.h"
#include "base/thread.h"

static bool put(struct at_ring *r, size_t n, unsigned char fill)
{
	void *p = at_ring_reserve(r, n);
	if (!p)
		return false;
	memset(p, fill, n);
	at_ring_commit(r, p);
	return true;
}

static void expect(struct at_ring *r, size_t n, unsigned char fill)
{
	size_t got;
	const unsigned char *p = at_ring_peek(r, &got);
	assert_non_null(p);
	assert_int_equal(got, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(p[i], fill);
	at_ring_release(r);
}

/* A producer that leaves its record holds nobody back, and its place is given to others. */
static void abandoned_records_are_passed_over(void **state)
{
	struct at_ring r;
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4000, 3));
	for (int round = 0; round < 500; round++) {
		assert_true(put(&r, 100, 1));
		assert_false(at_ring_abandon());
		assert_non_null(at_ring_reserve(&r, (size_t)(round * 7) % 300));
		struct at_thread left = at_thread_self;
		assert_true(put(&r, 50, 2));
		assert_null(at_ring_reserve(&r, 1));
		expect(&r, 100, 1);
		assert_null(at_ring_peek(&r, &got));
		at_thread_self = left;
		assert_true(at_ring_abandon());
		assert_false(at_ring_abandon());
		expect(&r, 50, 2);
		assert_null(at_ring_peek(&r, &got));
		assert_int_equal(at_ring_count(&r), 0);
	}
}

/* As a thread leaves it that was interrupted around the step that reserves, and went elsewhere. */
static void interrupt_at(struct at_ring *r, uint64_t place, uint32_t payload)
{
	at_thread_self.filling = r;
	at_thread_self.place = place;
	at_thread_self.payload = payload;
	at_thread_self.pad = 0;
	at_thread_self.reserved = false;
	r->count++;
}

/* Each loss is told at once; whose the place was shows later. */
static void a_jump_around_the_reservation_is_counted(void **state)
{
	struct at_ring r;
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4000, 30));
	at_thread_self.offering = true;
	assert_true(at_ring_abandon()); /* before anything of it */
	assert_false(at_ring_abandon());

	interrupt_at(&r, 0, 100); /* not reserved */
	assert_true(at_ring_abandon());
	assert_int_equal(at_ring_count(&r), 0);

	interrupt_at(&r, 0, 100); /* another one was quicker, and is at it */
	char *p = at_ring_reserve(&r, 50);
	struct at_thread other = at_thread_self;
	at_thread_self.filling = &r;
	at_thread_self.reserved = false;
	at_thread_self.payload = 100;
	assert_true(at_ring_abandon());
	assert_true(at_ring_suspects(&r));
	at_ring_unstick(&r, true);
	assert_null(at_ring_peek(&r, &got));
	assert_true(at_ring_suspects(&r));
	memset(p, 7, 50);
	at_thread_self = other;
	at_ring_commit(&r, p);
	expect(&r, 50, 7);
	at_ring_unstick(&r, false);
	assert_false(at_ring_suspects(&r));
	assert_int_equal(at_ring_count(&r), 0);

	interrupt_at(&r, r.head, 100); /* it was reserved, and nobody knew yet */
	r.head += at_ring_bytes(100);
	assert_true(at_ring_abandon());
	assert_true(put(&r, 60, 8));
	at_ring_unstick(&r, false);
	assert_null(at_ring_peek(&r, &got));
	at_ring_unstick(&r, true);
	expect(&r, 60, 8);
	assert_false(at_ring_suspects(&r));
	assert_int_equal(at_ring_count(&r), 0);

	at_thread_self.offering = true; /* after the end of it */
	assert_true(put(&r, 60, 9));
	assert_false(at_ring_abandon());
	expect(&r, 60, 9);
}

static void every_size_in_order_through_many_wraps(void **state)
{
	struct at_ring r;
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4000, 1000));
	assert_int_equal(r.size, 4096);
	assert_null(at_ring_peek(&r, &got));
	for (int round = 0; round < 2000; round++) {
		size_t a = (size_t)(round * 37) % 1025, b = (size_t)(round * 101) % 900;
		assert_true(put(&r, a, (unsigned char)round));
		assert_true(put(&r, b, (unsigned char)~round));
		assert_int_equal(at_ring_count(&r), 2);
		expect(&r, a, (unsigned char)round);
		expect(&r, b, (unsigned char)~round);
		assert_null(at_ring_peek(&r, &got));
	}
	assert_int_equal(at_ring_count(&r), 0);
}

static void full_refuses_the_new_one_and_loses_none(void **state)
{
	struct at_ring r;
	int n = 0;
	(void)state;
	assert_true(at_ring_init(&r, 4096, 1000));
	assert_null(at_ring_reserve(&r, 1025));
	while (put(&r, 100, (unsigned char)n))
		n++;
	assert_int_equal(n, 4096 / 128);
	assert_int_equal(at_ring_count(&r), n);
	expect(&r, 100, 0);
	assert_true(put(&r, 100, (unsigned char)n));
	assert_false(put(&r, 100, 0));
	for (int i = 1; i <= n; i++)
		expect(&r, 100, (unsigned char)i);
	assert_int_equal(at_ring_count(&r), 0);
}

static void records_are_counted_too(void **state)
{
	struct at_ring r;
	(void)state;
	assert_true(at_ring_init(&r, 65536, 3));
	assert_true(put(&r, 1, 1) && put(&r, 1, 2) && put(&r, 1, 3));
	assert_false(put(&r, 1, 4));
	expect(&r, 1, 1);
	assert_true(put(&r, 1, 4));
	expect(&r, 1, 2);
	expect(&r, 1, 3);
	expect(&r, 1, 4);
}

static void an_unfinished_record_holds_back_the_ones_behind(void **state)
{
	struct at_ring r;
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4096, 100));
	char *slow = at_ring_reserve(&r, 8);
	assert_true(put(&r, 8, 2));
	assert_null(at_ring_peek(&r, &got));
	memset(slow, 1, 8);
	assert_int_equal(at_ring_commit(&r, slow), 2);
	expect(&r, 8, 1);
	expect(&r, 8, 2);
}

static void reset_forgets_and_works_again(void **state)
{
	struct at_ring r;
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4096, 100));
	for (int i = 0; i < 30; i++)
		assert_true(put(&r, 77, 9));
	assert_non_null(at_ring_reserve(&r, 77)); /* whose writer stayed in another process */
	at_ring_reset(&r);
	assert_int_equal(at_ring_count(&r), 0);
	assert_null(at_ring_peek(&r, &got));
	for (int i = 0; i < 500; i++) {
		assert_true(put(&r, 900, (unsigned char)i));
		expect(&r, 900, (unsigned char)i);
	}
}

/* ---- many producers ---- */

enum { THREADS = 6, EACH = 30000 };

struct note {
	uint32_t producer, number;
	uint32_t filler[14]; /* all = number */
};

static struct at_ring busy;
static uint64_t refused;
static uint32_t by_signal; /* records of the signal handler, producer THREADS */

static bool offer(uint32_t producer, uint32_t number)
{
	size_t n = sizeof(struct note) - (number % 14) * sizeof(uint32_t);
	struct note *p = at_ring_reserve(&busy, n);
	if (!p)
		return false;
	p->producer = producer;
	p->number = number;
	for (size_t i = 0; i < n / 4 - 2; i++)
		p->filler[i] = number;
	at_ring_commit(&busy, p);
	return true;
}

static void on_alarm(int unused)
{
	(void)unused;
	uint32_t number = __atomic_load_n(&by_signal, __ATOMIC_RELAXED);
	if (offer(THREADS, number))
		__atomic_store_n(&by_signal, number + 1, __ATOMIC_RELAXED);
}

static void *produce(void *arg)
{
	uint32_t me = (uint32_t)(uintptr_t)arg;
	for (uint32_t i = 0; i < EACH;) {
		if (offer(me, i)) {
			i++;
			continue;
		}
		__atomic_add_fetch(&refused, 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

static void consume(uint32_t next[THREADS + 1], uint64_t *total)
{
	size_t n;
	const struct note *p = at_ring_peek(&busy, &n);
	if (!p)
		return;
	assert_true(p->producer <= THREADS);
	assert_int_equal(p->number, next[p->producer]);
	assert_int_equal(n, sizeof(*p) - (p->number % 14) * sizeof(uint32_t));
	for (size_t i = 0; i < n / 4 - 2; i++)
		assert_int_equal(p->filler[i], p->number);
	next[p->producer]++;
	++*total;
	at_ring_release(&busy);
}

static void producers_and_a_signal_handler_lose_nothing(void **state)
{
	struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
	uint32_t next[THREADS + 1] = {0};
	uint64_t total = 0;
	pthread_t id[THREADS];
	sigset_t alarms;
	(void)state;
	assert_true(at_ring_init(&busy, 4096, 40));
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	sigaction(SIGALRM, &act, NULL);
	for (uintptr_t i = 0; i < THREADS; i++) {
		/* One producer takes the signals, so that the handler's numbers are in order. */
		pthread_sigmask(i ? SIG_BLOCK : SIG_UNBLOCK, &alarms, NULL);
		assert_int_equal(pthread_create(&id[i], NULL, produce, (void *)i), 0);
	}
	setitimer(ITIMER_REAL, &often, NULL);
	while (total - next[THREADS] < (uint64_t)THREADS * EACH)
		consume(next, &total);
	setitimer(ITIMER_REAL, &never, NULL);
	for (int i = 0; i < THREADS; i++)
		pthread_join(id[i], NULL);
	for (int i = 0; i < 100; i++)
		consume(next, &total);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(next[i], EACH);
	assert_int_equal(next[THREADS], by_signal);
	assert_int_equal(at_ring_count(&busy), 0);
	assert_true(refused > 0);
}

/* What no producer writes must neither be believed nor written over. */
static void corruption_is_found_and_ends_it(void **state)
{
	static const uint32_t words[] = {
		0x80000000u | 0x3fffffffu, /* longer than anything */
		0x80000000u | 200,         /* beyond head */
		0xc0000000u | 4000,        /* a pad beyond head */
		100,                       /* never committed */
		0x7fffffffu,
	};
	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct at_ring r;
		size_t n = 0;
		at_fault_word = 0;
		assert_true(at_ring_init(&r, 4096, 16));
		char *p = at_ring_reserve(&r, 100);
		assert_non_null(p);
		at_ring_commit(&r, p);
		memcpy(p - 16, &words[i], sizeof(words[i]));
		assert_null(at_ring_peek(&r, &n));
		assert_true(at_fault_raised());
		assert_null(at_ring_peek(&r, &n));
	}
	at_fault_word = 0;
}

/* The consumer reads ahead of what it gives back. */
static void passed_records_stay_until_they_are_given(void **state)
{
	struct at_ring r;
	uint64_t end[3];
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4096, 1000));
	for (int round = 0; round < 100; round++) {
		for (unsigned char k = 0; k < 3; k++)
			assert_true(put(&r, 300, k));
		for (unsigned char k = 0; k < 3; k++) {
			const unsigned char *p = at_ring_peek(&r, &got);
			assert_non_null(p);
			assert_int_equal(p[0], k);
			at_ring_pass(&r);
			end[k] = r.read;
		}
		assert_null(at_ring_peek(&r, &got));
		assert_int_equal(at_ring_count(&r), 3);
		assert_int_equal(at_ring_wipe(&r, end[1]), 2);
		assert_int_equal(at_ring_count(&r), 3);
		at_ring_give(&r, end[1], 2);
		assert_int_equal(at_ring_count(&r), 1);
		at_ring_give(&r, end[2], at_ring_wipe(&r, end[2]));
		assert_int_equal(at_ring_count(&r), 0);
	}
	for (size_t i = 0; i < r.size; i++)
		assert_int_equal(r.mem[i], 0);
}

static void positions_go_on_for_ever(void **state)
{
	struct at_ring r;
	uint64_t position = 0;
	size_t got;
	(void)state;
	assert_true(at_ring_init(&r, 4096, 1000));
	for (int i = 0; i < 1000; i++) {
		char *p = at_ring_reserve(&r, 48);
		assert_int_equal(at_ring_position(&r, p), position);
		memset(p, 1, 48);
		at_ring_commit(&r, p);
		assert_non_null(at_ring_peek(&r, &got));
		at_ring_release(&r);
		position += at_ring_bytes(48);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(corruption_is_found_and_ends_it),
		cmocka_unit_test(abandoned_records_are_passed_over),
		cmocka_unit_test(a_jump_around_the_reservation_is_counted),
		cmocka_unit_test(every_size_in_order_through_many_wraps),
		cmocka_unit_test(full_refuses_the_new_one_and_loses_none),
		cmocka_unit_test(records_are_counted_too),
		cmocka_unit_test(an_unfinished_record_holds_back_the_ones_behind),
		cmocka_unit_test(passed_records_stay_until_they_are_given),
		cmocka_unit_test(positions_go_on_for_ever),
		cmocka_unit_test(reset_forgets_and_works_again),
		cmocka_unit_test(producers_and_a_signal_handler_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
