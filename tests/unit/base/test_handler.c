/*
 * Whether a signal handler runs: on every kind of stack, and not when one has only been there.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/handler.h"

static volatile bool answer;

static void ask(int unused)
{
	(void)unused;
	answer = at_handler_runs();
}

static bool asked_by(int signal_number, int flags)
{
	struct sigaction act = {.sa_handler = ask, .sa_flags = flags};
	answer = false;
	sigaction(signal_number, &act, NULL);
	raise(signal_number);
	return answer;
}

static void not_without_handlers(void **state)
{
	(void)state;
	signal(SIGUSR1, SIG_IGN);
	assert_false(at_handler_runs());
}

static void in_a_handler(void **state)
{
	(void)state;
	assert_true(asked_by(SIGUSR1, 0));
	assert_true(asked_by(SIGUSR1, SA_SIGINFO));
	assert_false(at_handler_runs());
}

static void on_a_stack_of_its_own(void **state)
{
	static char room[65536];
	stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};
	(void)state;
	assert_int_equal(sigaltstack(&stack, NULL), 0);
	assert_true(asked_by(SIGUSR2, SA_ONSTACK));
	assert_false(at_handler_runs());
}

/* What the handler left behind lies in this frame now, and nobody writes it. */
static __attribute__((noinline)) bool among_traces(void)
{
	char room[100000];
	__asm__ volatile("" ::"r"(room) : "memory");
	return at_handler_runs();
}

static void not_where_one_has_been(void **state)
{
	(void)state;
	assert_true(asked_by(SIGUSR1, 0));
	assert_false(among_traces());
}

static void in_one_that_may_be_interrupted_by_itself(void **state)
{
	(void)state;
	assert_true(asked_by(SIGUSR1, SA_NODEFER));
	signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_without_handlers),
		cmocka_unit_test(in_a_handler),
		cmocka_unit_test(on_a_stack_of_its_own),
		cmocka_unit_test(not_where_one_has_been),
		cmocka_unit_test(in_one_that_may_be_interrupted_by_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
