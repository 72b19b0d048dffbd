/*
 * See grpc_receiver.h. Fed by the program's loop, feeds grpc_session. Owns the sockets.
 *
 *   readable --> recv --> session --> output --> send --full--> wait until it is writable
 *
 * What cannot be sent stops the reading too: a peer that does not read makes no memory grow.
 */
#include "view/grpc_receiver.h"
#include "view/grpc_session.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS 120000u /* a connection without traffic ends */
#define PIECE   65536u  /* bytes read at a time */
#define TURN    16      /* pieces of one connection before others have their turn */
#define EVENTS  64

struct peer {
	int fd;
	struct at_grpc_session *session; /* NULL: it has been hung up */
	struct at_str unsent;            /* of the session's output; its memory */
	uint64_t heard;                  /* when something came last: milliseconds, monotonic */
	struct peer *next;               /* of all */
};

struct at_grpc_receiver {
	int fd;                       /* listening */
	int poll;                     /* epoll, of all sockets */
	unsigned int connections;     /* there are */
	unsigned int max_connections; /* there may be */
	struct at_intake *intake;
	struct at_trouble *trouble;
	struct peer *peers;
	uint64_t now; /* milliseconds, monotonic, as told */
};

/* op: EPOLL_CTL_ADD or MOD; peer NULL: the listening socket. */
static bool watch(const struct at_grpc_receiver *r, int op, struct peer *peer, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = peer};

	return epoll_ctl(r->poll, op, peer ? peer->fd : r->fd, &event) == 0;
}

/* Its memory is given back by sweep. */
static void hang_up(struct at_grpc_receiver *r, struct peer *peer)
{
	if (r->connections-- == r->max_connections)
		watch(r, EPOLL_CTL_MOD, NULL, EPOLLIN);
	close(peer->fd);
	at_grpc_session_free(peer->session);
	peer->session = NULL;
}

static void sweep(struct at_grpc_receiver *r)
{
	struct peer **at = &r->peers;

	while (*at) {
		struct peer *peer = *at;

		if (peer->session) {
			at = &peer->next;
			continue;
		}
		*at = peer->next;
		free(peer);
	}
}

/* False: the connection is broken. */
static bool send_out(struct at_grpc_receiver *r, struct peer *peer)
{
	for (;;) {
		ssize_t n;

		if (!peer->unsent.n)
			peer->unsent = at_grpc_session_output(peer->session);
		if (!peer->unsent.n)
			return watch(r, EPOLL_CTL_MOD, peer, EPOLLIN);
		n = send(peer->fd, peer->unsent.p, peer->unsent.n, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN && watch(r, EPOLL_CTL_MOD, peer, EPOLLOUT);
		peer->unsent = at_str_from(peer->unsent, (size_t)n);
	}
}

/* False: the other side has hung up, or speaks something else. */
static bool take_in(struct at_grpc_receiver *r, struct peer *peer)
{
	char piece[PIECE];

	for (int i = 0; i < TURN; i++) {
		ssize_t n = recv(peer->fd, piece, sizeof(piece), 0);

		if (n < 0)
			return errno == EAGAIN;
		if (n == 0 ||
		    !at_grpc_session_feed(peer->session, at_str(piece, (size_t)n), r->now))
			return false;
		peer->heard = r->now;
		if ((size_t)n < sizeof(piece))
			break;
	}
	return true;
}

static void tend(struct at_grpc_receiver *r, struct peer *peer)
{
	bool good = peer->unsent.n || take_in(r, peer);

	good = send_out(r, peer) && good;
	if (!good || (at_grpc_session_over(peer->session) && !peer->unsent.n))
		hang_up(r, peer);
}

static void welcome(struct at_grpc_receiver *r, int fd)
{
	const int yes = 1;
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer) {
		peer->fd = fd;
		peer->heard = r->now;
		peer->session = at_grpc_session_open(r->intake, r->trouble);
	}
	if (!peer || !peer->session || !watch(r, EPOLL_CTL_ADD, peer, EPOLLIN)) {
		if (peer && peer->session)
			at_grpc_session_free(peer->session);
		free(peer);
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	peer->next = r->peers;
	r->peers = peer;
	r->connections++;
	tend(r, peer);
}

static void welcome_all(struct at_grpc_receiver *r)
{
	while (r->connections < r->max_connections) {
		int fd = accept4(r->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0)
			return;
		welcome(r, fd);
	}
	watch(r, EPOLL_CTL_MOD, NULL, 0);
}

/* Delayed answers and idle connections. */
static int64_t look_after(struct at_grpc_receiver *r)
{
	int64_t soonest = -1;

	for (struct peer *peer = r->peers; peer; peer = peer->next) {
		int64_t due = at_grpc_session_run(peer->session, r->now);
		bool idle = r->now - peer->heard > IDLE_MS;

		if (!idle && due < 0)
			due = IDLE_MS;
		soonest = soonest < 0 || due < soonest ? due : soonest;
		if (at_grpc_session_busy(peer->session))
			tend(r, peer);
		else if (idle)
			hang_up(r, peer);
	}
	return soonest;
}

struct at_grpc_receiver *at_grpc_receiver_start(int fd, unsigned int max_connections,
						struct at_intake *intake,
						struct at_trouble *trouble)
{
	struct at_grpc_receiver *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->fd = fd;
	r->max_connections = max_connections;
	r->intake = intake;
	r->trouble = trouble;
	r->poll = epoll_create1(EPOLL_CLOEXEC);
	if (r->poll >= 0 && watch(r, EPOLL_CTL_ADD, NULL, EPOLLIN))
		return r;
	if (r->poll >= 0)
		close(r->poll);
	free(r);
	return NULL;
}

int at_grpc_receiver_fd(const struct at_grpc_receiver *receiver)
{
	return receiver->poll;
}

int64_t at_grpc_receiver_run(struct at_grpc_receiver *r, uint64_t now)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(r->poll, events, EVENTS, 0);

	r->now = now;
	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr)
			tend(r, events[i].data.ptr);
		else
			welcome_all(r);
	}
	sweep(r);
	return n == EVENTS ? 0 : look_after(r);
}

void at_grpc_receiver_stop(struct at_grpc_receiver *r)
{
	for (struct peer *peer = r->peers; peer; peer = peer->next)
		if (peer->session)
			hang_up(r, peer);
	sweep(r);
	close(r->poll);
	close(r->fd);
	free(r);
}
