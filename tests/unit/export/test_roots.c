/*
 * Lists of authorities: which files are taken, when one is read again, and that a fork comes in
 * between.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "export/gate.h"
#include "export/roots.h"

static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBeTCCAR+gAwIBAgIUEM1VRohcTo+Ad1UipXwH5PJBp/AwCgYIKoZIzj0EAwIw\n"
	"ETEPMA0GA1UEAwwGYSB0ZXN0MCAXDTI2MTEyMjAxMzYyOFoYDzIxMjYxMDI5MDEz\n"
	"NjI4WjARMQ8wDQYDVQQDDAZhIHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
	"AAT8pRH+MK0Q88wl1liZFlHbmaMLcXQyl1FgkL0VYIY2pSRlxTjsAeD6iKF8GZZy\n"
	"u0qzt/W1SQuhRQEd1/MF63yDo1MwUTAdBgNVHQ4EFgQU7lHd00iywLJ4BH44Jyk3\n"
	"mbLdzGAwHwYDVR0jBBgwFoAU7lHd00iywLJ4BH44Jyk3mbLdzGAwDwYDVR0TAQH/\n"
	"BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEA/RPNick7pZr3dzRY0WzTYne5myun\n"
	"EbtWmJohnx7+SbcCIDazraXXJmdAk2tG9yu8YbeCRGmJXswyR7lKHxTXOgzY\n"
	"-----END CERTIFICATE-----\n";

static char path[] = "/tmp/autotrace-roots-XXXXXX";

/* The text `times` times over, and then `rest`. */
static const char *file(unsigned times, const char *rest)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	while (times--)
		fputs(certificate, f);
	fputs(rest, f);
	fclose(f);
	return path;
}

static int make_path(void **state)
{
	(void)state;
	return close(mkstemp(path));
}

static int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

static void forget(struct at_roots *r)
{
	assert_false(at_roots_read(r, "/dev/null"));
	assert_null(r->store);
}

static void what_is_taken(void **state)
{
	static const char other[] = "-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n";
	static const char bad[] = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	static const char torn[] = "-----BEGIN CERTIFICATE-----\nAAAA\n";
	struct at_roots r = {0};
	(void)state;
	assert_true(at_roots_read(&r, file(1, "")));
	assert_true(at_roots_read(&r, file(3, "# a word behind them\n")));
	assert_true(at_roots_read(&r, file(1, other)));
	assert_false(at_roots_read(&r, file(1, bad)));
	assert_null(r.store);
	assert_false(at_roots_read(&r, file(1, torn)));
	assert_false(at_roots_read(&r, file(0, "")));
	assert_false(at_roots_read(&r, file(0, "no certificate")));
	assert_false(at_roots_read(&r, "/nowhere/at/all"));
	assert_false(at_roots_read(&r, "/tmp"));
	assert_true(at_roots_read(&r, file(1, "")));
	forget(&r);
}

static void a_file_is_read_once_for_each_state(void **state)
{
	struct at_roots r = {0};
	(void)state;
	assert_true(at_roots_read(&r, file(1, "")));
	X509_STORE *first = r.store;
	assert_true(at_roots_read(&r, path));
	assert_ptr_equal(r.store, first);
	assert_true(at_roots_read(&r, file(2, "")));
	assert_int_equal(r.size, 2 * (sizeof(certificate) - 1));
	forget(&r);
}

static uint32_t forked; /* the fork has been inside (atomic) */

static void *fork_once(void *unused)
{
	at_gate_fork_prepare();
	__atomic_store_n(&forked, 1, __ATOMIC_RELEASE);
	at_gate_fork_parent();
	return unused;
}

static void a_fork_goes_first(void **state)
{
	struct at_roots r = {0};
	pthread_t id;
	(void)state;
	at_gate_enter();
	assert_int_equal(pthread_create(&id, NULL, fork_once, NULL), 0);
	while (!__atomic_load_n(&at_gate_wanted, __ATOMIC_ACQUIRE))
		usleep(1000);
	assert_true(at_roots_read(&r, file(2, "")));
	assert_int_equal(__atomic_load_n(&forked, __ATOMIC_ACQUIRE), 1);
	at_gate_leave();
	pthread_join(id, NULL);
	forget(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken),
		cmocka_unit_test(a_file_is_read_once_for_each_state),
		cmocka_unit_test(a_fork_goes_first),
	};
	return cmocka_run_group_tests(tests, make_path, remove_path);
}
