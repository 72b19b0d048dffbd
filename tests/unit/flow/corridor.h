/*
 * What the tests of flow stand on: an exporter that keeps the spans, connections on loopback of
 * which the shore is told as the hooks would tell it, and the calls of a hook by hand. One per
 * program.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "export/export.h"
#include "flow/boot.h"
#include "flow/defer.h"
#include "flow/exchange.h"
#include "flow/shore.h"
#include "libc/libc.h"
#include "trace/propagate.h"

/* ---- the exporter ---- */

enum { SPANS = 600 };

static struct at_span spans[SPANS]; /* finished, in order */
static int finished;
static void *records[SPANS]; /* what their text points into */

bool at_export_boot(const struct at_config *config)
{
	(void)config;
	return true;
}

bool at_export_offer(const struct at_record_head *head, const char *name, const char *state,
		     const char *attrs, const struct at_record_link *links)
{
	size_t n = at_record_size(head);
	char *record = malloc(n);
	at_record_write(record, head, name, state, attrs, links);
	assert_true(finished < SPANS);
	free(records[finished]);
	records[finished] = record;
	assert_true(at_span_read(&spans[finished], record, n));
	assert_true(at_span_expand(&spans[finished]));
	finished++;
	return true;
}

static uint64_t (*look_after)(uint64_t now); /* what the exporter's thread would call */

void at_export_watch(uint64_t (*look)(uint64_t now))
{
	look_after = look;
}

void at_export_attend(uint64_t when)
{
	assert_true(when > at_shore_now());
}

int at_export_flush(unsigned timeout_ms)
{
	(void)timeout_ms;
	return 0;
}

void at_export_exit(unsigned timeout_ms)
{
	(void)timeout_ms;
}

void at_export_exec(unsigned timeout_ms)
{
	(void)timeout_ms;
}

void at_export_fork_prepare(void)
{
}

void at_export_fork_parent(void)
{
}

void at_export_fork_child(void)
{
}

void at_export_fork_unseen(bool threads)
{
	(void)threads;
}

uint32_t at_export_due;

void at_export_start(void)
{
}

/* ---- settings ---- */

/* Reads further settings; the first call starts everything. */
static inline void settings(const char *const *more)
{
	static char arena[AT_CONFIG_ARENA];
	static const char *plain[] = {"AUTOTRACE_LINK_RULE=true", "OTEL_TRACES_EXPORTER=line",
				      NULL};
	static const char *const argv[] = {"test", NULL};
	const char *envp[16] = {plain[0], plain[1]};
	for (int i = 0; more && more[i] && i < 13; i++)
		envp[2 + i] = more[i];
	if (!at_process_is_live()) {
		at_libc_resolve();
		at_boot_start(argv, envp, NULL);
		assert_true(at_process_is_live());
		return;
	}
	assert_true(at_config_load(&at_boot.config, envp, arena, sizeof(arena)));
	at_sampler_init(&at_boot.sampler, at_boot.config.sampler, at_boot.config.sampler_ratio);
	at_boot.env_parent_valid =
		at_propagate_parse_traceparent(at_boot.config.traceparent, &at_boot.env_parent);
}

/* ---- connections ---- */

static struct sockaddr_in nowhere; /* where nobody listens */

static inline int listening(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	at_shore_socket(fd, AF_INET, SOCK_STREAM);
	*at = (struct sockaddr_in){.sin_family = AF_INET};
	at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)at, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	at_shore_bound(fd);
	getsockname(fd, (struct sockaddr *)at, &len);
	return fd;
}

static inline void closing(int fd)
{
	at_shore_closing(fd);
	close(fd);
}

/* Accepted here; the other end (*ret_peer) is nobody's. */
static inline int served(int *ret_peer)
{
	struct sockaddr_in at;
	int listener = listening(&at);
	*ret_peer = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(*ret_peer, (struct sockaddr *)&at, sizeof(at)), 0);
	int fd = accept(listener, NULL, NULL);
	at_shore_accepted(listener, fd);
	closing(listener);
	return fd;
}

/* Connected here; the other end is nobody's. */
static inline int called(int *ret_peer)
{
	struct sockaddr_in at;
	int listener = listening(&at), fd = socket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	at_shore_socket(fd, AF_INET, SOCK_STREAM);
	uint64_t began = at_shore_now();
	int rc = connect(fd, (struct sockaddr *)&at, sizeof(at));
	at_shore_connected(fd, (struct sockaddr *)&at, sizeof(at), rc, errno, began);
	*ret_peer = accept(listener, NULL, NULL);
	closing(listener);
	return fd;
}

/* ---- a hook's calls ---- */

static inline ssize_t hook_read(int fd, char *buf, size_t room)
{
	struct iovec iov = {buf, room};
	ssize_t rc = read(fd, buf, room);
	if (at_shore_pass_event(fd))
		return rc;
	at_shore_read(fd, &iov, 1, rc);
	return rc;
}

static inline ssize_t hook_write(int fd, const char *data, size_t n)
{
	struct iovec iov = {(void *)data, n};
	if (at_shore_pass_out(fd))
		return write(fd, data, n);
	struct at_edits *edits = at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, NULL, 0, edits) : write(fd, data, n);
	at_shore_wrote(fd, &iov, 1, rc);
	return rc;
}

/* The peer writes, we read it all. */
static inline void comes(int peer, int fd, const char *text)
{
	char buf[70000];
	size_t n = strlen(text);
	assert_int_equal(write(peer, text, n), n);
	for (size_t got = 0; got < n;) {
		ssize_t rc = hook_read(fd, buf, sizeof(buf));
		assert_true(rc > 0);
		got += (size_t)rc;
	}
}

static inline void goes(int fd, const char *text)
{
	assert_int_equal(hook_write(fd, text, strlen(text)), strlen(text));
}

/* What arrived at the peer so far. */
static inline const char *arrived(int peer)
{
	static char buf[70000];
	ssize_t n = recv(peer, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	buf[n > 0 ? n : 0] = '\0';
	return buf;
}

/* All that arrived, after the end of our stream. */
static inline const char *arrived_in_all(int fd, int peer)
{
	static char buf[70000];
	size_t n = 0;
	shutdown(fd, SHUT_WR);
	for (ssize_t rc; (rc = read(peer, buf + n, sizeof(buf) - 1 - n)) > 0;)
		n += (size_t)rc;
	buf[n] = '\0';
	return buf;
}

/* ---- what a span says ---- */

static inline const struct at_attr *attr(struct at_span *s, const char *key)
{
	for (int i = 0; i < s->attr_count; i++)
		if (at_str_eq(s->attr[i].key, at_str_c(key)))
			return &s->attr[i];
	return NULL;
}

/* The attribute as text: "" when it is not there. */
static inline const char *value(struct at_span *s, const char *key)
{
	static char text[8][3000];
	static int turn;
	const struct at_attr *a = attr(s, key);
	char *to = text[turn++ % 8];
	to[0] = '\0';
	if (a && a->type == AT_ATTR_INT)
		snprintf(to, sizeof(text[0]), "%ld", (long)a->i);
	else if (a && (a->type == AT_ATTR_STRING || a->type == AT_ATTR_STRING_LIST))
		snprintf(to, sizeof(text[0]), "%.*s", AT_STR_ARG(a->str));
	return to;
}

/* The one span that says so. */
static inline struct at_span *span_with(const char *key, const char *wanted)
{
	struct at_span *found = NULL;
	for (int i = 0; i < finished; i++) {
		if (strcmp(value(&spans[i], key), wanted) != 0)
			continue;
		if (found)
			fail_msg("two spans with %s=%s", key, wanted);
		found = &spans[i];
	}
	if (!found)
		fail_msg("no span with %s=%s among %d", key, wanted, finished);
	return found;
}

static inline bool is_child(const struct at_span *child, const struct at_span *parent)
{
	return memcmp(child->parent_id, parent->span_id, 8) == 0 &&
	       memcmp(child->trace_id, parent->trace_id, 16) == 0;
}

static inline bool is_root(const struct at_span *s)
{
	static const uint8_t none[8];
	return memcmp(s->parent_id, none, 8) == 0;
}

static inline int start_corridor(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	nowhere = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(1)};
	nowhere.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	settings(NULL);
	return 0;
}

static inline int clean_corridor(void **state)
{
	(void)state;
	finished = 0;
	settings(NULL);
	at_shore_wait(AT_CLOCK_NEVER); /* this thread works on nothing */
	at_defer_after_fork();
	at_exchange_after_fork(); /* and nothing was seen of the program's habits */
	return 0;
}
