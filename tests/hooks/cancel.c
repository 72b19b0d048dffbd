/*
 * See cancel.h: a thread is cancelled
 *
 *   while it waits      the call blocks, cancellation is deferred
 *   at any moment       the call blocks, cancellation is asynchronous
 *   before              the request is there when the call is made, which would not have to wait
 *   not at all          the same with cancellation disabled: the call returns
 *
 * and then another thread uses the same descriptor.
 */
#include "hooks/cancel.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/span.h"

enum way { WAITING, ANY_MOMENT, BEFORE, NOT_AT_ALL, WAYS };

static const char *const way_name[] = {"while it waits", "at any moment", "before", "not at all"};

/* The thread that is cancelled. */
struct victim {
	const struct cancel_row *row;
	struct cancel_case *c;
	enum way way;
	int tid;        /* once it is about to make the call (atomic) */
	bool came_back; /* the call returned */
	int cleaned;    /* times the cleanup handler ran */
};

static void clean(void *arg)
{
	((struct victim *)arg)->cleaned++;
}

static void *suffer(void *arg)
{
	struct victim *v = arg;
	pthread_cleanup_push(clean, v);
	if (v->way == ANY_MOMENT)
		pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	if (v->way == NOT_AT_ALL)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	if (v->way == BEFORE || v->way == NOT_AT_ALL)
		pthread_cancel(pthread_self());
	__atomic_store_n(&v->tid, (int)RAW(SYS_gettid, 0), __ATOMIC_RELEASE);
	v->row->call(v->c);
	v->came_back = true;
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	pthread_cleanup_pop(0);
	return NULL;
}

/* The kernel says that the thread sleeps, and has for a while. */
static void until_it_waits(struct victim *v)
{
	char path[64], text[200];
	for (int asleep = 0, tries = 0; asleep < 3; tries++) {
		must(tries < 2500, "it does not wait");
		pause_ms(2);
		int tid = __atomic_load_n(&v->tid, __ATOMIC_ACQUIRE);
		if (!tid)
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
		int fd = (int)RAW(SYS_open, path, O_RDONLY);
		long n = fd < 0 ? 0 : RAW(SYS_read, fd, text, sizeof(text) - 1);
		RAW(SYS_close, fd);
		text[n > 0 ? n : 0] = 0;
		asleep = strstr(text, ") S") ? asleep + 1 : 0;
	}
}

/* ---- what the call finds ---- */

static void drain(int fd)
{
	char buf[65536];
	while (RAW(SYS_recvfrom, fd, buf, sizeof(buf), MSG_DONTWAIT, 0, 0) > 0)
		;
}

/* Unix sockets: how much of what TCP was given is on its way is not to be foreseen. */
static void set_out(struct cancel_case *c, enum role role)
{
	static const char zeros[4096];
	char buf[300];
	c->e = join(UNIX, role, HTTP);
	if (role == SERVER) {
		peer_say(&c->e, span_get("/goes-on"));
		span_all(read(c->e.fd, buf, sizeof(buf)), strlen(span_get("/goes-on")));
	}
	while (!c->ready && RAW(SYS_sendto, c->e.fd, zeros, sizeof(zeros), MSG_DONTWAIT, 0, 0) > 0)
		;
}

/* A unix server whose row of connections to accept is full. */
static void set_stranger(struct cancel_case *c)
{
	struct sockaddr_storage at;
	socklen_t len = name_of(UNIX, &at);
	c->e.peer = (int)RAW(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	must(RAW(SYS_bind, c->e.peer, &at, len) == 0 && RAW(SYS_listen, c->e.peer, 0) == 0, "bind");
	len = sizeof(at);
	must(RAW(SYS_getsockname, c->e.peer, &at, &len) == 0 && len <= sizeof(c->at), "name");
	memcpy(c->at, &at, len);
	c->len = len;
	if (!c->ready) {
		c->extra[0] = (int)RAW(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
		must(RAW(SYS_connect, c->extra[0], &at, len) == 0, "fill");
	}
	c->e.fd = socket(AF_UNIX, SOCK_STREAM, 0);
}

static void set(struct cancel_case *c, enum cancel_scene scene)
{
	struct sockaddr_storage at;
	socklen_t len;
	must(pipe(c->pipe) == 0, "pipe");
	if (scene == CANCEL_IN) {
		c->e = join(TCP, SERVER, HTTP);
		if (c->ready)
			peer_say(&c->e, span_get("/goes-on"));
	} else if (scene == CANCEL_OUT || scene == CANCEL_CALL) {
		set_out(c, scene == CANCEL_OUT ? SERVER : CLIENT);
	} else if (scene == CANCEL_LISTENER) {
		c->e.fd = listen_at(TCP, &at, &len);
		memcpy(c->at, &at, sizeof(c->at));
		c->len = len;
		c->extra[0] = c->ready ? raw_client(&at, len) : 0;
	} else if (scene == CANCEL_STRANGER) {
		set_stranger(c);
	}
}

/* ---- what another thread does with it ---- */

static void hear(struct cancel_case *c)
{
	char buf[300], all[300];
	size_t n = strlen(span_get("/goes-on")), got = 0;
	if (!c->ready)
		peer_say(&c->e, span_get("/goes-on"));
	nonblocking(c->e.fd, true);
	for (ssize_t rc; got < n && (rc = read(c->e.fd, buf, sizeof(buf))) > 0; got += (size_t)rc)
		memcpy(all + got, buf, (size_t)rc);
	nonblocking(c->e.fd, false);
	say_bytes("heard", all, got); /* nothing, when the call that returned has taken it */
}

static void serve(struct cancel_case *c)
{
	span_all(write(c->e.fd, span_ok, strlen(span_ok)), strlen(span_ok));
	peer_take(&c->e, strlen(span_ok), NULL);
}

static void go_on_calling(struct cancel_case *c)
{
	char buf[300];
	size_t n = strlen(span_get("/goes-on"));
	span_all(write(c->e.fd, span_get("/goes-on"), n), n);
	peer_take(&c->e, n, NULL);
	peer_say(&c->e, span_ok);
	span_all(read(c->e.fd, buf, sizeof(buf)), strlen(span_ok));
}

static void accept_and_serve(struct cancel_case *c, bool taken)
{
	struct sockaddr_storage at = {0};
	memcpy(&at, c->at, sizeof(c->at));
	struct ends e = {.fd = -1, .role = SERVER};
	e.peer = c->ready && !taken ? c->extra[0] : raw_client(&at, c->len);
	e.fd = accept(c->e.fd, NULL, NULL);
	must(e.fd >= 0, "accept");
	span_serves(e.fd, e.peer, "/goes-on");
	part(&e);
}

static void connect_and_call(struct cancel_case *c, bool taken)
{
	int listener = c->e.peer;
	if (c->extra[0])
		RAW(SYS_close, RAW(SYS_accept, listener, 0, 0));
	if (!taken)
		IS(0, connect(c->e.fd, (struct sockaddr *)c->at, c->len));
	c->e.peer = (int)RAW(SYS_accept, listener, 0, 0);
	RAW(SYS_close, listener);
	go_on_calling(c);
	span_must_come("client", "/goes-on", 200, "-", "root");
}

static void go_on(const struct victim *v)
{
	struct cancel_case *c = v->c;
	enum cancel_scene scene = v->row->scene;
	if (scene == CANCEL_LISTENER)
		accept_and_serve(c, v->came_back);
	if (scene == CANCEL_STRANGER)
		connect_and_call(c, v->came_back);
	if (scene == CANCEL_OUT || scene == CANCEL_CALL)
		drain(c->e.peer);
	if (scene == CANCEL_IN)
		hear(c);
	if (scene == CANCEL_IN || (scene == CANCEL_OUT && !v->came_back))
		serve(c);
	if (scene == CANCEL_CALL && !v->came_back)
		go_on_calling(c);
	if (scene == CANCEL_CALL && !v->came_back)
		span_must_come("client", "/goes-on", 200, "-", "root");
	bool missed = v->came_back && v->row->unseen;
	if (scene == CANCEL_OUT || (scene == CANCEL_IN && !missed))
		span_must_come("server", "/goes-on", missed ? 0 : 200, "-", "root");
}

static void *use(void *arg)
{
	const struct victim *v = arg;
	if (!v->row->gone)
		go_on(v);
	struct ends e = join(TCP, SERVER, HTTP);
	span_serves(e.fd, e.peer, "/elsewhere");
	part(&e);
	return NULL;
}

static void suffer_one_way(const struct cancel_row *row, enum way way)
{
	struct cancel_case c = {.e = {.fd = -1, .peer = -1}};
	struct victim v = {.row = row, .c = &c, .way = way};
	void *result = &c;
	pthread_t id;
	c.ready = way == BEFORE || way == NOT_AT_ALL;
	set(&c, row->scene);
	must(pthread_create(&id, NULL, suffer, &v) == 0, "thread");
	if (!c.ready) {
		until_it_waits(&v);
		must(pthread_cancel(id) == 0, "cancel");
	}
	must(pthread_join(id, &result) == 0, "join");
	say("-- %s: it %s, cleaned up %d times, %s", way_name[way],
	    v.came_back ? "came back" : "ended in the call", v.cleaned,
	    result == PTHREAD_CANCELED ? "cancelled" : "NOT CANCELLED");
	bool through = way == NOT_AT_ALL || (way == BEFORE && !row->point);
	CHECK(v.came_back == through && v.cleaned == 1 && result == PTHREAD_CANCELED);
	must(pthread_create(&id, NULL, use, &v) == 0 && pthread_join(id, NULL) == 0, "another");
}

/* ---- a process that ends with a request to be cancelled ---- */

static void end(void *arg)
{
	const struct cancel_row *row = arg;
	struct cancel_case c = {.ready = true};
	struct ends e = join(TCP, SERVER, HTTP);
	span_serves(e.fd, e.peer, "/before-the-end");
	fflush(stdout);
	pthread_cancel(pthread_self());
	row->call(&c);
}

void cancel_run(const struct cancel_row *rows)
{
	for (; rows->call; rows++) {
		if (rows->scene == CANCEL_END) {
			CHECK(in_child("it", end, (void *)rows) == rows->status);
			continue;
		}
		if (rows->waits && rows->point)
			suffer_one_way(rows, WAITING);
		if (rows->waits)
			suffer_one_way(rows, ANY_MOMENT);
		suffer_one_way(rows, BEFORE);
		suffer_one_way(rows, NOT_AT_ALL);
	}
}
