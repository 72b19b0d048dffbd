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

#include "base/thread.h"
#include "libc/libc.h"

static void passes_by_unless_live_and_outside(void **state)
{
	(void)state;
	at_thread_live = 0;
	assert_true(at_thread_pass());
	at_thread_live = 1;
	assert_false(at_thread_pass());
	at_thread_enter();
	at_thread_enter();
	at_thread_leave();
	assert_true(at_thread_pass());
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
	at_thread_live = 1;
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
		cmocka_unit_test(ours_is_named_small_deaf_and_guarded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
