/*
 * The table of descriptors: words, pages, ranges, and the descriptors of our own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fdmap.h"

#define BEYOND (int)(AT_FDMAP_PAGE * AT_FDMAP_PAGES)

static void unknown_until_told_boring_beyond_the_map(void **state)
{
	static const int strange[] = {-1, -4096, BEYOND, 0x7fffffff};
	uintptr_t word = AT_FD_BORING;
	(void)state;
	assert_int_equal(at_fdmap_get(700000), AT_FD_UNKNOWN);
	assert_int_equal(at_fdmap_swap(700000, AT_FD_LISTENER), AT_FD_UNKNOWN);
	assert_int_equal(at_fdmap_get(700000), AT_FD_LISTENER);
	assert_int_equal(at_fdmap_swap(700000, AT_FD_UNKNOWN), AT_FD_LISTENER);
	assert_int_equal(at_fdmap_get(BEYOND - 1), AT_FD_UNKNOWN);
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		assert_int_equal(at_fdmap_get(strange[i]), AT_FD_BORING);
		assert_int_equal(at_fdmap_swap(strange[i], AT_FD_LISTENER), AT_FD_BORING);
		word = AT_FD_UNKNOWN;
		assert_false(at_fdmap_cas(strange[i], &word, AT_FD_LISTENER));
		assert_int_equal(word, AT_FD_BORING);
		assert_int_equal(at_fdmap_get(strange[i]), AT_FD_BORING);
	}
}

static void exchange_needs_the_expected_word(void **state)
{
	uintptr_t word = AT_FD_BORING;
	(void)state;
	assert_false(at_fdmap_cas(9000, &word, AT_FD_LISTENER));
	assert_int_equal(word, AT_FD_UNKNOWN);
	assert_true(at_fdmap_cas(9000, &word, AT_FD_LISTENER));
	assert_int_equal(at_fdmap_get(9000), AT_FD_LISTENER);
	at_fdmap_swap(9000, AT_FD_UNKNOWN);
}

/* Nothing is mapped for a descriptor of which there is nothing to say. */
static void forgetting_the_unknown_maps_no_page(void **state)
{
	(void)state;
	assert_null(at_fdmap_pages[100]);
	at_fdmap_swap(100 * (int)AT_FDMAP_PAGE + 5, AT_FD_UNKNOWN);
	assert_null(at_fdmap_pages[100]);
}

struct seen {
	int fd[8];
	int n;
};

static void see(int fd, uintptr_t word, void *arg)
{
	struct seen *s = arg;
	assert_int_equal(word, AT_FD_BORING);
	assert_true(s->n < 8);
	s->fd[s->n++] = fd;
}

static void a_range_has_its_ends_and_skips_empty_pages(void **state)
{
	static const int set[] = {4096, 8191, 8192, 500000, BEYOND - 1};
	struct seen s = {.n = 0};
	(void)state;
	for (int i = 0; i < 5; i++)
		at_fdmap_swap(set[i], AT_FD_BORING);
	at_fdmap_each(4096, ~0u, see, &s);
	assert_int_equal(s.n, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(s.fd[i], set[i]);
	s.n = 0;
	at_fdmap_each(4097, 8191, see, &s);
	assert_int_equal(s.n, 1);
	s.n = 0;
	at_fdmap_each(8193, 8000, see, &s);
	at_fdmap_each(~0u, ~0u, see, &s);
	assert_int_equal(s.n, 0);
	for (int i = 0; i < 5; i++)
		at_fdmap_swap(set[i], AT_FD_UNKNOWN);
}

static void ours_is_moved_high_and_closed_on_exec(void **state)
{
	struct rlimit limit;
	int low = open("/dev/null", O_WRONLY);
	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	int high = at_fdmap_move_high(low);
	assert_true(high > 100 && (rlim_t)high < limit.rlim_cur && high < 1024);
	assert_int_equal(fcntl(low, F_GETFD), -1);
	assert_int_equal(fcntl(high, F_GETFD), FD_CLOEXEC);
	assert_int_equal(at_fdmap_get(high), AT_FD_OWN);
	assert_true(at_fdmap_is_own(high));
	at_fdmap_disown(high);
	assert_false(at_fdmap_is_own(high));
	assert_int_equal(at_fdmap_get(high), AT_FD_UNKNOWN);
	close(high);
}

static void what_changed_hands_is_no_longer_ours(void **state)
{
	int pipe_ends[2];
	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	int high = at_fdmap_move_high(open("/dev/null", O_WRONLY));
	assert_true(at_fdmap_is_own(high));
	assert_int_equal(dup2(pipe_ends[0], high), high);
	assert_false(at_fdmap_is_own(high));
	assert_int_equal(at_fdmap_get(high), AT_FD_UNKNOWN);
	high = at_fdmap_move_high(dup(pipe_ends[1]));
	close(high);
	assert_false(at_fdmap_is_own(high));
	close(pipe_ends[0]);
	close(pipe_ends[1]);
}

/* A program may have as few descriptors as it likes: then ours stays where it is. */
static void without_a_high_place_ours_stays_low(void **state)
{
	struct rlimit limit, tight;
	int low = open("/dev/null", O_WRONLY);
	(void)state;
	getrlimit(RLIMIT_NOFILE, &limit);
	tight = limit;
	tight.rlim_cur = (rlim_t)low + 1;
	setrlimit(RLIMIT_NOFILE, &tight);
	int got = at_fdmap_move_high(low);
	setrlimit(RLIMIT_NOFILE, &limit);
	assert_int_equal(got, low);
	assert_true(at_fdmap_is_own(low));
	at_fdmap_disown(low);
	close(low);
}

/* Stretches between ours, as closing a range needs them. */
static void the_first_of_ours_in_a_range(void **state)
{
	(void)state;
	int a = at_fdmap_move_high(open("/dev/null", O_WRONLY));
	int b = at_fdmap_move_high(open("/dev/null", O_WRONLY));
	assert_true(b > a);
	assert_int_equal(at_fdmap_own_in(0, ~0u), a);
	assert_int_equal(at_fdmap_own_in((unsigned)a, (unsigned)a), a);
	assert_int_equal(at_fdmap_own_in((unsigned)a + 1, ~0u), b);
	assert_int_equal(at_fdmap_own_in((unsigned)b + 1, ~0u), -1);
	assert_int_equal(at_fdmap_own_in(0, (unsigned)a - 1), -1);
	at_fdmap_disown(a);
	assert_int_equal(at_fdmap_own_in(0, ~0u), b);
	at_fdmap_disown(b);
	assert_int_equal(at_fdmap_own_in(0, ~0u), -1);
	close(a);
	close(b);
}

/* More than there are places: those are simply not hidden; none is lost or mixed up. */
static void the_list_of_ours_has_an_end(void **state)
{
	int fd[40];
	int owned = 0;
	(void)state;
	for (int i = 0; i < 40; i++) {
		fd[i] = open("/dev/null", O_WRONLY);
		at_fdmap_own(fd[i]);
		owned += at_fdmap_get(fd[i]) == AT_FD_OWN;
	}
	assert_true(owned >= 12 && owned < 40);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(at_fdmap_is_own(fd[i]), i < owned);
		at_fdmap_disown(fd[i]);
		close(fd[i]);
	}
}

struct parted {
	bool apart;     /* what at_fdmap_part said */
	int low;        /* the number of a descriptor opened afterwards */
	bool sees;      /* the program's descriptor is still there */
	uintptr_t word; /* what the map says of ours */
};

static void *part(void *arg)
{
	struct parted *p = arg;
	p->apart = at_fdmap_part();
	p->sees = fcntl(p->low, F_GETFD) >= 0;
	int fd = eventfd(0, 0);
	p->low = at_fdmap_move_high(fd);
	p->word = at_fdmap_get(p->low);
	return NULL;
}

static void a_thread_apart_takes_no_number_and_keeps_none(void **state)
{
	pthread_t id;
	int pair[2];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	struct parted p = {.low = pair[0]};
	assert_int_equal(pthread_create(&id, NULL, part, &p), 0);
	pthread_join(id, NULL);
	if (!p.apart) {
		print_message(
			"no tables of descriptors of one's own: this kernel lacks close_range\n");
		skip();
	}
	assert_false(p.sees);
	assert_int_equal(p.low, 3);
	assert_int_not_equal(p.word, AT_FD_OWN);
	assert_true(fcntl(pair[0], F_GETFD) >= 0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_until_told_boring_beyond_the_map),
		cmocka_unit_test(exchange_needs_the_expected_word),
		cmocka_unit_test(forgetting_the_unknown_maps_no_page),
		cmocka_unit_test(a_range_has_its_ends_and_skips_empty_pages),
		cmocka_unit_test(ours_is_moved_high_and_closed_on_exec),
		cmocka_unit_test(what_changed_hands_is_no_longer_ours),
		cmocka_unit_test(without_a_high_place_ours_stays_low),
		cmocka_unit_test(the_first_of_ours_in_a_range),
		cmocka_unit_test(the_list_of_ours_has_an_end),
		cmocka_unit_test(a_thread_apart_takes_no_number_and_keeps_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
