/*
 * Tests of conn/session.c and conn/await.c: sessions and waiting connections are found, forgotten,
 * bounded, and never mistaken for others; also while several threads come and go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/process.h"
#include "base/slab.h"
#include "conn/session.h"

static const void *key(uintptr_t n)
{
	return (const void *)(n * 16 + 0x10000);
}

static void what_was_put_is_found(void **state)
{
	struct at_session s, a = {.own = true};
	void *kept;
	(void)state;
	assert_false(at_session_get(key(1), &s));
	assert_true(at_session_put(key(1), a));
	assert_true(at_session_get(key(1), &s));
	assert_true(s.own);
	assert_false(s.keeps);
	a.own = false;
	assert_true(at_session_put(key(1), a));
	assert_true(at_session_get(key(1), &s));
	assert_false(s.own);
	assert_false(at_session_get(key(2), &s));
	assert_true(at_session_drop(key(1), &s, &kept));
	assert_null(kept);
	assert_false(at_session_get(key(1), &s));
	assert_false(at_session_drop(key(1), &s, &kept));
}

static void a_write_is_kept_with_its_session(void **state)
{
	struct at_session s = {0};
	void *kept;
	char write[2];
	(void)state;
	assert_ptr_equal(at_session_keep(key(1), write), write);
	assert_true(at_session_put(key(1), s));
	assert_null(at_session_keep(key(1), write));
	assert_true(at_session_get(key(1), &s));
	assert_true(s.keeps);
	assert_true(at_session_put(key(1), (struct at_session){0}));
	assert_ptr_equal(at_session_keep(key(1), write + 1), write);
	assert_true(at_session_drop(key(1), &s, &kept));
	assert_ptr_equal(kept, write + 1);
}

/* A session more than there may be is not observed, and leaves the others as they are. */
static void they_are_bounded(void **state)
{
	struct at_session s = {0};
	void *kept;
	(void)state;
	for (uintptr_t i = 0; i < AT_SESSIONS; i++)
		assert_true(at_session_put(key(i), s));
	assert_false(at_session_put(key(AT_SESSIONS), s));
	assert_true(at_session_put(key(5), s));
	for (uintptr_t i = 0; i < AT_SESSIONS; i++)
		assert_true(at_session_drop(key(i), &s, &kept));
	assert_true(at_session_put(key(AT_SESSIONS), s));
	assert_true(at_session_drop(key(AT_SESSIONS), &s, &kept));
}

/* A lock whose holder does not run is not waited for without end: then a call says no once more. */
#define AT_LAST(call)                                    \
	({                                               \
		bool did = false;                        \
		for (int i_ = 0; i_ < 100 && !did; i_++) \
			did = (call);                    \
		did;                                     \
	})

static void *come_and_go(void *arg)
{
	uintptr_t mine = (uintptr_t)arg << 20;
	for (uintptr_t round = 0; round < 40; round++) {
		for (uintptr_t i = 0; i < 300; i++) {
			struct at_session s = {.c.life = (uint32_t)i};
			if (!AT_LAST(at_session_put(key(mine + i), s)))
				return "not put";
		}
		for (uintptr_t i = 0; i < 300; i++) {
			struct at_session s;
			void *kept;
			if (!AT_LAST(at_session_get(key(mine + i), &s)) || s.c.life != i)
				return "not found";
			if (!AT_LAST(at_session_drop(key(mine + i), &s, &kept)))
				return "not dropped";
		}
	}
	return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
	pthread_t thread[4];
	void *said;
	(void)state;
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, come_and_go, (void *)i), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], &said);
		assert_null(said);
	}
}

/* ---- those that wait ---- */

static struct at_conn some[8];

static void random_of(uint8_t random[32], uint32_t n)
{
	memset(random, 0, 32);
	memcpy(random + 20, &n, sizeof(n));
}

static void the_waiting_one_is_found_once(void **state)
{
	uint8_t random[32];
	(void)state;
	random_of(random, 7);
	at_await_put(random, AT_CONN_SERVER, (struct at_conn_ref){&some[0], 3});
	random_of(random, 8);
	assert_null(at_await_take(random, AT_CONN_SERVER).conn);
	random_of(random, 7);
	assert_null(at_await_take(random, AT_CONN_CLIENT).conn);
	struct at_conn_ref r = at_await_take(random, AT_CONN_SERVER);
	assert_ptr_equal(r.conn, &some[0]);
	assert_int_equal(r.life, 3);
	assert_null(at_await_take(random, AT_CONN_SERVER).conn);
}

/* A program that talks to itself has the same random at both ends. */
static void both_ends_are_told_apart(void **state)
{
	uint8_t random[32];
	(void)state;
	random_of(random, 9);
	for (int i = 0; i < 2; i++) {
		at_await_put(random, AT_CONN_CLIENT, (struct at_conn_ref){&some[1], 0});
		at_await_put(random, AT_CONN_SERVER, (struct at_conn_ref){&some[2], 0});
		assert_ptr_equal(at_await_take(random, i ? AT_CONN_CLIENT : AT_CONN_SERVER).conn,
				 i ? &some[1] : &some[2]);
		assert_ptr_equal(at_await_take(random, AT_CONN_UNDECIDED).conn,
				 i ? &some[2] : &some[1]);
	}
}

static void the_oldest_makes_way(void **state)
{
	uint8_t random[32];
	(void)state;
	random_of(random, 10);
	for (int i = 0; i < 5; i++)
		at_await_put(random, AT_CONN_CLIENT, (struct at_conn_ref){&some[i], 0});
	for (int i = 4; i >= 1; i--)
		assert_ptr_equal(at_await_take(random, AT_CONN_CLIENT).conn, &some[i]);
	assert_null(at_await_take(random, AT_CONN_CLIENT).conn);
}

/* ---- a connection that is gone ---- */

static void a_new_life_is_another_connection(void **state)
{
	(void)state;
	struct at_conn *c = at_conn_new_apart(AT_CONN_CLIENT);
	assert_non_null(c);
	struct at_conn_ref r = {c, c->life};
	at_conn_unlock(c);
	assert_ptr_equal(at_conn_lock_ref(r), c);
	at_conn_free(c);
	assert_null(at_conn_lock_ref(r));
	struct at_conn *again = at_conn_new_apart(AT_CONN_SERVER);
	assert_ptr_equal(again, c);
	assert_null(at_conn_lock_ref(r));
	assert_null(at_conn_lock_ref((struct at_conn_ref){0}));
	at_conn_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(a_write_is_kept_with_its_session),
		cmocka_unit_test(they_are_bounded),
		cmocka_unit_test(threads_do_not_disturb_each_other),
		cmocka_unit_test(the_waiting_one_is_found_once),
		cmocka_unit_test(both_ends_are_told_apart),
		cmocka_unit_test(the_oldest_makes_way),
		cmocka_unit_test(a_new_life_is_another_connection),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
