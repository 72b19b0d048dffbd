/*
 * Tests of libc/bundle.c: the bundle sees the proxy variables as they were when the process began,
 * nothing else of the environment, and can change no signal. The program starts itself again with
 * the environment it wants to have begun with.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libc/bundle.h"

static char huge[4096] = "NO_PROXY=";

static void proxies_are_those_of_the_start(void **state)
{
	(void)state;
	setenv("http_proxy", "http://changed:1", 1);
	unsetenv("no_proxy");
	assert_string_equal(at_bundle_getenv("http_proxy"), "http://first:3128");
	assert_string_equal(at_bundle_secure_getenv("http_proxy"), "http://first:3128");
	assert_string_equal(at_bundle_getenv("no_proxy"), "");
	assert_null(at_bundle_getenv("https_proxy"));
}

static void too_long_a_value_counts_as_unset(void **state)
{
	(void)state;
	assert_non_null(getenv("NO_PROXY"));
	assert_null(at_bundle_getenv("NO_PROXY"));
}

static void nothing_else_is_seen(void **state)
{
	(void)state;
	assert_null(at_bundle_getenv("HTTP_PROXY"));
	assert_null(at_bundle_getenv("SSLKEYLOGFILE"));
	assert_null(at_bundle_getenv("OPENSSL_CONF"));
	assert_null(at_bundle_getenv(""));
}

static void signals_stay_as_they_are(void **state)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old, now;

	(void)state;
	assert_int_equal(at_bundle_sigaction(SIGPIPE, &ignore, &old), 0);
	assert_ptr_equal(old.sa_handler, SIG_DFL);
	assert_ptr_equal(at_bundle_signal(SIGPIPE, SIG_IGN), SIG_DFL);
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
	assert_int_equal(at_bundle_alarm(1), 0);
	assert_int_equal(alarm(0), 0);
}

static void nothing_is_loaded(void **state)
{
	(void)state;
	assert_null(at_bundle_dlopen("libc.so.6", RTLD_NOW));
	assert_null(at_bundle_dlsym(RTLD_DEFAULT, "getpid"));
	assert_int_equal(at_bundle_dladdr((void *)nothing_is_loaded, NULL), 0);
	assert_int_equal(at_bundle_dlclose(NULL), 0);
	assert_null(at_bundle_dlerror());
}

static void no_exit_handler(void)
{
	_exit(3);
}

static void no_terminal_to_ask_at(void **state)
{
	struct termios unused;

	(void)state;
	errno = 0;
	assert_int_equal(at_bundle_tcgetattr(0, &unused), -1);
	assert_int_equal(errno, ENOSYS);
}

static void files_are_not_inherited(void **state)
{
	FILE *(*const ways[])(const char *, const char *) = {at_bundle_fopen, at_bundle_fopen64};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		FILE *file = ways[i]("/proc/self/exe", "rb");

		assert_non_null(file);
		assert_true(fcntl(fileno(file), F_GETFD) & FD_CLOEXEC);
		fclose(file);
		assert_null(ways[i]("/no/such/file", "r"));
		assert_int_equal(errno, ENOENT);
	}
}

static void system_calls_set_errno(void **state)
{
	(void)state;
	assert_int_equal(at_bundle_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
	errno = 0;
	assert_int_equal(at_bundle_syscall(SYS_close, -1, 0, 0, 0, 0, 0), -1);
	assert_int_equal(errno, EBADF);
}

static void the_time_is_the_kernels(void **state)
{
	struct timespec now;
	struct timeval day;
	time_t told, same, before = time(NULL);

	(void)state;
	assert_int_equal(at_bundle_clock_gettime(CLOCK_REALTIME, &now), 0);
	assert_int_equal(at_bundle_gettimeofday(&day, NULL), 0);
	same = at_bundle_time(&told);
	assert_int_equal(same, told);
	assert_int_equal(at_bundle_time(NULL) >= told, 1);
	assert_true(before <= now.tv_sec && now.tv_sec <= day.tv_sec && day.tv_sec <= told);
	assert_true(told - before < 10 && day.tv_usec >= 0 && day.tv_usec < 1000000);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(proxies_are_those_of_the_start),
		cmocka_unit_test(too_long_a_value_counts_as_unset),
		cmocka_unit_test(nothing_else_is_seen),
		cmocka_unit_test(signals_stay_as_they_are),
		cmocka_unit_test(nothing_is_loaded),
		cmocka_unit_test(no_terminal_to_ask_at),
		cmocka_unit_test(files_are_not_inherited),
		cmocka_unit_test(system_calls_set_errno),
		cmocka_unit_test(the_time_is_the_kernels),
	};
	char *environment[] = {"http_proxy=http://first:3128",
			       "no_proxy=",
			       "HTTP_PROXY=http://a-client:1",
			       "SSLKEYLOGFILE=/tmp/keys",
			       "OPENSSL_CONF=/tmp/x",
			       huge,
			       NULL};
	char *again[] = {argv[0], "again", NULL};

	if (argc == 1) {
		memset(huge + strlen(huge), 'x', sizeof(huge) - strlen(huge) - 1);
		execve("/proc/self/exe", again, environment);
		perror("/proc/self/exe");
		return 1;
	}
	/* Were it registered, the exit code would be 3. */
	if (at_bundle_atexit(no_exit_handler) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
