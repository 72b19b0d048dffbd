/*
 * A server whose connections are accepted by one and served by others: passed UPSTREAM_PORT HOW.
 *   threads     over a pipe to threads; a thread keeps a connection until its end
 *   requests    the same, and after each request the connection goes to whoever is free
 *   processes   with SCM_RIGHTS to processes
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

#define WORKERS 4

static struct sockaddr_in upstream = {.sin_family = AF_INET};
static int way[2]; /* descriptors go in at 1 and come out at 0 */
static int once;   /* a connection is given back after each request */

static int read_head(int fd, char *buf, size_t room)
{
	size_t n = 0;
	do {
		ssize_t rc = read(fd, buf + n, room - 1 - n);
		if (rc <= 0)
			return -1;
		buf[n += (size_t)rc] = '\0';
	} while (!strstr(buf, "\r\n\r\n"));
	return 0;
}

static void call(const char *path)
{
	char text[400];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: up\r\nConnection: close\r\n\r\n", path);
	if (connect(fd, (struct sockaddr *)&upstream, sizeof(upstream)) == 0 &&
	    write(fd, text, (size_t)n) == n)
		while (read(fd, text, sizeof(text)) > 0)
			continue;
	close(fd);
}

/* One request; -1: the connection is over. */
static int serve(int fd)
{
	char head[4000], path[200], answer[400];
	if (read_head(fd, head, sizeof(head)) != 0 || sscanf(head, "GET %199s", path) != 1)
		return -1;
	call(path);
	int n = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(path), path);
	return write(fd, answer, (size_t)n) == n ? 0 : -1;
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

/* Sends (fd >= 0) or gets a descriptor over a socket. */
static int pass(int over, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = "";
	struct iovec iov = {&byte, 1};
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
	return sendmsg(over, &msg, 0) == 1 ? fd : -1;
}

static int start(int processes)
{
	pthread_t id;
	if (processes ? socketpair(AF_UNIX, SOCK_SEQPACKET, 0, way) : pipe(way))
		return -1;
	for (int i = 0; i < WORKERS; i++) {
		if (!processes) {
			pthread_create(&id, NULL, work, NULL);
			continue;
		}
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		for (int fd; (fd = pass(way[0], -1)) >= 0; close(fd))
			while (serve(fd) == 0)
				continue;
		exit(0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int processes = argc > 2 && strcmp(argv[2], "processes") == 0;
	once = argc > 2 && strcmp(argv[2], "requests") == 0;
	signal(SIGPIPE, SIG_IGN);
	at.sin_addr.s_addr = upstream.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	upstream.sin_port = htons((unsigned short)(argc > 1 ? atoi(argv[1]) : 0));
	if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 100) != 0 ||
	    start(processes) != 0)
		return 1;
	getsockname(listener, (struct sockaddr *)&at, &len);
	printf("listening on %d\n", ntohs(at.sin_port));
	fflush(stdout);
	for (int fd; (fd = accept(listener, NULL, NULL)) >= 0;) {
		if (processes) {
			pass(way[1], fd);
			close(fd);
		} else if (write(way[1], &fd, sizeof(fd)) != sizeof(fd)) {
			return 1;
		}
	}
	return 1;
}
