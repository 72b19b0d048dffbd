/*
 * The changed write: where lines go, what the kernel did not take, what happens without memory.
 */
#include "corridor.h"

#include <sys/mman.h>

#include "base/counter.h"
#include "base/pool.h"
#include "base/slab.h"
#include "flow/inject.h"

#define LINES "GET /x HTTP/1.1\r\nHost: h\r\n"
#define LINE  (13 + 55 + 2) /* "traceparent: …\r\n" */

static struct at_edits *plan(int fd, const char *text)
{
	struct iovec iov = {(void *)text, strlen(text)};
	return at_shore_plan(fd, &iov);
}

/* Gives the plan back unsent. */
static void drop(struct at_edits *e)
{
	if (e)
		at_inject_free(NULL, e);
}

static void a_line_goes_in_front_of_the_empty_one(void **state)
{
	static const struct {
		const char *text;
		ptrdiff_t at; /* -1: nothing is changed */
	} rows[] = {
		{LINES "\r\n", sizeof(LINES) - 1},
		{LINES "\r\nbody", sizeof(LINES) - 1},
		{LINES "\r", sizeof(LINES) - 1}, /* the last moment */
		{LINES, -1},
		{"GET / HTTP/1.1\n\n", 15},
		{"GET", -1},
		{"PRI * HTTP/2.0\r\n\r\n", -1},
		{"hello", -1},
		{"", -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int peer, fd = called(&peer);
		struct at_edits *e = plan(fd, rows[i].text);
		assert_int_equal(e != NULL, rows[i].at >= 0);
		if (e) {
			assert_int_equal(e->count, 1);
			assert_int_equal(e->edit[0].at, rows[i].at);
			assert_int_equal(e->edit[0].text_len, LINE);
			assert_false(e->edit[0].replaces);
		}
		drop(e);
		closing(fd);
		close(peer);
	}
}

static void so_many_heads_of_one_write_are_changed(void **state)
{
	char text[40 * 30] = "";
	int peer, fd = called(&peer);
	uint64_t skipped = at_counter_get(AT_COUNT_inject_skipped);
	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(text, LINES "\r\n");
	struct at_edits *e = plan(fd, text);
	assert_int_equal(e->count, AT_INJECT_EDITS);
	for (uint32_t i = 0; i < e->count; i++)
		assert_int_equal(e->edit[i].at, i * (sizeof(LINES) + 1) + sizeof(LINES) - 1);
	drop(e);
	goes(fd, text);
	assert_int_equal(at_counter_get(AT_COUNT_inject_skipped) - skipped, 40 - AT_INJECT_EDITS);
	closing(fd);
	close(peer);
	assert_int_equal(finished, 40);
}

static void body_is_not_looked_at(void **state)
{
	int peer, fd = called(&peer);
	(void)state;
	goes(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 60\r\n\r\n");
	struct iovec bad = {(void *)8, 60};
	assert_null(at_shore_plan(fd, &bad));
	assert_null(plan(fd, LINES "\r\n"));
	goes(fd, "123456789012345678901234567890123456789012345678901234567890");
	struct at_edits *e = plan(fd, LINES "\r\n");
	assert_non_null(e);
	drop(e);
	closing(fd);
	close(peer);
}

static volatile int interrupting;
static volatile bool passed;

static void interrupt(int unused)
{
	(void)unused;
	passed = at_shore_pass(interrupting);
}

/* A signal handler that interrupts our own work writes a part of a head that nobody sees. */
static void what_follows_unseen_bytes_is_left_alone(void **state)
{
	int peer, fd = called(&peer);
	uint64_t lost = at_counter_get(AT_COUNT_conns_lost_sync);
	(void)state;
	goes(fd, "GET /a HTTP/1.1\r\nHost: h\r\n");
	interrupting = fd;
	signal(SIGUSR1, interrupt);
	at_thread_enter();
	raise(SIGUSR1);
	at_thread_leave();
	assert_true(passed);
	assert_int_equal(at_counter_get(AT_COUNT_conns_lost_sync), lost + 1);
	assert_null(plan(fd, LINES "\r\n"));
	goes(fd, LINES "\r\n");
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	closing(fd);
	close(peer);
}

static void what_cannot_be_read_is_left_to_the_kernel(void **state)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int peer, fd = called(&peer);
	(void)state;
	mprotect(page + 4096, 4096, PROT_NONE);
	memcpy(page + 4096 - sizeof(LINES) + 1, LINES, sizeof(LINES) - 1);
	struct iovec half = {page + 4096 - sizeof(LINES) + 1, 200}, bad = {page + 4096, 5};
	struct iovec *lost = (struct iovec *)(page + 4096);
	struct msghdr msg = {.msg_iov = lost, .msg_iovlen = 1};
	struct iovec huge[2] = {{page, SIZE_MAX}, {page, 2}};
	assert_null(at_shore_plan(fd, &half));
	assert_null(at_shore_plan(fd, &bad));
	assert_null(at_shore_plan_vector(fd, lost, 2));
	assert_null(at_shore_plan_vector(fd, NULL, 2));
	assert_null(at_shore_plan_vector(fd, huge, 2));
	assert_null(at_shore_plan_vector(fd, huge, 5000));
	assert_null(at_shore_plan_vector(fd, huge, 0));
	assert_null(at_shore_plan_message(fd, &msg));
	assert_null(at_shore_plan_message(fd, (struct msghdr *)lost));
	assert_null(at_shore_plan_message(fd, NULL));
	goes(fd, LINES "\r\n");
	assert_non_null(strstr(arrived(peer), "traceparent: "));
	closing(fd);
	close(peer);
	munmap(page, 8192);
}

static void a_server_s_answers_are_not_looked_at(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	assert_null(plan(fd, LINES "\r\n"));
	closing(fd);
	close(peer);
}

/* ---- left-overs ---- */

static ssize_t most; /* bytes that "the kernel" takes in one call; -1: EAGAIN */

static ssize_t short_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	char all[4000];
	size_t n = 0;
	if (most < 0) {
		errno = EAGAIN;
		return -1;
	}
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		memcpy(all + n, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
		n += msg->msg_iov[i].iov_len;
	}
	return send(fd, all, n < (size_t)most ? n : (size_t)most, flags);
}

/* Writes text to its end, at most `step` bytes on the wire in each call; what comes back is
 * checked. */
static void goes_in_steps(int fd, const char *text, ssize_t step)
{
	size_t done = 0, n = strlen(text);
	for (int turn = 0; done < n; turn++) {
		most = turn % 4 == 3 ? -1 : step;
		struct iovec iov = {(void *)(text + done), n - done};
		struct at_edits *e = at_shore_plan(fd, &iov);
		ssize_t rc;
		if (e)
			rc = at_shore_send(fd, &iov, 1, NULL, 0, e);
		else
			rc = most < 0 ? (errno = EAGAIN, -1)
				      : write(fd, text + done,
					      n - done < (size_t)most ? n - done : (size_t)most);
		at_shore_wrote(fd, &iov, 1, rc);
		if (rc < 0)
			assert_true(errno == EAGAIN);
		assert_true(rc != 0 && rc <= (ssize_t)(n - done));
		done += rc > 0 ? (size_t)rc : 0;
		assert_true(turn < 10000);
	}
}

static void is_whole(const char *got, const char *text, int heads)
{
	char rest[4000];
	size_t n = 0;
	for (const char *p = got; *p;) {
		if (strncmp(p, "traceparent: ", 13) == 0) {
			heads--;
			p += LINE;
			assert_memory_equal(p - 2, "\r\n", 2);
		} else {
			rest[n++] = *p++;
		}
	}
	rest[n] = '\0';
	assert_string_equal(rest, text);
	assert_int_equal(heads, 0);
}

static const char two[] = LINES "\r\nPOST /y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";

static void left_overs_go_first_at_any_step(void **state)
{
	(void)state;
	at_libc.sendmsg = short_sendmsg;
	for (ssize_t step = 1; step < 200; step++) {
		int peer, fd = called(&peer);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		goes_in_steps(fd, two, step);
		is_whole(arrived_in_all(fd, peer), two, 2);
		closing(fd);
		close(peer);
	}
	at_libc.sendmsg = sendmsg;
}

/* When memory runs out in the middle of a line of ours, its rest still goes first. */
static void left_overs_need_no_memory(void **state)
{
	int peer, fd = called(&peer);
	static void *taken[100000];
	int n = 0;
	(void)state;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	at_libc.sendmsg = short_sendmsg;
	struct iovec iov = {(void *)(LINES "\r\n"), sizeof(LINES) + 1};
	most = (ssize_t)sizeof(LINES) + 20; /* in the middle of ours */
	struct at_edits *e = at_shore_plan(fd, &iov);
	assert_int_equal(at_shore_send(fd, &iov, 1, NULL, 0, e), sizeof(LINES) - 1);
	at_shore_wrote(fd, &iov, 1, sizeof(LINES) - 1);
	at_slab_limit(at_slab_mapped());
	static const size_t sizes[] = {256, 1024, 4096, 16384, 65536, AT_POOL_MAX};
	for (int i = 0; i < 6; i++)
		for (void *p; n < 100000 && (p = at_pool_get(sizes[i], NULL)); n++)
			taken[n] = p;
	assert_true(n < 100000);
	most = 5;
	iov = (struct iovec){(void *)"\r\n", 2};
	for (int turn = 0; iov.iov_len; turn++) {
		e = at_shore_plan(fd, &iov);
		ssize_t rc = e ? at_shore_send(fd, &iov, 1, NULL, 0, e)
			       : write(fd, iov.iov_base, iov.iov_len);
		at_shore_wrote(fd, &iov, 1, rc);
		if (rc > 0)
			iov = (struct iovec){(char *)iov.iov_base + rc, iov.iov_len - (size_t)rc};
		assert_true(turn < 100);
	}
	at_libc.sendmsg = sendmsg;
	while (n)
		at_pool_put(taken[--n]);
	at_slab_limit((size_t)64 << 20);
	is_whole(arrived_in_all(fd, peer), LINES "\r\n", 1);
	closing(fd);
	close(peer);
}

/* A body by sendfile behind a line that has not left yet: the line first, or EAGAIN. */
static void left_overs_go_before_a_file(void **state)
{
	int peer, fd = called(&peer);
	(void)state;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	at_libc.sendmsg = short_sendmsg;
	struct iovec iov = {(void *)(LINES "\r"), sizeof(LINES)};
	most = (ssize_t)sizeof(LINES) + 20;
	struct at_edits *e = at_shore_plan(fd, &iov);
	assert_int_equal(at_shore_send(fd, &iov, 1, NULL, 0, e), sizeof(LINES) - 1);
	most = -1;
	errno = 0;
	assert_false(at_shore_flush_own(fd));
	assert_int_equal(errno, EAGAIN);
	most = 10;
	while (!at_shore_flush_own(fd))
		assert_int_equal(errno, EAGAIN);
	at_libc.sendmsg = sendmsg;
	assert_int_equal(strlen(arrived(peer)), sizeof(LINES) - 1 + LINE);
	closing(fd);
	close(peer);
}

/* As many pieces as the kernel takes at once, and ours between them: all of it goes. */
static void as_many_pieces_as_there_may_be(void **state)
{
	static struct iovec iov[1024];
	static char text[1025] = "GET /";
	int peer, fd = called(&peer);
	(void)state;
	memset(text + 5, 'a', 1024 - 5);
	memcpy(text + 1024 - 22, " HTTP/1.1\r\nHost: h\r\n\r\n", 22);
	for (int i = 0; i < 1024; i++)
		iov[i] = (struct iovec){text + i, 1};
	struct at_edits *e = at_shore_plan_vector(fd, iov, 1024);
	assert_non_null(e);
	assert_int_equal(at_shore_send(fd, iov, 1024, NULL, 0, e), 1024);
	at_shore_wrote(fd, iov, 1024, 1024);
	is_whole(arrived_in_all(fd, peer), text, 1);
	closing(fd);
	close(peer);
}

#define TEST(name) cmocka_unit_test_setup(name, clean_corridor)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_line_goes_in_front_of_the_empty_one),
		TEST(so_many_heads_of_one_write_are_changed),
		TEST(body_is_not_looked_at),
		TEST(what_follows_unseen_bytes_is_left_alone),
		TEST(what_cannot_be_read_is_left_to_the_kernel),
		TEST(a_server_s_answers_are_not_looked_at),
		TEST(left_overs_go_first_at_any_step),
		TEST(left_overs_need_no_memory),
		TEST(left_overs_go_before_a_file),
		TEST(as_many_pieces_as_there_may_be),
	};
	return cmocka_run_group_tests(tests, start_corridor, NULL);
}
