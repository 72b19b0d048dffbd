/*
 * Connections and the descriptors that lead to them: what a descriptor is, duplicates, ends, forks.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "conn/conn.h"

static int listening(int domain, struct sockaddr_storage *at, socklen_t *len)
{
	int fd = socket(domain, SOCK_STREAM, 0);
	*len = sizeof(*at);
	memset(at, 0, sizeof(*at));
	at->ss_family = (sa_family_t)domain;
	if (domain == AF_UNIX)
		*len = sizeof(sa_family_t);
	if (domain == AF_INET6)
		((struct sockaddr_in6 *)at)->sin6_addr = in6addr_loopback;
	if (domain == AF_INET)
		((struct sockaddr_in *)at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)at, *len), 0);
	assert_int_equal(listen(fd, 4), 0);
	*len = sizeof(*at);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, len), 0);
	return fd;
}

static void connected(int domain, int ends[2])
{
	struct sockaddr_storage at;
	socklen_t len;
	int listener = listening(domain, &at, &len);
	ends[1] = socket(domain, SOCK_STREAM, 0);
	assert_int_equal(connect(ends[1], (struct sockaddr *)&at, len), 0);
	ends[0] = accept(listener, NULL, NULL);
	assert_true(ends[0] >= 0);
	close(listener);
}

static void forget(int fd)
{
	struct at_conn *c = at_conn_detach(fd, AT_FD_UNKNOWN);
	if (c)
		at_conn_free(c);
	close(fd);
}

/* First use: the word says what it is; only connections get an object. */
static void first_use_tells_what_a_descriptor_is(void **state)
{
	struct sockaddr_storage at;
	socklen_t len;
	int tube[2];
	(void)state;
	assert_int_equal(pipe(tube), 0);
	const struct {
		int fd;
		uintptr_t word;
	} rows[] = {
		{open("/dev/null", O_RDWR), AT_FD_BORING},
		{tube[0], AT_FD_BORING},
		{socket(AF_INET, SOCK_DGRAM, 0), AT_FD_BORING},
		{socket(AF_UNIX, SOCK_SEQPACKET, 0), AT_FD_BORING},
		{socket(AF_NETLINK, SOCK_RAW, 0), AT_FD_BORING},
		{socket(AF_INET, SOCK_STREAM, 0), AT_FD_FRESH},
		{socket(AF_UNIX, SOCK_STREAM, 0), AT_FD_FRESH},
		{listening(AF_INET, &at, &len), AT_FD_LISTENER},
		{listening(AF_INET6, &at, &len), AT_FD_LISTENER},
		{listening(AF_UNIX, &at, &len), AT_FD_LISTENER},
		{500, AT_FD_BORING}, /* not open */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(at_fdmap_get(rows[i].fd), AT_FD_UNKNOWN);
		assert_null(at_conn_lock(rows[i].fd));
		assert_int_equal(at_fdmap_get(rows[i].fd), rows[i].word);
		assert_null(at_conn_lock(rows[i].fd));
		at_fdmap_swap(rows[i].fd, AT_FD_UNKNOWN);
		close(rows[i].fd);
	}
	assert_null(at_conn_lock(-1));
}

static void a_connection_found_in_use_is_undecided_and_knows_its_peer(void **state)
{
	static const int domains[] = {AF_INET, AF_INET6, AF_UNIX};
	(void)state;
	for (int i = 0; i < 3; i++) {
		int ends[2];
		connected(domains[i], ends);
		struct at_conn *c = at_conn_lock(ends[0]);
		assert_non_null(c);
		assert_int_equal(c->role, AT_CONN_UNDECIDED);
		assert_false(c->peer_known);
		assert_int_equal(at_conn_peer(ends[0], c)->family, domains[i]);
		assert_true(c->peer_known);
		at_conn_unlock(c);
		assert_ptr_equal(at_conn_lock_known(ends[0]), c);
		at_conn_unlock(c);
		forget(ends[0]);
		assert_int_equal(at_fdmap_get(ends[0]), AT_FD_UNKNOWN);
		close(ends[1]);
	}
}

static void duplicates_share_one_and_the_last_finishes_it(void **state)
{
	int ends[2];
	(void)state;
	connected(AF_UNIX, ends);
	struct at_conn *c = at_conn_new(ends[0], AT_CONN_SERVER);
	at_conn_unlock(c);
	int copy = dup(ends[0]), third = dup(ends[0]);
	at_conn_share(ends[0], copy);
	at_conn_share(copy, third);
	assert_ptr_equal(at_conn_lock(third), c);
	at_conn_unlock(c);
	assert_null(at_conn_detach(ends[0], AT_FD_UNKNOWN));
	assert_null(at_conn_detach(third, AT_FD_UNKNOWN));
	assert_null(at_conn_detach(third, AT_FD_UNKNOWN));
	assert_ptr_equal(at_conn_detach(copy, AT_FD_UNKNOWN), c);
	at_conn_free(c);
	close(ends[0]);
	close(ends[1]);
	close(copy);
	close(third);
}

static void duplicates_of_others_are_what_those_are(void **state)
{
	(void)state;
	at_fdmap_swap(600, AT_FD_LISTENER);
	at_conn_share(600, 601);
	assert_int_equal(at_fdmap_get(601), AT_FD_LISTENER);
	at_fdmap_swap(600, AT_FD_OWN);
	at_conn_share(600, 601);
	assert_int_equal(at_fdmap_get(601), AT_FD_UNKNOWN);
	at_fdmap_swap(600, AT_FD_UNKNOWN);
}

static void when_it_is_over_every_descriptor_becomes_boring(void **state)
{
	int ends[2];
	(void)state;
	connected(AF_UNIX, ends);
	int copy = dup(ends[0]);
	struct at_conn *c = at_conn_new(ends[0], AT_CONN_SERVER);
	at_conn_unlock(c);
	at_conn_share(ends[0], copy);
	assert_ptr_equal(at_conn_lock(ends[0]), c);
	c->over = true;
	at_conn_leave(c, ends[0]);
	assert_int_equal(at_fdmap_get(ends[0]), AT_FD_BORING);
	assert_ptr_equal(at_conn_lock(copy), c);
	at_conn_leave(c, copy);
	assert_int_equal(at_fdmap_get(copy), AT_FD_BORING);
	assert_null(at_conn_lock(copy));
	forget(ends[0]);
	forget(copy);
	close(ends[1]);
}

/* What a loop waits for keeps the mark through all that it may turn out to be. */
static void what_is_watched_is_so_until_it_is_closed(void **state)
{
	struct sockaddr_storage at;
	socklen_t len;
	int ends[2], tube[2];
	(void)state;
	connected(AF_UNIX, ends);
	assert_int_equal(pipe(tube), 0);
	const struct {
		int fd;
		uintptr_t word;
	} rows[] = {
		{tube[0], AT_FD_EVENTS},
		{socket(AF_INET, SOCK_DGRAM, 0), AT_FD_EVENTS},
		{socket(AF_INET, SOCK_STREAM, 0), AT_FD_FRESH | AT_FD_WATCHED},
		{listening(AF_INET, &at, &len), AT_FD_LISTENER},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int times = 0; times < 2; times++) {
			at_conn_watch(rows[i].fd);
			assert_int_equal(at_fdmap_get(rows[i].fd), rows[i].word);
			assert_null(at_conn_lock(rows[i].fd));
		}
		at_fdmap_swap(rows[i].fd, AT_FD_BORING);
		at_conn_watch(rows[i].fd);
		assert_int_equal(at_fdmap_get(rows[i].fd), AT_FD_EVENTS);
		forget(rows[i].fd);
	}
	at_fdmap_swap(600, AT_FD_OWN);
	at_conn_watch(600);
	assert_int_equal(at_fdmap_get(600), AT_FD_OWN);
	at_fdmap_swap(600, AT_FD_UNKNOWN);
	at_fdmap_swap(ends[0], AT_FD_FRESH);
	at_conn_watch(ends[0]);
	struct at_conn *c = at_conn_new(ends[0], AT_CONN_CLIENT);
	assert_true(at_conn_is_watched(c));
	c->over = true;
	at_conn_leave(c, ends[0]);
	assert_int_equal(at_fdmap_get(ends[0]), AT_FD_EVENTS | AT_FD_SPEAKS);
	at_fdmap_swap(ends[0], AT_FD_UNKNOWN);
	at_conn_watch(ends[0]);
	c = at_conn_lock_known(ends[0]);
	assert_true(at_conn_is_watched(c));
	at_conn_unlock(c);
	forget(ends[0]);
	c = at_conn_new(ends[1], AT_CONN_CLIENT);
	assert_false(at_conn_is_watched(c));
	at_conn_unlock(c);
	forget(ends[1]);
	close(tube[1]);
}

/* Many threads look at a descriptor for the first time: they find one connection. */
static int raced;
static struct at_conn *found[8];
static pthread_barrier_t start;

static void *look(void *place)
{
	pthread_barrier_wait(&start);
	struct at_conn *c = at_conn_lock(raced);
	*(struct at_conn **)place = c;
	if (c)
		at_conn_unlock(c);
	return NULL;
}

static void first_looks_at_once_find_the_same(void **state)
{
	(void)state;
	for (int round = 0; round < 200; round++) {
		int ends[2];
		pthread_t id[8];
		connected(AF_UNIX, ends);
		raced = ends[0];
		pthread_barrier_init(&start, NULL, 8);
		for (int i = 0; i < 8; i++)
			assert_int_equal(pthread_create(&id[i], NULL, look, &found[i]), 0);
		for (int i = 0; i < 8; i++)
			pthread_join(id[i], NULL);
		for (int i = 0; i < 8; i++) {
			assert_non_null(found[i]);
			assert_ptr_equal(found[i], found[0]);
		}
		pthread_barrier_destroy(&start);
		forget(ends[0]);
		close(ends[1]);
	}
}

/* A child finds a connection that another thread of its parent was working on: over, untouched. */
static void half_done_in_the_parent_is_over_in_the_child(void **state)
{
	int ends[2], status;
	static char talk[64];
	(void)state;
	connected(AF_UNIX, ends);
	struct at_conn *c = at_conn_new(ends[0], AT_CONN_SERVER);
	c->talk = talk; /* and stays locked */
	pid_t child = fork();
	if (child == 0) {
		at_lock_after_fork();
		struct at_conn *seen = at_conn_lock(ends[0]);
		int faults = seen != c || !seen->over || seen->talk != NULL;
		at_conn_leave(seen, ends[0]);
		faults += at_fdmap_get(ends[0]) != AT_FD_BORING;
		_exit(faults);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	c->talk = NULL;
	at_conn_unlock(c);
	forget(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_use_tells_what_a_descriptor_is),
		cmocka_unit_test(a_connection_found_in_use_is_undecided_and_knows_its_peer),
		cmocka_unit_test(duplicates_share_one_and_the_last_finishes_it),
		cmocka_unit_test(duplicates_of_others_are_what_those_are),
		cmocka_unit_test(when_it_is_over_every_descriptor_becomes_boring),
		cmocka_unit_test(what_is_watched_is_so_until_it_is_closed),
		cmocka_unit_test(first_looks_at_once_find_the_same),
		cmocka_unit_test(half_done_in_the_parent_is_over_in_the_child),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
