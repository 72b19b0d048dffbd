/*
 * The log: its lines, its levels, and that they reach the stderr of the start or nobody.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char said[4096];

/* Runs fn in a child whose stderr is a pipe; what it writes there is in `said`. */
static int listen_to(void (*fn)(void))
{
	int ends[2], status;
	size_t n = 0;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	if (child == 0) {
		dup2(ends[1], 2);
		close(ends[0]);
		close(ends[1]);
		fn();
		_exit(0);
	}
	close(ends[1]);
	for (ssize_t got; (got = read(ends[0], said + n, sizeof(said) - 1 - n)) > 0;)
		n += (size_t)got;
	said[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	return (int)child;
}

static void every_conversion(void)
{
	const char *volatile nothing = NULL;
	at_log_open();
	errno = 77;
	at_log(AT_LOG_ERROR, "%s|%.*s|%d|%u|%lu|%llu|%zu|%x|%c|%%", "text", 3, "abcdef", -5, 6u,
	       7ul, 18446744073709551615ull, (size_t)9, 0xbeefu, '!');
	at_log(AT_LOG_WARN, "%s %ld", nothing, -2147483649l);
	if (errno != 77)
		_exit(1);
}

static void conversions_and_errno(void **state)
{
	char expected[256];
	(void)state;
	int pid = listen_to(every_conversion);
	snprintf(expected, sizeof(expected),
		 "autotrace: %d: text|abc|-5|6|7|18446744073709551615|9|beef|!|%%\n"
		 "autotrace: %d: (none) -2147483649\n",
		 pid, pid);
	assert_string_equal(said, expected);
}

static void foreign(void)
{
	char text[3000];
	memset(text, 'x', sizeof(text));
	memcpy(text, "a\n\033[31m\tb\x7f", 10);
	at_log_open();
	at_log(AT_LOG_WARN, "%.*s", (int)sizeof(text), text);
}

static void a_line_is_one_line_and_has_an_end(void **state)
{
	(void)state;
	listen_to(foreign);
	assert_int_equal(strlen(said), 512);
	assert_ptr_equal(strchr(said, '\n'), said + 511);
	assert_non_null(strstr(said, ": a??[31m?b?xxx"));
}

static void quiet(void)
{
	at_log_open();
	at_log(AT_LOG_INFO, "no");
	at_log_set_level(AT_LOG_NONE);
	at_log(AT_LOG_ERROR, "no");
	at_log_set_level(AT_LOG_DEBUG);
	at_log(AT_LOG_DEBUG, "yes");
	if (at_log_get_level() != AT_LOG_DEBUG)
		_exit(1);
}

static void levels(void **state)
{
	(void)state;
	listen_to(quiet);
	assert_non_null(strstr(said, ": yes\n"));
	assert_null(strstr(said, "no"));
}

/* fd 2 becomes a data file: it gets none of ours, until the program says that it is its stderr. */
static void stderr_given_away(void)
{
	int lowest = dup(2);
	close(lowest);
	at_log_open();
	int data = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	if (data != lowest) /* no descriptor is held */
		_exit(1);
	dup2(data, 2);
	for (int i = 0; i < 3; i++)
		at_log(AT_LOG_WARN, "lost");
	if (lseek(data, 0, SEEK_END) != 0)
		_exit(2);
	at_log_open();
	at_log(AT_LOG_WARN, "found");
	if (lseek(data, 0, SEEK_END) == 0)
		_exit(3);
}

static void the_program_s_files_get_none_of_it(void **state)
{
	(void)state;
	listen_to(stderr_given_away);
	assert_string_equal(said, "");
}

/* A daemon's start: stderr is closed, and the next file gets its number. */
static void no_stderr_at_all(void)
{
	close(2);
	at_log_open();
	int data = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
	if (data != 2)
		_exit(1);
	at_log(AT_LOG_ERROR, "nobody hears");
	if (lseek(data, 0, SEEK_END) != 0)
		_exit(2);
}

static void without_stderr_nothing_is_said(void **state)
{
	(void)state;
	listen_to(no_stderr_at_all);
	assert_string_equal(said, "");
}

static void never_opened(void)
{
	at_log(AT_LOG_ERROR, "plain");
}

/* The programs that are ours alone never open the log: their stderr is theirs. */
static void unopened_it_is_plain_stderr(void **state)
{
	(void)state;
	listen_to(never_opened);
	assert_non_null(strstr(said, ": plain\n"));
}

/* What dup2 puts on 2: a log is followed, data and sockets are not. */
static void only_what_can_be_a_log_is_followed(void **state)
{
	char path[] = "/tmp/autotrace-log-XXXXXX";
	int both = mkstemp(path), writer = open(path, O_WRONLY | O_APPEND), ends[2], old = dup(2);
	(void)state;
	assert_true(both >= 0 && writer >= 0 && old >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	const int places[] = {both, ends[0], writer};
	off_t after[3];
	for (int i = 0; i < 3; i++) {
		dup2(places[i], 2);
		at_log_follow();
		at_log(AT_LOG_WARN, "line");
		after[i] = lseek(both, 0, SEEK_END);
	}
	dup2(old, 2);
	at_log_open();
	assert_true(after[0] == 0 && after[1] == 0 && after[2] > 0);
	assert_int_equal(recv(ends[1], path, 1, MSG_DONTWAIT), -1);
	unlink(path);
	close(both);
	close(writer);
	close(old);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions_and_errno),
		cmocka_unit_test(a_line_is_one_line_and_has_an_end),
		cmocka_unit_test(levels),
		cmocka_unit_test(the_program_s_files_get_none_of_it),
		cmocka_unit_test(without_stderr_nothing_is_said),
		cmocka_unit_test(unopened_it_is_plain_stderr),
		cmocka_unit_test(only_what_can_be_a_log_is_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
