/*
 * A backend that costs next to nothing: accepts OTLP/HTTP requests on a port of the kernel's choice
 * and counts the spans in them without looking at one. Stands for a backend on another machine
 * where load, server and backend have to share this one's cores.
 *
 *   bench_sink     says "listening on http://127.0.0.1:PORT"; on SIGUSR1 and at SIGTERM writes
 *                  "spans=N malformed=N requests=N"
 *
 * Understands identity encoding with Content-Length only: what the exporter sends by default.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS 64
#define ROOM  (4u << 20) /* bytes of the largest request */

/* A connection. */
struct peer {
	char *buf;   /* ROOM bytes and one for a terminating 0; NULL until first used */
	size_t have; /* of them in use */
	size_t need; /* of the request at its front; 0: its end is not known yet */
	size_t head; /* bytes of its header block */
};

/* Entry 0 listens, 1 gets the signals, the others are those of peers[] by the same index. */
static struct pollfd polled[2 + PEERS];
static struct peer peers[2 + PEERS];
static uint64_t spans, malformed, requests;

/* A piece of a protobuf message. */
struct piece {
	const uint8_t *p;
	const uint8_t *end;
};

static bool varint(struct piece *m, uint64_t *ret)
{
	*ret = 0;
	for (unsigned shift = 0; shift < 64 && m->p < m->end; shift += 7) {
		*ret |= (uint64_t)(*m->p & 127) << shift;
		if (!(*m->p++ & 128))
			return true;
	}
	return false;
}

/* Takes the next field off m; *ret_inner is its content where it has a length. */
static bool next(struct piece *m, unsigned *ret_field, struct piece *ret_inner)
{
	uint64_t key, n;
	if (!varint(m, &key) || (key & 7) != 2 || !varint(m, &n) || n > (size_t)(m->end - m->p))
		return false;
	*ret_field = (unsigned)(key >> 3);
	*ret_inner = (struct piece){m->p, m->p + n};
	m->p += n;
	return true;
}

/* resource_spans = 1, scope_spans = 2, spans = 2: all of a request's fields have a length. */
static bool count(struct piece m, unsigned depth)
{
	static const unsigned wanted[] = {1, 2, 2};
	while (m.p < m.end) {
		struct piece inner;
		unsigned field;
		if (!next(&m, &field, &inner))
			return false;
		if (field != wanted[depth])
			continue;
		if (depth == 2)
			spans++;
		else if (!count(inner, depth + 1))
			return false;
	}
	return true;
}

static void say(void)
{
	printf("spans=%llu malformed=%llu requests=%llu\n", (unsigned long long)spans,
	       (unsigned long long)malformed, (unsigned long long)requests);
	fflush(stdout);
}

static void hang_up(size_t i)
{
	close(polled[i].fd);
	polled[i].fd = -1;
	peers[i].have = peers[i].need = 0;
}

/* Whether the end of the header block is there; sets need. */
static bool measure(struct peer *peer)
{
	peer->buf[peer->have] = 0;
	char *end = strstr(peer->buf, "\r\n\r\n");
	if (!end)
		return false;
	*end = 0;
	char *length = strcasestr(peer->buf, "\r\ncontent-length:");
	peer->head = (size_t)(end - peer->buf) + 4;
	peer->need = peer->head + (length ? strtoul(length + 17, NULL, 10) : 0);
	return true;
}

static bool answer(size_t i)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
				   "Content-Length: 0\r\n\r\n";
	struct peer *peer = &peers[i];
	const uint8_t *body = (const uint8_t *)peer->buf;
	requests++;
	if (!count((struct piece){body + peer->head, body + peer->need}, 0))
		malformed++;
	peer->have -= peer->need;
	memmove(peer->buf, peer->buf + peer->need, peer->have);
	peer->need = 0;
	return send(polled[i].fd, text, sizeof(text) - 1, MSG_NOSIGNAL) == sizeof(text) - 1;
}

static void take(size_t i)
{
	struct peer *peer = &peers[i];
	ssize_t n = recv(polled[i].fd, peer->buf + peer->have, ROOM - peer->have, 0);
	if (n <= 0) {
		hang_up(i);
		return;
	}
	peer->have += (size_t)n;
	while (peer->have && (peer->need || measure(peer))) {
		if (peer->need > ROOM) {
			hang_up(i);
			return;
		}
		if (peer->have < peer->need)
			return;
		if (!answer(i)) {
			hang_up(i);
			return;
		}
	}
	if (peer->have == ROOM)
		hang_up(i);
}

static void welcome(void)
{
	int fd = accept(polled[0].fd, NULL, NULL);
	for (size_t i = 2; fd >= 0 && i < 2 + PEERS; i++) {
		if (polled[i].fd >= 0)
			continue;
		if (!peers[i].buf)
			peers[i].buf = malloc(ROOM + 1);
		if (!peers[i].buf)
			break;
		polled[i].fd = fd;
		return;
	}
	close(fd);
}

static int listen_anywhere(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&a, n) || listen(fd, 16) ||
	    getsockname(fd, (struct sockaddr *)&a, &n)) {
		perror("bench_sink");
		exit(1);
	}
	printf("listening on http://127.0.0.1:%u\n", ntohs(a.sin_port));
	fflush(stdout);
	return fd;
}

static int take_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, 0);
}

/* Whether to go on. */
static bool heed_signal(void)
{
	struct signalfd_siginfo info;
	if (read(polled[1].fd, &info, sizeof(info)) != sizeof(info))
		return false;
	say();
	return info.ssi_signo == SIGUSR1;
}

int main(void)
{
	for (size_t i = 0; i < 2 + PEERS; i++)
		polled[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	polled[1].fd = take_signals();
	polled[0].fd = listen_anywhere();
	while (poll(polled, 2 + PEERS, -1) > 0) {
		for (size_t i = 2; i < 2 + PEERS; i++)
			if (polled[i].fd >= 0 && polled[i].revents)
				take(i);
		if (polled[0].revents)
			welcome();
		if (polled[1].revents && !heed_signal())
			return 0;
	}
	return 1;
}
