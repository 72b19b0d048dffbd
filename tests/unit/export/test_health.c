/*
 * What is said of a destination, and how often.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "export/health.h"

#define PAUSE 10000000000ull

static struct at_health health;
static bool exiting;
static int said;  /* reading end of what is written to stderr */
static int saved; /* the true stderr */

static int begin(void **state)
{
	int ends[2];
	(void)state;
	saved = dup(2);
	if (saved < 0 || pipe(ends) || dup2(ends[1], 2) != 2)
		return -1;
	close(ends[1]);
	said = ends[0];
	exiting = false;
	at_log_open();
	at_log_set_level(AT_LOG_INFO);
	at_health_open(&health, "x", AT_STR("http://h"), &exiting);
	at_health_after_fork();
	return 0;
}

/* Lines since the last time; the text of all of them in *ret. */
static int lines(char *ret, size_t room)
{
	int n = 0;
	at_log(AT_LOG_WARN, "end");
	ssize_t got = read(said, ret, room - 1);
	ret[got > 0 ? got : 0] = 0;
	for (const char *p = ret; *p; p++)
		n += *p == '\n';
	return n - 1;
}

static int end(void **state)
{
	(void)state;
	close(said);
	dup2(saved, 2);
	close(saved);
	return 0;
}

static void test_each_change_once(void **state)
{
	char text[4096];
	(void)state;
	for (int i = 0; i < 100; i++)
		at_health_set(&health, AT_HEALTH_GOOD, "");
	assert_int_equal(lines(text, sizeof(text)), 0);
	for (int i = 0; i < 100; i++)
		at_health_set(&health, 503, "busy");
	assert_int_equal(lines(text, sizeof(text)), 1);
	assert_non_null(strstr(text, "x: http://h answers with status 503: busy"));
	at_health_set(&health, AT_HEALTH_GOOD, "");
	assert_int_equal(lines(text, sizeof(text)), 1);
	assert_non_null(strstr(text, "accepts spans again after 100 failures"));
}

static void test_codes_of_grpc(void **state)
{
	char text[4096];
	(void)state;
	at_health_set(&health, AT_HEALTH_GRPC + 8, "quota");
	at_health_set(&health, AT_HEALTH_GRPC + 8, "quota");
	assert_int_equal(lines(text, sizeof(text)), 1);
	assert_non_null(strstr(text, "x: http://h answers with status RESOURCE_EXHAUSTED: quota"));
}

static void test_to_and_fro(void **state)
{
	char text[4096];
	(void)state;
	for (int i = 0; i < 100; i++) {
		at_health_set(&health, 500, "");
		at_health_set(&health, AT_HEALTH_GOOD, "");
	}
	assert_int_equal(lines(text, sizeof(text)), 2);
	health.told_at -= PAUSE;
	at_health_set(&health, 500, "");
	assert_int_equal(lines(text, sizeof(text)), 1);
	assert_non_null(strstr(text, "came and went 99 times"));
}

/* A state that lasts is told in the end, whatever was said just before it. */
static void test_trouble_that_stays(void **state)
{
	char text[4096];
	(void)state;
	at_health_set(&health, 500, "");
	at_health_set(&health, AT_HEALTH_UNREACHABLE, "gone");
	assert_int_equal(lines(text, sizeof(text)), 1);
	health.told_at -= PAUSE;
	at_health_set(&health, AT_HEALTH_UNREACHABLE, "gone");
	assert_int_equal(lines(text, sizeof(text)), 1);
	assert_non_null(strstr(text, "cannot be reached: gone"));
	assert_null(strstr(text, "came and went"));
}

static void test_at_the_end(void **state)
{
	char text[4096];
	(void)state;
	exiting = true;
	assert_null(at_health_trouble());
	at_health_set(&health, 404, "who?");
	at_health_set(&health, 500, "");
	assert_int_equal(lines(text, sizeof(text)), 0);
	assert_string_equal(at_health_trouble(), "x: http://h answers with status 404: who?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_change_once, begin, end),
		cmocka_unit_test_setup_teardown(test_codes_of_grpc, begin, end),
		cmocka_unit_test_setup_teardown(test_to_and_fro, begin, end),
		cmocka_unit_test_setup_teardown(test_trouble_that_stays, begin, end),
		cmocka_unit_test_setup_teardown(test_at_the_end, begin, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
