/*
 * Which process this is: children that no fork handler has seen find out, children in our memory
 * are known as guests.
 */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/process.h"

static int births;

static void reborn(void)
{
	births++;
	errno = EIO;
	at_process_begin_again();
}

static int status_of(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void sleeps_until_it_begins(void **state)
{
	(void)state;
	assert_false(at_process_is_live());
	assert_true(at_process_sleeps());
	at_process_begin(reborn);
	assert_true(at_process_is_live());
	assert_false(at_process_sleeps());
	assert_false(at_process_is_guest());
}

static void a_bare_child_is_born_once(void **state)
{
	(void)state;
	pid_t pid = (pid_t)syscall(SYS_fork);
	if (pid == 0) {
		bool asleep = !at_process_is_live();
		errno = 0;
		bool woken = !at_process_sleeps() && !at_process_sleeps() && errno == 0;
		_exit(!(asleep && woken && births == 1 && at_process_is_live() &&
			!at_process_is_guest()));
	}
	assert_int_equal(status_of(pid), 0);
	assert_int_equal(births, 0);
	assert_true(at_process_is_live());
}

static int in_our_memory(void *unused)
{
	(void)unused;
	return !(at_process_is_live() && !at_process_sleeps() && at_process_is_guest());
}

static void a_child_in_our_memory_is_a_guest(void **state)
{
	static char stack[65536] __attribute__((aligned(16)));
	(void)state;
	pid_t pid =
		clone(in_our_memory, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	assert_int_equal(status_of(pid), 0);
	assert_false(at_process_is_guest());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeps_until_it_begins),
		cmocka_unit_test(a_bare_child_is_born_once),
		cmocka_unit_test(a_child_in_our_memory_is_a_guest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
