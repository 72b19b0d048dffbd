/*
 * What a runtime says about a thread, against what the other rules would say.
 */
#include "corridor.h"

#include "flow/bridge.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

/* Two requests that came in, and a connection to call over. */
static int a, b, out, a_peer, b_peer, out_peer;
static uint64_t of_a, of_b; /* their tokens */

static int open_lines(void **state)
{
	clean_corridor(state);
	a = served(&a_peer);
	b = served(&b_peer);
	out = called(&out_peer);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	of_a = at_bridge_current();
	at_shore_wait(AT_CLOCK_NEVER);
	comes(b_peer, b, "GET /B HTTP/1.1\r\nHost: h\r\n\r\n");
	of_b = at_bridge_current();
	return 0;
}

static int close_lines(void **state)
{
	(void)state;
	at_bridge_leave(NULL);
	closing(a);
	closing(b);
	closing(out);
	close(a_peer);
	close(b_peer);
	close(out_peer);
	return 0;
}

static void call(const char *path)
{
	char text[100];
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
	goes(out, text);
	comes(out_peer, out, answer);
}

static void answer_both(void)
{
	goes(a, answer);
	goes(b, answer);
}

/* "/A" or "-", and the rule. */
static void is_made_by(const char *path, const char *parent, const char *rule)
{
	char url[60];
	snprintf(url, sizeof(url), "http://h%s", path);
	struct at_span *child = span_with("url.full", url);
	assert_string_equal(value(child, "autotrace.link.rule"), rule);
	if (parent[0] == '-')
		assert_true(is_root(child));
	else
		assert_true(is_child(child, span_with("url.path", parent)));
}

static void tokens_name_requests_until_they_are_answered(void **state)
{
	(void)state;
	assert_true(of_a && of_b && of_a != of_b);
	assert_true(at_bridge_open(of_a));
	goes(a, answer);
	assert_false(at_bridge_open(of_a));
	assert_true(at_bridge_open(of_b));
	assert_false(at_bridge_open(0));
	assert_false(at_bridge_open(~0ull));
	goes(b, answer);
	assert_int_equal(at_bridge_current(), 0);
}

static void what_the_runtime_says_counts_and_nests(void **state)
{
	struct at_bridge_frame outer, inner;
	(void)state;
	at_bridge_enter(of_a, false, &outer);
	assert_int_equal(at_bridge_current(), of_a);
	call("/one");
	at_bridge_enter(0, false, &inner);
	assert_int_equal(at_bridge_current(), 0);
	call("/two");
	at_bridge_leave(&inner);
	call("/three");
	at_bridge_leave(&outer);
	assert_false(at_bridge_is_on());
	call("/four");
	answer_both();
	is_made_by("/one", "/A", "bridge");
	is_made_by("/two", "-", "none");
	is_made_by("/three", "/A", "bridge");
	is_made_by("/four", "/B", "loop");
}

static void a_request_that_is_over_is_nobody_s_parent(void **state)
{
	struct at_bridge_frame frame;
	(void)state;
	goes(a, answer);
	at_bridge_enter(of_a, false, &frame);
	call("/late");
	at_bridge_leave(&frame);
	goes(b, answer);
	is_made_by("/late", "-", "none");
}

static void what_is_read_in_a_stretch_is_its_request_when_it_reads(void **state)
{
	struct at_bridge_frame frame;
	uintptr_t conn, again;
	(void)state;
	answer_both();
	at_bridge_enter(0, false, &frame);
	assert_int_equal(at_bridge_event(NULL), 0);
	comes(a_peer, a, "GET /A1 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(at_bridge_current(), 0);
	assert_true(at_bridge_open(at_bridge_event(&conn)));
	goes(a, answer);
	at_bridge_leave(&frame);
	at_bridge_enter(0, true, &frame);
	assert_int_equal(at_bridge_event(NULL), 0);
	comes(a_peer, a, "GET /A2 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(at_bridge_event(&again), at_bridge_current());
	assert_true(conn == again);
	call("/inside");
	comes(b_peer, b, "GET /part");
	call("/outside");
	at_bridge_leave(&frame);
	goes(a, answer);
	is_made_by("/inside", "/A2", "bridge");
	is_made_by("/outside", "-", "none");
}

/* A server's worker in a pool: it reads, calls, reads the answer, and calls again. */
static void a_job_goes_on_with_what_it_has_read(void **state)
{
	struct at_bridge_frame frame;
	(void)state;
	answer_both();
	at_bridge_enter_job(0, &frame);
	call("/before");
	comes(a_peer, a, "GET /A1 HTTP/1.1\r\nHost: h\r\n\r\n");
	call("/one");
	call("/two");
	goes(a, answer);
	call("/after");
	at_bridge_leave(&frame);
	is_made_by("/before", "-", "none");
	is_made_by("/one", "/A1", "bridge");
	is_made_by("/two", "/A1", "bridge");
	is_made_by("/after", "-", "none");
}

/* A pool's thread: each job begins when the one before is over. */
static void a_job_that_begins_ends_the_one_before(void **state)
{
	(void)state;
	at_bridge_begin_job(of_a);
	call("/one");
	at_bridge_begin_job(0);
	call("/two");
	at_bridge_begin_job(of_b);
	call("/three");
	at_shore_wait(AT_CLOCK_NEVER);
	call("/loop");
	answer_both();
	is_made_by("/one", "/A", "bridge");
	is_made_by("/two", "-", "none");
	is_made_by("/three", "/B", "bridge");
	is_made_by("/loop", "-", "none");
}

/* A read for one byte that finds nothing. */
static void look(int fd)
{
	char byte;
	struct iovec piece = {&byte, 1};
	ssize_t rc = recv(fd, &byte, 1, MSG_DONTWAIT);
	assert_int_equal(rc, -1);
	at_shore_read(fd, &piece, 1, rc);
}

/* A look at a connection tells whose it is; a job's thread may write there for others. */
static void a_pool_s_connection_is_whose_it_was_taken_for(void **state)
{
	(void)state;
	at_bridge_begin_job(of_a);
	call("/new");
	look(out);
	at_bridge_begin_job(of_b);
	call("/taken");
	look(out);
	at_bridge_begin_job(0);
	look(out);
	at_bridge_begin_job(of_b);
	call("/by-nobody");
	call("/again");
	at_bridge_leave(NULL);
	answer_both();
	is_made_by("/new", "/A", "bridge");
	is_made_by("/taken", "/A", "loop");
	is_made_by("/by-nobody", "-", "none");
	is_made_by("/again", "/B", "bridge");
}

/* What a selector has read it goes on with, while its events are told apart. */
static void at_hand_is_what_belongs_to_the_event(void **state)
{
	(void)state;
	assert_int_equal(at_bridge_current(), of_b);
	assert_int_equal(at_bridge_at_hand(), 0);
	at_bridge_begin_event();
	assert_int_equal(at_bridge_at_hand(), 0);
	comes(a_peer, a, "GET /A1 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(at_bridge_at_hand() != 0);
	assert_int_equal(at_bridge_at_hand(), at_bridge_current());
	at_bridge_end_event();
	assert_int_equal(at_bridge_current(), 0);
	at_bridge_begin_job(of_b);
	assert_int_equal(at_bridge_at_hand(), of_b);
	at_bridge_leave(NULL);
	goes(a, answer);
	answer_both();
}

static void a_wait_ends_the_event_and_not_the_task(void **state)
{
	struct at_bridge_frame frame;
	(void)state;
	assert_int_equal(at_bridge_event(NULL), of_b);
	at_shore_wait(AT_CLOCK_NEVER);
	assert_int_equal(at_bridge_event(NULL), 0);
	at_bridge_enter(of_a, false, &frame);
	at_shore_wait(AT_CLOCK_NEVER);
	call("/after");
	at_bridge_leave(&frame);
	answer_both();
	is_made_by("/after", "/A", "bridge");
}

static void an_owner_that_was_told_of_makes_the_next_call(void **state)
{
	struct at_bridge_frame frame;
	(void)state;
	assert_false(at_bridge_own(a, of_a));
	assert_true(at_bridge_own(out, of_a));
	call("/first");
	call("/second");
	at_bridge_enter(of_a, false, &frame);
	assert_true(at_bridge_own(out, 0));
	call("/third");
	assert_true(at_bridge_own(out, of_b));
	call("/fourth");
	at_bridge_leave(&frame);
	answer_both();
	is_made_by("/first", "/A", "bridge");
	is_made_by("/second", "-", "none");
	is_made_by("/third", "-", "none");
	is_made_by("/fourth", "/B", "bridge");
}

static void accepting_is_known_until_the_next_wait(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	answer_both();
	assert_true(at_bridge_accepted() != 0);
	at_shore_wait(AT_CLOCK_NEVER);
	assert_true(at_bridge_accepted() == 0);
	closing(fd);
	close(peer);
	fd = served(&peer);
	assert_true(at_bridge_accepted() != 0);
	at_bridge_accepted_over();
	assert_true(at_bridge_accepted() == 0);
	closing(fd);
	close(peer);
}

/* What a runtime answers, in the tests: two variables. */
static uint64_t runtime_token;
static uintptr_t runtime_place;

static uint64_t token_here(void)
{
	return runtime_token;
}

static uintptr_t place_here(void)
{
	return runtime_place;
}

static void the_runtime_s_context_is_asked_first(void **state)
{
	static const struct at_bridge_answers answers = {token_here, place_here};
	struct at_bridge_frame frame;
	(void)state;
	runtime_place = 1;
	at_bridge_ask(&answers);
	at_bridge_enter(of_b, true, &frame);
	runtime_token = of_a;
	call("/context");
	runtime_token = 0;
	call("/stretch");
	goes(a, answer);
	runtime_token = of_a;
	call("/over");
	runtime_token = 0;
	comes(a_peer, a, "GET /A2 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(at_bridge_event(NULL) != 0);
	call("/event");
	runtime_place = 2;
	assert_int_equal(at_bridge_event(NULL), 0);
	call("/elsewhere");
	at_bridge_leave(&frame);
	at_bridge_ask(NULL);
	answer_both();
	is_made_by("/context", "/A", "bridge");
	is_made_by("/stretch", "/B", "bridge");
	is_made_by("/over", "/B", "bridge");
	is_made_by("/elsewhere", "/B", "bridge");
	is_made_by("/event", "/A2", "bridge");
}

static void an_event_goes_along_to_one_context(void **state)
{
	static const struct at_bridge_answers answers = {token_here, place_here};
	(void)state;
	answer_both();
	at_bridge_ask(&answers);
	runtime_place = 1;
	comes(a_peer, a, "GET /A3 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(at_bridge_event_outside(NULL), 0);
	assert_true(at_bridge_event_enters());
	assert_false(at_bridge_event_enters());
	runtime_place = 2;
	assert_true(at_bridge_event_outside(NULL) != 0);
	runtime_place = 3;
	assert_int_equal(at_bridge_event_outside(NULL), 0);
	runtime_place = 2;
	assert_true(at_bridge_event_outside(NULL) != 0);
	at_bridge_event_over();
	assert_int_equal(at_bridge_event_outside(NULL), 0);
	at_bridge_ask(NULL);
	goes(a, answer);
}

static void what_was_told_is_counted_while_it_is_open(void **state)
{
	uint32_t count = 5;
	(void)state;
	assert_true(at_bridge_serve(a) == of_a);
	assert_int_equal(count, 5);
	at_bridge_count_in(&count);
	assert_true(at_bridge_serve(b) == of_b);
	assert_int_equal(count, 6);
	answer_both();
	assert_int_equal(count, 5);
	comes(a_peer, a, "GET /A2 HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_true(at_bridge_serve(a) != 0);
	assert_true(at_bridge_serve(a) == 0);
	assert_int_equal(count, 6);
	at_bridge_count_in(NULL);
	assert_int_equal(count, 5);
	goes(a, answer);
	assert_int_equal(count, 5);
}

/* The last test: it is said for ever. */
static void where_strands_change_places_the_context_alone_counts(void **state)
{
	static const struct at_bridge_answers answers = {token_here, place_here};
	(void)state;
	at_bridge_ask(&answers);
	runtime_token = 0;
	call("/before");
	assert_false(at_bridge_is_on());
	at_bridge_blur();
	assert_true(at_bridge_is_on());
	call("/nobody");
	runtime_token = of_a;
	call("/strand");
	runtime_token = 0;
	call("/owned");
	at_bridge_ask(NULL);
	answer_both();
	is_made_by("/before", "/B", "loop");
	is_made_by("/nobody", "-", "none");
	is_made_by("/strand", "/A", "bridge");
	is_made_by("/owned", "-", "none");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_lines, close_lines)
	const struct CMUnitTest tests[] = {
		TEST(tokens_name_requests_until_they_are_answered),
		TEST(what_the_runtime_says_counts_and_nests),
		TEST(a_request_that_is_over_is_nobody_s_parent),
		TEST(what_is_read_in_a_stretch_is_its_request_when_it_reads),
		TEST(a_job_goes_on_with_what_it_has_read),
		TEST(a_job_that_begins_ends_the_one_before),
		TEST(a_pool_s_connection_is_whose_it_was_taken_for),
		TEST(at_hand_is_what_belongs_to_the_event),
		TEST(a_wait_ends_the_event_and_not_the_task),
		TEST(an_owner_that_was_told_of_makes_the_next_call),
		TEST(accepting_is_known_until_the_next_wait),
		TEST(the_runtime_s_context_is_asked_first),
		TEST(an_event_goes_along_to_one_context),
		TEST(what_was_told_is_counted_while_it_is_open),
		TEST(where_strands_change_places_the_context_alone_counts),
	};
	return cmocka_run_group_tests(tests, start_corridor, NULL);
}
