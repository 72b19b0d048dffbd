/*
 * Guards and the thread of our own: when hooks pass by, and what that thread is born with.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/lock.h"
#include "base/thread.h"
#include "libc/libc.h"

/* As from a handler: with a signal's frame and more between our work and the call. */
static __attribute__((noinline)) bool deeper(void)
{
	char room[4096];
	memset(room, 1, sizeof(room));
	__asm__ volatile("" ::"r"(room) : "memory");
	return at_thread_pass();
}

static struct at_lock lock;

static __attribute__((noinline)) void interrupted(void)
{
	at_thread_enter();
	assert_int_equal(at_lock(&lock), AT_LOCK_OK);
	assert_true(deeper());
}

/* A handler has left our work by longjmp: the thread is outside again, the lock says what happened.
 */
static void is_outside_after_a_jump(void **state)
{
	(void)state;
	interrupted();
	assert_false(at_thread_pass());
	assert_int_equal(at_thread_self.guard, 0);
	assert_null(at_thread_self.held);
	assert_int_equal(at_lock(&lock), AT_LOCK_STALE);
	at_unlock(&lock);
	at_thread_leave(); /* should that work ever go on after all */
	assert_int_equal(at_thread_self.guard, 0);
}

static sigjmp_buf out;

static void leave(int unused)
{
	(void)unused;
	siglongjmp(out, 1);
}

/* Once that has happened a handler has to wait until our work is done, or waits. */
static void is_taken_away_once_only(void **state)
{
	volatile bool held = false;
	sigset_t before, after;
	(void)state;
	signal(SIGUSR1, leave);
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	if (sigsetjmp(out, 1) == 0) {
		at_thread_enter();
		at_thread_enter();
		raise(SIGUSR1);
		at_thread_leave();
		held = true;
		at_thread_leave();
		fail();
	}
	assert_true(held);
	held = false;
	if (sigsetjmp(out, 1) == 0) {
		at_thread_enter();
		raise(SIGUSR1);
		held = true;
		at_thread_let_signals();
		fail();
	}
	assert_true(held);
	assert_false(at_thread_pass());
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int s = 1; s < 32; s++)
		assert_int_equal(sigismember(&before, s), sigismember(&after, s));
}

/* What an instruction of its own raises cannot wait, and may jump to where no mask is put back. */
static void signals_come_through_again_after_a_jump(void **state)
{
	sigset_t after;
	(void)state;
	signal(SIGSEGV, leave);
	if (sigsetjmp(out, 0) == 0) {
		at_thread_enter();
		raise(SIGSEGV);
		fail();
	}
	signal(SIGSEGV, SIG_DFL);
	assert_false(at_thread_pass());
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), 0);
}

/* Seen from deep below nobody can tell; then it is believed after a while, and the lock stays. */
static void is_not_blind_for_ever(void **state)
{
	int calls = 0;
	(void)state;
	at_thread_enter();
	assert_int_equal(at_lock(&lock), AT_LOCK_OK);
	while (deeper())
		assert_true(++calls < 100000);
	assert_true(calls > 100);
	assert_int_equal(at_lock_at_once(&lock), AT_LOCK_BUSY);
	at_unlock(&lock);
}

static void passes_by_unless_live_and_outside(void **state)
{
	(void)state;
	assert_true(at_thread_pass());
	at_process_begin(NULL);
	assert_false(at_thread_pass());
	at_thread_enter();
	at_thread_enter();
	at_thread_leave();
	assert_true(deeper());
	at_thread_leave();
	assert_false(at_thread_pass());
	at_thread_self.in_vfork = 1;
	assert_true(at_thread_pass());
	at_thread_self.in_vfork = 0;
}

struct birth {
	char name[16];
	sigset_t blocked;
	size_t stack;
	bool passes;
	bool done;
};

static void *look(void *arg)
{
	struct birth *b = arg;
	pthread_attr_t attr;
	prctl(PR_GET_NAME, b->name, 0, 0, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &b->blocked);
	pthread_getattr_np(pthread_self(), &attr);
	pthread_attr_getstacksize(&attr, &b->stack);
	pthread_attr_destroy(&attr);
	b->passes = at_thread_pass();
	__atomic_store_n(&b->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void ours_is_named_small_deaf_and_guarded(void **state)
{
	static struct birth b;
	sigset_t mine;
	(void)state;
	at_libc_resolve();
	at_process_begin(NULL);
	assert_true(at_thread_start(look, &b, 262144));
	for (int i = 0; i < 500 && !__atomic_load_n(&b.done, __ATOMIC_ACQUIRE); i++)
		usleep(10000);
	assert_true(b.done);
	assert_string_equal(b.name, "autotrace");
	assert_true(b.passes);
	assert_true(b.stack >= 131072 && b.stack < 4194304); /* sanitizers add to it */
	for (int s = 1; s < 32; s++)
		assert_int_equal(sigismember(&b.blocked, s), s != SIGKILL && s != SIGSTOP);
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_int_equal(sigismember(&mine, SIGTERM), 0);
	assert_false(at_thread_pass());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passes_by_unless_live_and_outside),
		cmocka_unit_test(is_outside_after_a_jump),
		cmocka_unit_test(is_taken_away_once_only),
		cmocka_unit_test(signals_come_through_again_after_a_jump),
		cmocka_unit_test(is_not_blind_for_ever),
		cmocka_unit_test(ours_is_named_small_deaf_and_guarded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
