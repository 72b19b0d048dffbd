/*
 * Who caused whom: each rule, and each case in which no parent must be claimed, as a script.
 *
 *   A? request comes in on connection A      A! it is answered      A- A is closed
 *   a+ connection a is opened                a? call over it        a! its answer comes in   a-
 * closed W wait by events, V for a minute, w until a time that has passed, Z not at all   L wait
 * for new connections   P poll of everything there is   p poll of one   a. A. a look whether
 * anything has come   A~ its client ends its stream   U time is up for what is held back
 *
 * Digits are descriptors that speak no HTTP. 1 and 2: a pipe, 3: a connection made here, 4: one
 * accepted here, for all of which a loop waits; 5: a connection made here that is read when its
 * answer is needed; 6: a pipe; 7: one accepted here on which somebody begins to speak TLS.
 *
 *   1< something comes and is read   1. a look whether anything has come   1- it is closed
 *   3> something is written
 *
 * "1:" in front of a step: on thread 1 (0 without). Expected: "a1=A1/thread": the first call on a
 * has the first request of A for its parent, by that rule; "a1=-/none": it is a root.
 */
#include "corridor.h"

#include <ctype.h>
#include <pthread.h>
#include <semaphore.h>

#include "flow/exchange.h"

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

static struct {
	int fd, peer; /* -1: not open */
	int requests; /* so far */
} line[128];          /* by letter or digit */

static struct hand {
	pthread_t id;
	sem_t go, done;
	const char *step; /* NULL: the end */
} hands[3];

static void request(int letter)
{
	char text[200];
	bool server = isupper(letter);
	snprintf(text, sizeof(text), "GET /%c%d HTTP/1.1\r\nHost: h\r\n\r\n", letter,
		 ++line[letter].requests);
	if (server)
		comes(line[letter].peer, line[letter].fd, text);
	else
		goes(line[letter].fd, text);
}

static void wait_for(char what)
{
	struct pollfd fds[20] = {{.fd = -1}};
	nfds_t n = 0;
	if (what == 'W')
		at_shore_wait(AT_CLOCK_NEVER);
	if (what == 'V')
		at_shore_wait(at_shore_due(60000));
	if (what == 'w')
		at_shore_wait(at_shore_due(1));
	if (what == 'Z')
		at_shore_wait(at_shore_due(0));
	if (what == 'L')
		at_shore_accepting(-1);
	if (what == 'U')
		look_after(at_shore_now() + 3 * 1000000000ull);
	for (int i = 0; i < 128 && (what == 'P' || what == 'p'); i++)
		if (line[i].fd >= 0 && (what == 'P' || n == 0))
			fds[n++].fd = line[i].fd;
	if (n > 1)
		at_shore_waited_poll(fds, n, AT_CLOCK_NEVER);
}

static void open_strange(int digit)
{
	int ends[2];
	if (strchr("126", digit)) {
		assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
		line[digit].fd = ends[0];
		line[digit].peer = ends[1];
	} else if (digit == '4' || digit == '7') {
		line[digit].fd = served(&line[digit].peer);
	} else {
		line[digit].fd = called(&line[digit].peer);
	}
	if (strchr("12347", digit))
		at_shore_watched(line[digit].fd, true);
}

static void look_in_vain(int fd)
{
	struct iovec byte = {&(char){0}, 1};
	int flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	ssize_t rc = read(fd, byte.iov_base, 1);
	assert_int_equal(rc, -1);
	fcntl(fd, F_SETFL, flags);
	errno = EAGAIN;
	at_shore_read(fd, &byte, 1, rc);
}

static void perform_strange(int digit, int op)
{
	if (line[digit].fd < 0)
		open_strange(digit);
	if (op == '>')
		goes(line[digit].fd, "\1\2\3\4");
	else if (op == '<')
		comes(line[digit].peer, line[digit].fd, digit == '7' ? "\26\3\1\1" : "\5\6\7");
	else if (op == '.')
		look_in_vain(line[digit].fd);
	if (op != '-')
		return;
	closing(line[digit].fd);
	close(line[digit].peer);
	line[digit].fd = -1;
}

static void perform(const char *step)
{
	int letter = step[0], op = step[1];
	if (isdigit(letter)) {
		perform_strange(letter, op);
		return;
	}
	if (op == '\0' || op == ' ') {
		wait_for(step[0]);
		return;
	}
	if (line[letter].fd < 0)
		line[letter].fd =
			isupper(letter) ? served(&line[letter].peer) : called(&line[letter].peer);
	if (op == '?') {
		request(letter);
	} else if (op == '!' && isupper(letter)) {
		goes(line[letter].fd, answer);
	} else if (op == '!') {
		comes(line[letter].peer, line[letter].fd, answer);
	} else if (op == '.') {
		struct iovec byte = {&(char){0}, 1};
		ssize_t rc = recv(line[letter].fd, byte.iov_base, 1, MSG_DONTWAIT);
		at_shore_read(line[letter].fd, &byte, 1, rc);
	} else if (op == '~') {
		shutdown(line[letter].peer, SHUT_WR);
		assert_int_equal(hook_read(line[letter].fd, &(char){0}, 1), 0);
	} else if (op == '-') {
		closing(line[letter].fd);
		close(line[letter].peer);
		line[letter].fd = -1;
	}
}

static void *obey(void *arg)
{
	struct hand *h = arg;
	for (;;) {
		sem_wait(&h->go);
		if (!h->step)
			return NULL;
		perform(h->step);
		sem_post(&h->done);
	}
}

static void run(const char *script)
{
	for (int i = 0; i < 128; i++)
		line[i].fd = -1, line[i].requests = 0;
	for (int i = 0; i < 3; i++) {
		sem_init(&hands[i].go, 0, 0);
		sem_init(&hands[i].done, 0, 0);
		assert_int_equal(pthread_create(&hands[i].id, NULL, obey, &hands[i]), 0);
	}
	for (const char *s = script; *s; s += strcspn(s, " "), s += strspn(s, " ")) {
		struct hand *h = &hands[s[1] == ':' ? s[0] - '0' : 0];
		h->step = s[1] == ':' ? s + 2 : s;
		sem_post(&h->go);
		sem_wait(&h->done);
	}
	for (int i = 0; i < 3; i++) {
		hands[i].step = NULL;
		sem_post(&hands[i].go);
		pthread_join(hands[i].id, NULL);
	}
	at_defer_release_all();
	for (int i = 0; i < 128; i++)
		if (line[i].fd >= 0) {
			closing(line[i].fd);
			close(line[i].peer);
		}
}

/* "a1=A1/thread" */
static void expect(const char *script, const char *wanted)
{
	char call[40], parent[40], rule[20];
	sscanf(wanted, "%[^=]=%[^/]/%[^ ]", call, parent, rule);
	char url[60], path[60];
	snprintf(url, sizeof(url), "http://h/%s", call);
	snprintf(path, sizeof(path), "/%s", parent);
	struct at_span *child = span_with("url.full", url);
	bool fits =
		parent[0] == '-' ? is_root(child) : is_child(child, span_with("url.path", path));
	const char *got = value(child, "autotrace.link.rule");
	if (!fits)
		fail_msg("\"%s\": %s is not a child of %s (rule %s)", script, call, parent, got);
	for (char *c = rule; *c; c++)
		*c = *c == '_' ? ' ' : *c;
	if (strcmp(got, rule) != 0)
		fail_msg("\"%s\": %s is linked by rule %s, not %s", script, call, got, rule);
}

static void every_script(void **state)
{
	static const struct {
		const char *script, *expected;
	} rows[] = {
		/* A worker that blocks. */
		{"L A? a? a! A!", "a1=A1/thread"},
		{"L A? a? a! a? a! b? b! A!", "a1=A1/thread a2=A1/thread b1=A1/thread"},
		{"L A? p a? p a! p A!", "a1=A1/thread"},
		{"A? a? a! A! A? a? a! A!", "a1=A1/thread a2=A2/thread"},
		{"A? A! a? a!", "a1=-/none"},
		{"A? a? a! A! a? a!", "a1=A1/thread a2=-/none"},
		{"A? A! L a? a!", "a1=-/none"},
		{"a? a!", "a1=-/none"},
		/* Two workers, each with its own. */
		{"A? 1:B? a? 1:b? 1:b! a! 1:B! A!", "a1=A1/thread b1=B1/thread"},
		{"A? 1:B? b? 1:a? A! 1:B!", "b1=A1/thread a1=B1/thread"},
		/* Connections that are kept and lent from one to the other. */
		{"A? a? a! A! 1:B? 1:a? 1:a! 1:B!", "a1=A1/thread a2=B1/thread"},
		/* A loop: the event being served decides. */
		{"W A? a? W B? b? W a! A! W b! B!", "a1=A1/loop b1=B1/loop"},
		{"W A? a? W B? b? W a! c? W b! d? W c! A! d! B!",
		 "a1=A1/loop b1=B1/loop c1=A1/loop d1=B1/loop"},
		{"W A? a+ W B? b+ W a? W b? W a! A! b! B!", "a1=A1/loop b1=B1/loop"},
		{"W A? W B? W a? a! A! B!", "a1=-/none"},
		{"W A? W B? W A! W B! W a?", "a1=-/none"},
		{"W A? B? a? a! A! B!", "a1=-/none"},
		{"A+ B+ P A? P B? a? P A! B!", "a1=B1/loop"},
		/* A loop's other events: a timer, a pipe, a database. */
		{"W A? a? 1< b? b! a! A!", "a1=A1/loop b1=-/none"},
		{"W 1+ A? a? 1- b? b! a! A!", "a1=A1/loop b1=-/none"},
		{"W A? 1< a? a! A!", "a1=-/none"},
		{"W A? a? 3> W A! B? b? 3< c? c! b! B!", "a1=A1/loop b1=B1/loop c1=-/none"},
		{"W A? a? 4< b? b! A? 4< c? c! a! A! A!", "b1=-/none c1=-/none"},
		{"W A? a? 7< b? b! a! A!", "a1=A1/loop b1=-/none"},
		{"W A? a? 1< a! b? b! A!", "a1=A1/loop b1=A1/loop"},
		{"W A? a? 1< B? b? a! b! A! B!", "b1=B1/loop"},
		{"W 1+ A? 1< B? b? b! A! B!", "b1=-/none"},
		{"W 1+ A? 1< W 2< B? b? b! A! B!", "b1=B1/loop"},
		{"A+ B+ 6+ P A? a? 6< b? b! a! A!", "a1=A1/loop b1=-/none"},
		/* What it does for a request that makes no call yet shows that it works in order.
		 */
		{"W A? 3> B? b? b! A! B!", "b1=B1/loop"},
		{"W A? 3> B? 3> C? c? c! A! B! C!", "c1=C1/loop"},
		{"W A? 1+ B? b? b! A! B!", "b1=B1/loop"},
		{"5+ W A? 5> B? b? b! A! B!", "b1=-/none"},
		/* Looked for in vain, asked for by the request itself, or no loop's at all. */
		{"W A? 1. 3. a? a! A!", "a1=A1/loop"},
		{"W A? 5> 5< a? a! A!", "a1=A1/loop"},
		{"W A? 6< 6- a? a! A!", "a1=A1/loop"},
		{"A? 1< 4< a? a! A!", "a1=A1/thread"},
		/* Events that bring nothing to read. */
		{"W A? a? W B? b? A! c? c! a! b! B!", "b1=B1/loop c1=-/none"},
		{"W A? a+ W B? b? a? c? c! a! A! b! B!", "a1=A1/loop c1=-/none"},
		{"W A? a? B+ B~ b? b! a! A!", "a1=A1/loop b1=-/none"},
		{"W B? b? W A? a? B~ c? c! a! A! b! B!", "c1=B1/loop"},
		/* A loop's timers, when its wait has ended by its time-out. */
		{"W A? a? W b? b! a! A!", "b1=-/none"},
		/* Its timers after the events of a round: when the time is up for which it waits.
		 */
		{"V A? a? a! b? b! A!", "a1=A1/loop b1=A1/loop"},
		{"w A? a? a! A!", "a1=-/none"},
		{"Z A? a? a! A!", "a1=-/none"},
		{"V A? a+ w B? a? a! A! B!", "a1=A1/loop"},
		/* A timer's that gives a call up and makes it elsewhere. */
		{"V A? a? w a- b? b! A!", "a1=A1/loop b1=A1/loop"},
		{"V A? a? Z a- b? b! A!", "a1=A1/loop b1=A1/loop"},
		{"w A? V B? b? b! A! B!", "b1=B1/loop"},
		/* A loop in a loop. */
		{"W A? a? W a! b? b! W c? c! A!", "b1=A1/loop c1=-/none"},
		/* Another thread's call. */
		{"A? 1:a? 1:a! A!", "a1=-/none"},
		{"1:B? 1:B! A? 1:a? 1:a! A!", "a1=A1/only_one"},
		{"1:B? 1:B! A? C? 1:a? 1:a! A! C!", "a1=-/none"},
		{"1:B? 1:B! A? 1:a? C? 1:a! C! A!", "a1=-/none"},
		{"A? W a? a! A!", "a1=-/none"},
		{"A? B? 1:a? 1:a! A! B!", "a1=-/none"},
		{"A? 1:a? B? 1:a! B! A!", "a1=-/none"},
		{"A? A! 1:a?", "a1=-/none"},
		/* Lent by a pool to one thread, written by another. */
		{"1:a? 1:a! A? 1:B? a. 2:a? 2:a! A! 1:B!", "a1=-/none a2=A1/loop"},
		{"1:a? 1:a! A? 1:B? a. 1:a. 2:a? 2:a! A! 1:B!", "a2=B1/loop"},
		{"1:a? 1:a! A? 1:B? 2:C? a. A! 0:a? a! 1:B! 2:C!", "a2=-/none"},
		{"1:a? 1:a! A? 1:B? a? a. a! 2:a? 2:a! A! 1:B!", "a2=A1/thread a3=-/none"},
		{"1:a? 1:a! W A? 1:B? a. 2:a? 2:a! A! 1:B!", "a2=-/none"},
		/* Pipelined requests are served in their order. */
		{"A? A? a? a! A! b? b! A!", "a1=A1/thread b1=A2/thread"},
		/* The client goes away while it is being served. */
		{"A? A- a? a!", "a1=-/none"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clean_corridor(NULL);
		run(rows[i].script);
		for (const char *e = rows[i].expected; *e;
		     e += strcspn(e, " "), e += strspn(e, " "))
			expect(rows[i].script, e);
	}
}

/* ---- deferred ---- */

/* Thread 1 has shown that it answers what it works on, in a program that serves others besides.
 */
#define SHOWN                                                      \
	"2:Z? 2:Y? A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:A! 1:A. " \
	"A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:A! 1:A. "           \
	"A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:A! 1:A. "           \
	"A? 1:a? 1:a! 1:A! 1:A. "

static void workers_that_are_handed_requests(void **state)
{
	static const struct {
		const char *script, *expected;
	} rows[] = {
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:b? 1:b! 1:A!",
		 "a1=-/none a7=-/none a8=-/none a9=A9/deferred b1=A9/deferred"},
		/* Too early to be believed. */
		{SHOWN "A? 1:a? 1:a! 1:A!", "a8=-/none"},
		/* A request that was not there when the call was made; and then nothing is
		   believed. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. 1:a? 1:a! A? 1:A!", "a9=-/none"},
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. 1:a? 1:a! A? 1:A! 1:A. A? 1:a? 1:a! 1:A!",
		 "a9=-/none a10=-/none"},
		/* Something else in between. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:B? 1:B! 1:A!", "a9=-/none"},
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:L 1:A!", "a9=-/none"},
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:B- 1:A!", "a9=-/none"},
		/* Work that goes on after the answer. */
		{SHOWN "A? 1:a? 1:a! 1:A! A? 1:a? 1:a! 1:A!", "a9=-/none"},
		/* Answered by another thread. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! A!", "a9=-/none"},
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 2:a! 1:A!", "a9=-/none"},
		/* In a loop; and answered by a loop, once it has waited. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. 1:W A? 1:a? 1:a! 1:A!", "a9=-/none"},
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. W B? W B! A? 1:a? 1:a! 1:A!", "a9=-/none"},
		/* Later than anybody waits. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! U 1:A!", "a9=-/none"},
		/* The request's trace is told already: a link. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? c? c! 1:a? 1:a! 1:A!",
		 "c1=A9/thread a9=-/deferred"},
		/* As many as are held. */
		{SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? 1:a? 1:a! 1:a? 1:a! 1:a? 1:a! 1:a? 1:a! "
		       "1:a? 1:a! 1:a? 1:a! 1:a? 1:a! 1:a? 1:a! 1:a? 1:a! 1:A!",
		 "a9=A9/deferred a16=A9/deferred a17=-/none"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clean_corridor(NULL);
		run(rows[i].script);
		for (const char *e = rows[i].expected; *e;
		     e += strcspn(e, " "), e += strspn(e, " "))
			expect(rows[i].script, e);
	}
}

/* What was told before cannot be changed: the call stays in its trace and points to the request. */
static void a_deferred_call_is_linked_where_traces_cannot_be_joined(void **state)
{
	(void)state;
	run(SHOWN "A? 1:a? 1:a! 1:A! 1:A. A? c? c! 1:a? 1:a! 1:A!");
	struct at_span *call = span_with("url.full", "http://h/a9");
	struct at_span *served = span_with("url.path", "/A9");
	assert_int_equal(call->link_count, 1);
	assert_memory_equal(call->link[0].span_id, served->span_id, 8);
	assert_memory_equal(call->link[0].trace_id, served->trace_id, 16);
	assert_memory_not_equal(call->trace_id, served->trace_id, 16);
	assert_true(is_child(span_with("url.full", "http://h/c1"), served));
	assert_int_equal(served->link_count, 0);
}

/* ---- repeated ---- */

/* A loop that reads all there is before it works on any of it, as HAProxy does. */
static void a_loop_passes_on_what_it_has_read(void **state)
{
	int peer[4], in[4], out[4], out_peer[4];
	static const char *const text[4] = {
		"GET /a?x=1 HTTP/1.1\r\nHost: h\r\nUser-Agent: u\r\n\r\n",
		"GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /twin HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /twin HTTP/1.1\r\nHost: h\r\n\r\n",
	};
	(void)state;
	for (int i = 0; i < 4; i++) {
		in[i] = served(&peer[i]);
		out[i] = called(&out_peer[i]);
	}
	at_shore_wait(AT_CLOCK_NEVER);
	for (int i = 0; i < 4; i++)
		comes(peer[i], in[i], text[i]);
	at_shore_wait(0);
	goes(out[1], text[1]);
	goes(out[0], text[0]);
	goes(out[3], text[3]);
	goes(out[2], "GET /b HTTP/1.1\r\nHost: h\r\nUser-Agent: checker\r\n\r\n");
	for (int i = 0; i < 4; i++)
		comes(out_peer[i], out[i], answer);
	assert_true(is_root(span_with("url.full", "http://h/twin")));
	struct at_span *check = span_with("user_agent.original", "checker");
	assert_true(is_root(check));
	for (int i = 0; i < 4; i++)
		goes(in[i], answer);
	struct at_span *call = span_with("url.full", "http://h/a?x=1");
	assert_true(is_child(call, span_with("url.path", "/a")));
	assert_string_equal(value(call, "autotrace.link.rule"), "repeated");
	for (int i = 0; i < 4; i++) {
		closing(in[i]);
		closing(out[i]);
		close(peer[i]);
		close(out_peer[i]);
	}
}

/* ---- header ---- */

#define REMOTE "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static void a_passed_on_header_names_the_parent_against_all_other_rules(void **state)
{
	int a_peer, b_peer, out_peer;
	(void)state;
	int a = served(&a_peer), b = served(&b_peer), out = called(&out_peer);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\ntraceparent: " REMOTE "\r\n\r\n");
	comes(b_peer, b, "GET /B HTTP/1.1\r\nHost: h\r\n\r\n");
	goes(out, "GET /out HTTP/1.1\r\nHost: h\r\ntraceparent: " REMOTE "\r\n\r\n");
	comes(out_peer, out, answer);
	goes(a, answer);
	goes(b, answer);
	struct at_span *call = span_with("url.full", "http://h/out");
	assert_true(is_child(call, span_with("url.path", "/A")));
	assert_string_equal(value(call, "autotrace.link.rule"), "header");
	assert_string_equal(value(span_with("url.path", "/A"), "autotrace.link.rule"), "remote");
	closing(a);
	closing(b);
	closing(out);
	close(a_peer);
	close(b_peer);
	close(out_peer);
}

/* Answered requests are nobody's parents: the application's own context stays, without a span. */
static void a_header_of_an_answered_request_is_the_application_s(void **state)
{
	int a_peer, out_peer;
	(void)state;
	int a = served(&a_peer), out = called(&out_peer);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\ntraceparent: " REMOTE "\r\n\r\n");
	goes(a, answer);
	finished = 0;
	goes(out, "GET /out HTTP/1.1\r\nHost: h\r\ntraceparent: " REMOTE "\r\n\r\n");
	comes(out_peer, out, answer);
	assert_int_equal(finished, 0);
	closing(a);
	closing(out);
	close(a_peer);
	close(out_peer);
}

/* ---- inheritance ---- */

static void *call_once(void *arg)
{
	int peer, fd = called(&peer);
	goes(fd, arg);
	comes(peer, fd, answer);
	closing(fd);
	close(peer);
	return NULL;
}

static pthread_t born(void *(*start)(void *), void *arg)
{
	pthread_t id;
	at_shore_thread(&start, &arg);
	assert_int_equal(pthread_create(&id, NULL, start, arg), 0);
	return id;
}

static void on_a_new_thread(const char *text)
{
	pthread_join(born(call_once, (void *)text), NULL);
}

static sem_t proceed, stopped;

/* A helper that is not quite over when its request is. */
static void *linger(void *unused)
{
	(void)unused;
	sem_post(&stopped);
	sem_wait(&proceed);
	return NULL;
}

static void linger_beyond_the_answer(int fd)
{
	sem_init(&proceed, 0, 0);
	sem_init(&stopped, 0, 0);
	pthread_t id = born(linger, NULL);
	sem_wait(&stopped);
	goes(fd, answer);
	sem_post(&proceed);
	pthread_join(id, NULL);
}

/* Another thread's request. */
static void *take(void *ends)
{
	comes(((int *)ends)[0], ((int *)ends)[1], "GET /B HTTP/1.1\r\nHost: h\r\n\r\n");
	return NULL;
}

static void a_new_thread_inherits_what_its_creator_works_on(void **state)
{
	int a_peer, b_ends[2];
	pthread_t id;
	(void)state;
	b_ends[1] = served(&b_ends[0]);
	int a = served(&a_peer);
	assert_int_equal(pthread_create(&id, NULL, take, b_ends), 0);
	pthread_join(id, NULL);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int i = 0; i < 4; i++)
		on_a_new_thread("GET /too/early HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int i = 0; i < finished; i++)
		assert_true(is_root(&spans[i]));
	linger_beyond_the_answer(a);
	comes(a_peer, a, "GET /D HTTP/1.1\r\nHost: h\r\n\r\n");
	on_a_new_thread("GET /one HTTP/1.1\r\nHost: h\r\n\r\n");
	goes(a, answer);
	on_a_new_thread("GET /two HTTP/1.1\r\nHost: h\r\n\r\n");
	goes(b_ends[1], answer);
	at_defer_release_all();
	assert_string_equal(value(span_with("url.full", "http://h/two"), "autotrace.link.rule"),
			    "none");
	struct at_span *one = span_with("url.full", "http://h/one");
	assert_true(is_child(one, span_with("url.path", "/D")));
	assert_string_equal(value(one, "autotrace.link.rule"), "inherited");
	closing(a);
	closing(b_ends[1]);
	close(a_peer);
	close(b_ends[0]);
}

/* What it does while nobody asks, it does while somebody does. */
#define TWO(steps) steps steps

static void a_program_with_a_timer_has_no_only_ones(void **state)
{
	static const char script[] =
		"1:B? 1:B! t? t! " TWO(TWO(TWO(TWO("A? 1:a? 1:a! A! ")))) "A? 1:a? 1:a! A!";
	(void)state;
	run(script);
	expect(script, "a1=-/none");
	expect(script, "a15=-/none");
	expect(script, "a17=A17/only_one");
}

/* A pool's thread: two jobs. */
static void *serve_pool(void *unused)
{
	(void)unused;
	for (int job = 1; job <= 2; job++) {
		char text[80];
		sem_wait(&proceed);
		snprintf(text, sizeof(text), "GET /job/%d HTTP/1.1\r\nHost: h\r\n\r\n", job);
		call_once(text);
		sem_post(&stopped);
	}
	return NULL;
}

static void threads_that_stay_are_a_pool_s(void **state)
{
	int a_peer, b_ends[2];
	pthread_t id;
	(void)state;
	sem_init(&proceed, 0, 0);
	sem_init(&stopped, 0, 0);
	b_ends[1] = served(&b_ends[0]);
	int a = served(&a_peer);
	assert_int_equal(pthread_create(&id, NULL, take, b_ends), 0);
	pthread_join(id, NULL);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	id = born(serve_pool, NULL);
	goes(a, answer);
	comes(a_peer, a, "GET /C HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int job = 0; job < 2; job++) {
		sem_post(&proceed);
		sem_wait(&stopped);
	}
	pthread_join(id, NULL);
	on_a_new_thread("GET /doubted HTTP/1.1\r\nHost: h\r\n\r\n");
	at_defer_release_all();
	assert_true(is_root(span_with("url.full", "http://h/job/1")));
	assert_true(is_root(span_with("url.full", "http://h/job/2")));
	assert_true(is_root(span_with("url.full", "http://h/doubted")));
	goes(a, answer);
	goes(b_ends[1], answer);
	closing(a);
	closing(b_ends[1]);
	close(a_peer);
	close(b_ends[0]);
}

static void a_thread_that_is_not_born_leaves_nothing(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	for (int i = 0; i < 100000; i++) {
		void *(*start)(void *) = call_once;
		void *arg = NULL;
		at_shore_thread(&start, &arg);
		assert_true(start != call_once && arg != NULL);
		at_shore_thread_failed(start, arg);
	}
	closing(fd);
	close(peer);
}

/* ---- environment ---- */

static void environment_is_the_parent(bool wanted)
{
	settings((const char *[]){"TRACEPARENT=" REMOTE, NULL});
	call_once((void *)"GET /cmd HTTP/1.1\r\nHost: h\r\n\r\n");
	struct at_span *call = span_with("url.full", "http://h/cmd");
	if (!wanted)
		assert_true(is_root(call));
	else
		assert_memory_equal(call->parent_id, "\xb7\xad\x6b\x71\x69\x20\x33\x31", 8);
	assert_string_equal(value(call, "autotrace.link.rule"), wanted ? "environment" : "none");
}

static void a_command_s_calls_have_the_environment_for_parent(void **state)
{
	(void)state;
	environment_is_the_parent(true);
}

static void a_server_s_calls_have_not(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	goes(fd, answer);
	environment_is_the_parent(false);
	closing(fd);
	close(peer);
}

/* ---- failed connections ---- */

static void a_failed_connect_is_the_request_s(void **state)
{
	int peer, fd = served(&peer), out = socket(AF_INET, SOCK_STREAM, 0);
	(void)state;
	comes(peer, fd, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	at_shore_socket(out, AF_INET, SOCK_STREAM);
	uint64_t began = at_shore_now();
	int rc = connect(out, (struct sockaddr *)&nowhere, sizeof(nowhere));
	assert_int_equal(rc, -1);
	at_shore_connected(out, (struct sockaddr *)&nowhere, sizeof(nowhere), rc, errno, began);
	closing(out);
	goes(fd, answer);
	struct at_span *call = span_with("error.type", "ECONNREFUSED");
	assert_true(is_child(call, span_with("url.path", "/A")));
	assert_int_equal(call->status, AT_STATUS_ERROR);
	assert_string_equal(value(call, "server.port"), "1");
	closing(fd);
	close(peer);
}

/* ---- connections that come about in the background ---- */

static int dialled(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	at_shore_socket(fd, AF_INET, SOCK_STREAM);
	at_shore_watched(fd, true);
	uint64_t began = at_shore_now();
	int rc = connect(fd, (const struct sockaddr *)to, sizeof(*to));
	at_shore_connected(fd, (const struct sockaddr *)to, sizeof(*to), rc, errno, began);
	return fd;
}

/* The loop is told that it may write, and asks whether all is well: it goes on for whom it dialled.
 */
static void a_connection_that_has_come_about_is_an_event(void **state)
{
	struct sockaddr_in at;
	int a_peer, b_peer, error = 0;
	(void)state;
	int a = served(&a_peer), b = served(&b_peer), listener = listening(&at);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	int out = dialled(&at);
	at_shore_wait(AT_CLOCK_NEVER);
	comes(b_peer, b, "GET /B HTTP/1.1\r\nHost: h\r\n\r\n");
	call_once((void *)"GET /b HTTP/1.1\r\nHost: h\r\n\r\n");
	at_shore_socket_error(out, &error, sizeof(error));
	call_once((void *)"GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
	goes(a, answer);
	goes(b, answer);
	assert_true(is_child(span_with("url.full", "http://h/a"), span_with("url.path", "/A")));
	assert_true(is_child(span_with("url.full", "http://h/b"), span_with("url.path", "/B")));
	closing(a);
	closing(b);
	closing(out);
	closing(listener);
	close(a_peer);
	close(b_peer);
}

/* It may have been put into the loop's set before it was connected. */
static void what_a_loop_waited_for_early_is_its_event_too(void **state)
{
	struct sockaddr_in at;
	int a_peer;
	(void)state;
	int a = served(&a_peer), listener = listening(&at), database = dialled(&at);
	int other = accept(listener, NULL, NULL);
	fcntl(database, F_SETFL, 0);
	goes(database, "\1\2\3\4");
	at_shore_wait(AT_CLOCK_NEVER);
	comes(a_peer, a, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	comes(other, database, "\5\6\7");
	call_once((void *)"GET /late HTTP/1.1\r\nHost: h\r\n\r\n");
	goes(a, answer);
	assert_true(is_root(span_with("url.full", "http://h/late")));
	closing(a);
	closing(database);
	closing(listener);
	close(a_peer);
	close(other);
}

/* What a worker's thread does with requests that main has read: it asks about both connections (-1:
 * none), calls, and answers the first. */
static struct {
	int asks[2];
	bool answers;
} job;

static void *do_job(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2; i++)
		if (job.asks[i] >= 0)
			at_shore_asked_about(job.asks[i]);
	call_once((void *)"GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
	if (job.answers)
		goes(job.asks[0], answer);
	return NULL;
}

static void work(int first, int second, bool answers)
{
	pthread_t id;
	job.asks[0] = first;
	job.asks[1] = second;
	job.answers = answers;
	assert_int_equal(pthread_create(&id, NULL, do_job, NULL), 0);
	pthread_join(id, NULL);
}

/* Whether what a worker calls after it has asked about the connection is that request's. */
static bool is_taken(int fd, int peer, bool answers)
{
	clean_corridor(NULL);
	comes(peer, fd, "GET /A HTTP/1.1\r\nHost: h\r\n\r\n");
	work(fd, -1, answers);
	if (!answers)
		goes(fd, answer);
	struct at_span *call = span_with("url.full", "http://h/a");
	return strcmp(value(call, "autotrace.link.rule"), "taken") == 0 &&
	       is_child(call, span_with("url.path", "/A"));
}

static void who_asks_and_answers_has_taken_the_request(void **state)
{
	enum { MIN = 8 };
	int peer, other_peer;
	(void)state;
	int fd = served(&peer), other = served(&other_peer);
	for (int i = 0; i < MIN; i++)
		assert_false(is_taken(fd, peer, true));
	assert_true(is_taken(fd, peer, true));
	assert_true(is_taken(fd, peer, false));
	for (int i = 0; i < 2 * MIN; i++)
		assert_false(is_taken(fd, peer, true));
	assert_true(is_taken(fd, peer, true));
	/* One that looks around works for the last, if for anyone, and is not believed. */
	clean_corridor(NULL);
	comes(peer, fd, "GET /B HTTP/1.1\r\nHost: h\r\n\r\n");
	comes(other_peer, other, "GET /C HTTP/1.1\r\nHost: h\r\n\r\n");
	work(fd, other, false);
	goes(fd, answer);
	goes(other, answer);
	assert_true(is_root(span_with("url.full", "http://h/a")));
	closing(fd);
	closing(other);
	close(peer);
	close(other_peer);
}

#define TEST(name) cmocka_unit_test_setup(name, clean_corridor)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_script),
		TEST(a_loop_passes_on_what_it_has_read),
		TEST(workers_that_are_handed_requests),
		TEST(a_deferred_call_is_linked_where_traces_cannot_be_joined),
		TEST(a_command_s_calls_have_the_environment_for_parent),
		TEST(a_server_s_calls_have_not),
		TEST(a_passed_on_header_names_the_parent_against_all_other_rules),
		TEST(a_header_of_an_answered_request_is_the_application_s),
		TEST(a_new_thread_inherits_what_its_creator_works_on),
		TEST(a_program_with_a_timer_has_no_only_ones),
		TEST(threads_that_stay_are_a_pool_s),
		TEST(a_thread_that_is_not_born_leaves_nothing),
		TEST(a_failed_connect_is_the_request_s),
		TEST(a_connection_that_has_come_about_is_an_event),
		TEST(who_asks_and_answers_has_taken_the_request),
		TEST(what_a_loop_waited_for_early_is_its_event_too),
	};
	return cmocka_run_group_tests(tests, start_corridor, NULL);
}
