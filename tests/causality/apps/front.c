/*
 * An HTTP server of one thread around epoll, as such servers are written: GET /KIND/ID makes its
 * calls to /KIND/ID/0, /1, ... over connections that it keeps. Environment: BACKENDS (a list of
 * HOST:PORT), DATABASE (HOST:PORT), TICK (seconds between calls of a timer that works for nobody).
 *
 *	job (one request)   plan: a letter for each step        c call   f three calls   s sleep
 *	   |                next step when none is pending      d ask the database
 *	   +-- link (client), link (a call, one at a time, taken from the idle ones or connected)
 *
 * Prints "listening on PORT"; ends with SIGTERM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum what { LISTENER, CLIENT, CALL, QUERY, ALARM, TICKER };

struct job {
	const char *plan;  /* steps that are left */
	int pending;       /* calls, queries and alarms under way */
	int calls;         /* made so far */
	char path[200];    /* of the request */
	struct link *link; /* the client, NULL once it has left */
};

struct link {
	enum what what;
	int fd;
	int upstream;      /* CALL: which backend */
	bool closes;       /* CLIENT: the connection ends with the answer */
	struct job *job;   /* it works for; NULL: nobody (idle, or a tick) */
	struct link *next; /* among the idle, or the dead */
	size_t n;          /* bytes in buffer */
	char buffer[4096];
};

static const struct {
	const char *kind, *plan;
} plans[] = {{"one", "c"}, {"seq", "ccc"}, {"nap", "scsc"}, {"db", "dcdc"}, {"fan", "f"}};

static int ep;
static struct sockaddr_in backends[8], database;
static int backend_count;
static struct link *idle[8], *idle_queries, *dead;
static unsigned ticks;

static struct sockaddr_in address(const char *text)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	char host[64];
	int port = 0;
	if (sscanf(text, "%63[^:]:%d", host, &port) != 2 || !inet_aton(host, &a.sin_addr))
		exit(2);
	a.sin_port = htons((uint16_t)port);
	return a;
}

static struct link *watch(enum what what, int fd, uint32_t events)
{
	struct link *l = calloc(1, sizeof(*l));
	if (!l)
		exit(3);
	struct epoll_event e = {.events = events, .data.ptr = l};
	l->what = what;
	l->fd = fd;
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
	return l;
}

/* Freed after the round of events, some of which may still point to it. */
static void discard(struct link *l)
{
	close(l->fd);
	l->fd = -1;
	l->next = dead;
	dead = l;
}

static struct link *dial(enum what what, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	connect(fd, (const struct sockaddr *)to, sizeof(*to));
	return watch(what, fd, EPOLLIN | EPOLLOUT | EPOLLET);
}

static void step(struct job *j);

static void done(struct link *l)
{
	struct job *j = l->job;
	l->job = NULL;
	if (j && --j->pending == 0)
		step(j);
}

static void flush(struct link *l)
{
	ssize_t rc = l->n ? send(l->fd, l->buffer, l->n, MSG_NOSIGNAL) : 0;
	if (rc > 0)
		l->n = 0;
}

static struct link *take(struct link **from, enum what what, const struct sockaddr_in *to)
{
	struct link *l = *from;
	if (l)
		*from = l->next;
	else
		l = dial(what, to);
	return l;
}

/* A call for a job, or for nobody. */
static void call(struct job *j, const char *path, int number)
{
	int up = number % backend_count;
	struct link *l = take(&idle[up], CALL, &backends[up]);
	if (!l)
		return;
	l->upstream = up;
	l->job = j;
	if (j)
		j->pending++;
	l->n = (size_t)snprintf(l->buffer, sizeof(l->buffer),
				"GET %s/%d HTTP/1.1\r\nHost: backend.example\r\n\r\n", path,
				number);
	flush(l);
}

static void query(struct job *j)
{
	struct link *l = take(&idle_queries, QUERY, &database);
	if (!l)
		return;
	l->job = j;
	j->pending++;
	l->n = (size_t)snprintf(l->buffer, sizeof(l->buffer), "select\n");
	flush(l);
}

static void set_alarm(struct job *j)
{
	struct itimerspec when = {.it_value.tv_nsec = 3000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	timerfd_settime(fd, 0, &when, NULL);
	watch(ALARM, fd, EPOLLIN)->job = j;
	j->pending++;
}

static void serve(struct link *l);

static void answer(struct job *j)
{
	struct link *l = j->link;
	char text[200];
	int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n%s\r\ndone",
			 l && l->closes ? "Connection: close\r\n" : "");
	if (l) {
		l->job = NULL;
		if (send(l->fd, text, (size_t)n, MSG_NOSIGNAL) < 0 || l->closes)
			discard(l);
		else
			serve(l);
	}
	free(j);
}

static void step(struct job *j)
{
	char what = *j->plan;
	if (!what) {
		answer(j);
		return;
	}
	j->plan++;
	if (what == 's')
		set_alarm(j);
	else if (what == 'd')
		query(j);
	for (int n = what == 'f' ? 3 : what == 'c'; n > 0; n--)
		call(j, j->path, j->calls++);
	if (j->pending == 0)
		step(j);
}

/* Takes up the next request of a client that stands whole in its buffer. */
static void serve(struct link *l)
{
	char *end = memmem(l->buffer, l->n, "\r\n\r\n", 4);
	if (!end || l->job)
		return;
	struct job *j = calloc(1, sizeof(*j));
	char kind[20] = "";
	*end = 0;
	if (!j || sscanf(l->buffer, "GET %199s", j->path) != 1)
		exit(3);
	sscanf(j->path, "/%19[^/]", kind);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		if (strcmp(kind, plans[i].kind) == 0)
			j->plan = plans[i].plan;
	l->closes = strstr(l->buffer, "Connection: close") != NULL;
	l->n -= (size_t)(end + 4 - l->buffer);
	memmove(l->buffer, end + 4, l->n);
	l->job = j;
	j->link = l;
	step(j);
}

static void client_in(struct link *l)
{
	ssize_t rc = recv(l->fd, l->buffer + l->n, sizeof(l->buffer) - 1 - l->n, 0);
	if (rc > 0) {
		l->n += (size_t)rc;
		l->buffer[l->n] = 0;
		serve(l);
	} else if (rc == 0 || errno != EAGAIN) {
		if (l->job)
			l->job->link = NULL;
		discard(l);
	}
}

/* The answer of a backend or of the database: it is whole when its end has come. */
static void answer_in(struct link *l, const char *last)
{
	char got[4096];
	ssize_t rc;
	bool over = false;
	while ((rc = recv(l->fd, got, sizeof(got) - 1, 0)) > 0) {
		got[rc] = 0;
		over = over || strstr(got, last) || strstr(got, "later") ||
		       strstr(got, "\r\n0\r\n\r\n");
	}
	if (rc == 0 || (rc < 0 && errno != EAGAIN)) {
		struct link **from = l->what == QUERY ? &idle_queries : &idle[l->upstream];
		while (*from && *from != l)
			from = &(*from)->next;
		if (*from)
			*from = l->next;
		discard(l);
		done(l);
	} else if (over) {
		struct link **to = l->what == QUERY ? &idle_queries : &idle[l->upstream];
		l->next = *to;
		*to = l;
		done(l);
	}
}

static void welcome(const struct link *l)
{
	int fd, one = 1;
	while ((fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		watch(CLIENT, fd, EPOLLIN);
	}
}

static void handle(struct link *l, uint32_t events)
{
	uint64_t times;
	char path[40];
	if (l->fd < 0)
		return;
	switch (l->what) {
	case LISTENER:
		welcome(l);
		break;
	case CLIENT:
		client_in(l);
		break;
	case CALL:
	case QUERY:
		if (events & EPOLLOUT)
			flush(l);
		if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			answer_in(l, l->what == QUERY ? "\n" : "backend");
		break;
	case ALARM:
		discard(l);
		done(l);
		break;
	case TICKER:
		snprintf(path, sizeof(path), "/tick/%u", ticks++);
		if (read(l->fd, &times, sizeof(times)) > 0)
			call(NULL, path, 0);
		break;
	}
}

static void set_up(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char *list = strdup(getenv("BACKENDS")), *rest = list, *one;
	long ns = (long)(1e9 * atof(getenv("TICK")));
	struct itimerspec when = {.it_value.tv_nsec = ns, .it_interval.tv_nsec = ns};

	while (backend_count < 8 && (one = strsep(&rest, ",")))
		backends[backend_count++] = address(one);
	free(list);
	database = address(getenv("DATABASE"));
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (bind(fd, (struct sockaddr *)&a, n) || listen(fd, 512) ||
	    getsockname(fd, (struct sockaddr *)&a, &n))
		exit(3);
	watch(LISTENER, fd, EPOLLIN);
	if (ns) {
		fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
		timerfd_settime(fd, 0, &when, NULL);
		watch(TICKER, fd, EPOLLIN);
	}
	printf("listening on %d\n", ntohs(a.sin_port));
	fflush(stdout);
}

int main(void)
{
	if (!getenv("BACKENDS") || !getenv("DATABASE") || !getenv("TICK"))
		return 2;
	set_up();
	for (;;) {
		struct epoll_event events[64];
		int n = epoll_wait(ep, events, 64, -1);
		for (int i = 0; i < n; i++)
			handle(events[i].data.ptr, events[i].events);
		while (dead) {
			struct link *l = dead;
			dead = l->next;
			free(l);
		}
	}
}
