/*
 * Exchanges: references that outlive them, the only one, caps, the end of the process; and how
 * conversations end that nobody finished.
 */
#include "corridor.h"

#include <sys/wait.h>

#include "base/counter.h"
#include "flow/exchange.h"
#include "flow/talk.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
#define GET "GET /x HTTP/1.1\r\nHost: h\r\n\r\n"

static struct at_conn some_conn;

static struct at_talk *a_talk(void)
{
	return at_talk_of(&some_conn, -1);
}

static void a_reference_ends_with_its_exchange(void **state)
{
	struct at_context seen;
	(void)state;
	struct at_exchange *x = at_exchange_open(a_talk(), AT_SPAN_SERVER);
	struct at_ref r = at_exchange_ref(x);
	assert_true(at_exchange_valid(r));
	assert_false(at_exchange_identity(r, &seen)); /* no head yet */
	x->named = true;
	at_context_new_trace(&x->ctx);
	assert_true(at_exchange_identity(r, &seen));
	assert_memory_equal(seen.span_id, x->ctx.span_id, 8);
	at_exchange_drop(x);
	assert_false(at_exchange_valid(r));
	assert_false(at_exchange_identity(r, &seen));
	struct at_exchange *next = at_exchange_open(a_talk(), AT_SPAN_SERVER);
	assert_ptr_equal(next, x); /* the memory is used again */
	assert_false(at_exchange_valid(r));
	assert_true(at_exchange_valid(at_exchange_ref(next)));
	at_exchange_drop(next);
	assert_false(at_exchange_valid((struct at_ref){0}));
}

static void the_only_one_is_named_and_alone(void **state)
{
	uint64_t epoch;
	(void)state;
	assert_null(at_exchange_only_one(&epoch).exchange);
	struct at_exchange *a = at_exchange_open(a_talk(), AT_SPAN_SERVER);
	assert_null(at_exchange_only_one(&epoch).exchange); /* no head yet */
	a->named = true;
	assert_ptr_equal(at_exchange_only_one(&epoch).exchange, a);
	assert_true(at_exchange_epoch_is(epoch));
	struct at_exchange *call = at_exchange_open(a_talk(), AT_SPAN_CLIENT);
	assert_ptr_equal(at_exchange_only_one(&epoch).exchange, a); /* calls do not count */
	struct at_exchange *b = at_exchange_open(a_talk(), AT_SPAN_SERVER);
	b->named = true;
	assert_false(at_exchange_epoch_is(epoch));
	assert_null(at_exchange_only_one(&epoch).exchange);
	at_exchange_drop(a);
	assert_ptr_equal(at_exchange_only_one(&epoch).exchange, b);
	at_exchange_drop(b);
	at_exchange_drop(call);
}

static void a_connection_has_so_many_at_most(void **state)
{
	struct at_exchange *x[AT_TALK_EXCHANGES];
	(void)state;
	for (int i = 0; i < AT_TALK_EXCHANGES; i++)
		assert_non_null(x[i] = at_exchange_open(a_talk(), AT_SPAN_CLIENT));
	assert_null(at_exchange_open(a_talk(), AT_SPAN_CLIENT));
	at_exchange_drop(x[100]);
	assert_non_null(x[100] = at_exchange_open(a_talk(), AT_SPAN_CLIENT));
	for (int i = 0; i < AT_TALK_EXCHANGES; i++)
		at_exchange_drop(x[i]);
	assert_null(a_talk()->first);
	assert_null(a_talk()->last);
	assert_int_equal(a_talk()->count, 0);
}

/* What is open belongs to the parent process; the child neither reports nor counts it. */
static void a_child_reports_nothing_of_its_parent_s(void **state)
{
	int peer, fd = served(&peer), status;
	(void)state;
	comes(peer, fd, GET);
	pid_t child = fork();
	if (child == 0) {
		uint64_t epoch;
		int faults = at_exchange_serves();
		faults += at_exchange_only_one(&epoch).exchange != NULL;
		goes(fd, answer);
		closing(fd);
		faults += finished != 0;
		fd = served(&peer);
		comes(peer, fd, GET);
		faults += at_exchange_only_one(&epoch).exchange == NULL;
		goes(fd, answer);
		faults += finished != 1;
		_exit(faults);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	goes(fd, answer);
	assert_int_equal(finished, 1);
	closing(fd);
	close(peer);
}

static void the_end_of_the_process_reports_what_is_open(void **state)
{
	int a_peer, b_peer, c_peer;
	(void)state;
	int a = served(&a_peer), b = called(&b_peer), c = served(&c_peer);
	comes(a_peer, a, GET);
	goes(b, "GET /call HTTP/1.1\r\nHost: h\r\n\r\n");
	comes(c_peer, c, "GET /half"); /* no head: nothing to tell */
	at_exchange_close_all("process_exit");
	assert_int_equal(finished, 2);
	for (int i = 0; i < 2; i++)
		assert_string_equal(value(&spans[i], "error.type"), "process_exit");
	goes(a, answer); /* answered after all: told already */
	comes(b_peer, b, answer);
	assert_int_equal(finished, 2);
	closing(a);
	closing(b);
	closing(c);
	close(a_peer);
	close(b_peer);
	close(c_peer);
}

/* ---- conversations that end before their end ---- */

static void slam(int fd)
{
	struct linger now = {1, 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* The one span, which ended with this error. */
static void ended_with(const char *error, int kind)
{
	assert_int_equal(finished, 1);
	assert_string_equal(value(&spans[0], "error.type"), error);
	assert_int_equal(spans[0].kind, kind);
	assert_int_equal(spans[0].status, error[0] ? AT_STATUS_ERROR : AT_STATUS_UNSET);
	clean_corridor(NULL);
}

static void servers_that_do_not_answer(void **state)
{
	char buf[100];
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd, GET);
	closing(fd);
	close(peer);
	ended_with("connection_closed", AT_SPAN_SERVER);
	fd = served(&peer);
	comes(peer, fd, GET);
	close(peer);
	assert_int_equal(hook_read(fd, buf, sizeof(buf)), 0);
	closing(fd);
	ended_with("client_disconnected", AT_SPAN_SERVER);
	fd = served(&peer);
	comes(peer, fd, GET);
	slam(peer);
	usleep(10000);
	assert_int_equal(hook_read(fd, buf, sizeof(buf)), -1);
	closing(fd);
	ended_with("ECONNRESET", AT_SPAN_SERVER);
	fd = served(&peer);
	comes(peer, fd, GET);
	slam(peer);
	usleep(10000);
	hook_write(fd, answer, sizeof(answer) - 1);
	closing(fd);
	ended_with("ECONNRESET", AT_SPAN_SERVER);
}

static void answers_delimited_by_the_end(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd, "GET /x HTTP/1.0\r\n\r\n");
	goes(fd, "HTTP/1.0 200 OK\r\n\r\nsome text");
	assert_int_equal(finished, 0);
	at_shore_shut(fd, SHUT_RD);
	assert_int_equal(finished, 0);
	at_shore_shut(fd, SHUT_WR);
	assert_string_equal(value(&spans[0], "http.response.body.size"), "9");
	ended_with("", AT_SPAN_SERVER);
	closing(fd);
	close(peer);
	fd = served(&peer);
	comes(peer, fd, "GET /x HTTP/1.0\r\n\r\n");
	goes(fd, "HTTP/1.0 200 OK\r\n\r\n");
	closing(fd);
	close(peer);
	ended_with("", AT_SPAN_SERVER);
}

static void calls_that_get_no_answer(void **state)
{
	char buf[100];
	int peer, fd = called(&peer);
	(void)state;
	goes(fd, GET);
	closing(fd);
	close(peer);
	ended_with("abandoned", AT_SPAN_CLIENT);
	fd = called(&peer);
	goes(fd, GET);
	close(peer);
	usleep(10000);
	hook_read(fd, buf, sizeof(buf)); /* what we sent was not read: a reset */
	closing(fd);
	ended_with("ECONNRESET", AT_SPAN_CLIENT);
	fd = called(&peer);
	goes(fd, GET);
	arrived(peer);
	close(peer);
	assert_int_equal(hook_read(fd, buf, sizeof(buf)), 0);
	closing(fd);
	ended_with("connection_closed", AT_SPAN_CLIENT);
	struct timeval limit = {0, 10000};
	fd = called(&peer);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	goes(fd, GET);
	assert_int_equal(hook_read(fd, buf, sizeof(buf)), -1);
	closing(fd);
	close(peer);
	ended_with("timeout", AT_SPAN_CLIENT);
	fd = called(&peer);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	goes(fd, GET);
	assert_int_equal(hook_read(fd, buf, sizeof(buf)), -1); /* EAGAIN: no time-out here */
	closing(fd);
	close(peer);
	ended_with("abandoned", AT_SPAN_CLIENT);
}

static void tunnels_end_their_spans_and_are_left_alone(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd,
	      "GET /ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	goes(fd, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
	ended_with("", AT_SPAN_SERVER);
	comes(peer, fd, GET);
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	assert_int_equal(finished, 0);
	closing(fd);
	close(peer);
}

static void strangers_are_left_alone_at_once(void **state)
{
	uint64_t before = at_counter_get(AT_COUNT_conns_opaque);
	uint64_t encrypted = at_counter_get(AT_COUNT_conns_tls);
	uint64_t framed = at_counter_get(AT_COUNT_conns_http2);
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd, "SSH-2.0-OpenSSH\r\n");
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	closing(fd);
	close(peer);
	fd = called(&peer);
	goes(fd, "\x16\x03\x01"
		 "aa\x01"
		 "aaa\x03\x03"
		 "0123456789abcdef0123456789abcdef");
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	closing(fd);
	close(peer);
	fd = called(&peer);
	goes(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nbut no SETTINGS");
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	closing(fd);
	close(peer);
	assert_int_equal(finished, 0);
	assert_int_equal(at_counter_get(AT_COUNT_conns_opaque), before + 2);
	assert_int_equal(at_counter_get(AT_COUNT_conns_tls), encrypted + 1);
	assert_int_equal(at_counter_get(AT_COUNT_conns_http2), framed);
}

/* A second end is noticed, and from then on nothing is observed any more. */
static void a_request_that_ends_twice_turns_it_off(void **state)
{
	int peer, fd = served(&peer), other_peer, other;
	(void)state;
	comes(peer, fd, GET);
	struct at_conn *c = at_conn_lock_known(fd);
	struct at_exchange *x = ((struct at_talk *)c->talk)->first;
	at_exchange_drop(x);
	assert_false(at_fault_raised());
	at_exchange_drop(x);
	at_conn_unlock(c);
	assert_true(at_fault_raised());
	comes(peer, fd, GET);
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	other = served(&other_peer);
	comes(other_peer, other, GET);
	assert_int_equal(at_fdmap_get(other), AT_FD_BORING);
	assert_int_equal(finished, 0);
	at_fault_word = 0;
	closing(fd);
	closing(other);
	close(peer);
	close(other_peer);
}

/* A duplicate of a connection that is over makes no new talk. */
static void a_duplicate_of_a_stranger_is_boring_too(void **state)
{
	int peer, fd = called(&peer), copy = dup(fd);
	(void)state;
	at_shore_duplicated(fd, copy);
	goes(fd, "\x16\x03\x01");
	goes(copy, "\x16\x03\x01");
	goes(copy, GET);
	assert_int_equal(at_fdmap_get(copy), AT_FD_BORING);
	assert_null(strstr(arrived(peer), "traceparent"));
	closing(fd);
	closing(copy);
	close(peer);
}

static void a_conversation_over_two_descriptors_ends_with_the_last(void **state)
{
	int peer, fd = served(&peer), copy = dup(fd);
	(void)state;
	at_shore_duplicated(fd, copy);
	comes(peer, fd, GET);
	closing(fd);
	assert_int_equal(finished, 0);
	goes(copy, answer);
	ended_with("", AT_SPAN_SERVER);
	closing(copy);
	close(peer);
}

static void an_inherited_connection_is_what_its_first_bytes_say(void **state)
{
	int ends[2];
	(void)state;
	for (int round = 0; round < 2; round++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		at_shore_born(ends[0]);
		if (round == 0)
			comes(ends[1], ends[0], GET), goes(ends[0], answer);
		else
			goes(ends[0], GET), comes(ends[1], ends[0], answer);
		ended_with("", round == 0 ? AT_SPAN_SERVER : AT_SPAN_CLIENT);
		closing(ends[0]);
		close(ends[1]);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, clean_corridor)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_reference_ends_with_its_exchange),
		TEST(the_only_one_is_named_and_alone),
		TEST(a_connection_has_so_many_at_most),
		TEST(a_child_reports_nothing_of_its_parent_s),
		TEST(the_end_of_the_process_reports_what_is_open),
		TEST(servers_that_do_not_answer),
		TEST(answers_delimited_by_the_end),
		TEST(calls_that_get_no_answer),
		TEST(tunnels_end_their_spans_and_are_left_alone),
		TEST(a_request_that_ends_twice_turns_it_off),
		TEST(strangers_are_left_alone_at_once),
		TEST(a_duplicate_of_a_stranger_is_boring_too),
		TEST(a_conversation_over_two_descriptors_ends_with_the_last),
		TEST(an_inherited_connection_is_what_its_first_bytes_say),
	};
	return cmocka_run_group_tests(tests, start_corridor, NULL);
}
