/*
 * A server whose connections are accepted by one and served by others: passed UPSTREAM_PORT HOW.
 *   threads     over a pipe to threads; a thread keeps a connection until its end
 *   requests    the same, and after each request the connection goes to whoever is free
 *   processes   with SCM_RIGHTS to processes
 * and those whose first request is looked at, or read, by the one and answered by the other:
 *   peeked      looked at (MSG_PEEK), then as processes
 *   read        as processes
 *   inside      with SCM_RIGHTS to a thread
 *   copied      a duplicate to a thread
 *   forked      inherited by a process that is forked then
 *   kept        sent to where nobody looks, and answered in part by the one who read it
 * "/NAME" makes a call to UPSTREAM/NAME. Prints its port.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../support/plain.h"

#define WORKERS 4

static struct sockaddr_in upstream = {.sin_family = AF_INET};
static int way[2]; /* descriptors go in at 1 and come out at 0 */
static int once;   /* a connection is given back after each request */

/* The path of the next request; -1: the connection is over. */
static int ask(int fd, char path[200])
{
	char head[4000];
	return read_head(fd, head, sizeof(head)) == 0 && sscanf(head, "GET %199s", path) == 1 ? 0
											      : -1;
}

static int answer(int fd, const char *path)
{
	char text[400];
	call(&upstream, path);
	int n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(path), path);
	return write(fd, text, (size_t)n) == n ? 0 : -1;
}

/* One request; -1: the connection is over. */
static int serve(int fd)
{
	char path[200];
	return ask(fd, path) == 0 ? answer(fd, path) : -1;
}

static void *work(void *unused)
{
	int fd;
	while (read(way[0], &fd, sizeof(fd)) == sizeof(fd)) {
		int rc = serve(fd);
		while (rc == 0 && !once)
			rc = serve(fd);
		if (rc != 0)
			close(fd);
		else if (write(way[1], &fd, sizeof(fd)) != sizeof(fd))
			break;
	}
	return unused;
}

/* Sends (fd >= 0) or gets a descriptor over a socket, with the path of what was read ("": nothing).
 */
static int pass(int over, int fd, char path[200])
{
	char control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {path, 200};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	if (fd < 0) {
		if (recvmsg(over, &msg, 0) <= 0 || !CMSG_FIRSTHDR(&msg))
			return -1;
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
		return fd;
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(over, &msg, 0) == 200 ? fd : -1;
}

/* What comes over the socket, one by one. */
static void *receive(void *unused)
{
	char path[200];
	for (int fd; (fd = pass(way[0], -1, path)) >= 0; close(fd))
		if (!path[0] || answer(fd, path) == 0)
			while (serve(fd) == 0)
				continue;
	return unused;
}

static int start(int processes, int inside)
{
	pthread_t id;
	if (processes || inside ? socketpair(AF_UNIX, SOCK_SEQPACKET, 0, way) : pipe(way))
		return -1;
	for (int i = 0; i < WORKERS; i++) {
		if (!processes) {
			pthread_create(&id, NULL, inside ? receive : work, NULL);
			continue;
		}
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		receive(NULL);
		exit(0);
	}
	return 0;
}

/* A duplicate, and what was asked. */
struct copy {
	int fd;
	char path[200];
};

static void *answer_copy(void *arg)
{
	struct copy *c = arg;
	if (answer(c->fd, c->path) == 0)
		while (serve(c->fd) == 0)
			continue;
	close(c->fd);
	free(c);
	return NULL;
}

static void keep(int fd, char path[200])
{
	static const char part[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it";
	int nowhere[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, nowhere) != 0 ||
	    pass(nowhere[1], fd, path) < 0 || write(fd, part, sizeof(part) - 1) != sizeof(part) - 1)
		exit(1);
	close(nowhere[0]);
	close(nowhere[1]);
}

/* To whoever is there only now. */
static void give(int fd, const char *path, int copied)
{
	pthread_t id;
	struct copy *c = calloc(1, sizeof(*c));
	memcpy(c->path, path, sizeof(c->path));
	c->fd = copied ? dup(fd) : fd;
	if (copied && pthread_create(&id, NULL, answer_copy, c) == 0)
		pthread_detach(id);
	if (copied || fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	answer_copy(c);
	exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	const char *how = argc > 2 ? argv[2] : "";
	int peeked = !strcmp(how, "peeked"), copied = !strcmp(how, "copied"),
	    inside = !strcmp(how, "inside"), forked = !strcmp(how, "forked"),
	    processes = peeked || !strcmp(how, "processes") || !strcmp(how, "read");
	int kept = !strcmp(how, "kept");
	int reads = inside || copied || forked || kept || !strcmp(how, "read");
	once = !strcmp(how, "requests");
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	at.sin_addr.s_addr = upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	upstream.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
	if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 100) != 0 ||
	    start(processes, inside) != 0)
		return 1;
	getsockname(listener, (struct sockaddr *)&at, &len);
	printf("listening on %d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
		char path[200] = "";
		if (reads && ask(fd, path) != 0)
			return 1;
		if (peeked && recv(fd, path, 20, MSG_PEEK) <= 0)
			return 1;
		if (peeked)
			path[0] = '\0';
		if (processes || inside || copied || forked || kept) {
			if (kept)
				keep(fd, path);
			else if (copied || forked)
				give(fd, path, copied);
			else
				pass(way[1], fd, path);
			close(fd);
		} else if (write(way[1], &fd, sizeof(fd)) != sizeof(fd)) {
			return 1;
		}
	}
	return 1;
}
