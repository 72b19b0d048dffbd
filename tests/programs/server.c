/*
 * A small HTTP server with a thread for each connection: server [OPTION=VALUE]...
 *
 *     leak=BYTES   forgets a block of that size, and a descriptor, with each request (0: none)
 *     serve=N      ends with code 0 after N requests (0: serves until SIGTERM)
 *     threads=0    serves on one thread, one connection after the other (1)
 *
 * Prints "listening on PORT". GET /call/PORT makes a call to 127.0.0.1:PORT before it answers. It
 * ends by exit(0). Needs nothing but libc and can be built with any sanitizer.
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static long leak, serve, threads = 1;
static long served; /* requests answered (atomic) */
static int listener;

static bool send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t rc = send(fd, p, n, MSG_NOSIGNAL);
		if (rc <= 0)
			return false;
		p += rc;
		n -= (size_t)rc;
	}
	return true;
}

/* Asks a server on loopback and reads its answer to the end; false when it is not to be had. */
static bool call(int port)
{
	static const char request[] = "GET /called HTTP/1.1\r\nHost: server.example\r\n"
				      "Connection: close\r\n\r\n";
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
	char answer[4096];
	ssize_t n = -1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return false;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
	    send_all(fd, request, sizeof(request) - 1))
		while ((n = recv(fd, answer, sizeof(answer), 0)) > 0)
			continue;
	close(fd);
	return n == 0;
}

static void forget_something(void)
{
	static char *volatile last;
	if (leak <= 0)
		return;
	last = malloc((size_t)leak);
	memset(last, 1, (size_t)leak);
	dup(0);
}

/* Answers the request whose head is in buf. */
static bool answer(int fd, const char *buf)
{
	char head[200];
	const char *body = "served";
	if (strncmp(buf, "GET /call/", 10) == 0)
		body = call(atoi(buf + 10)) ? "called" : "failed";
	forget_something();
	int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
			 strlen(body), body);
	bool sent = send_all(fd, head, (size_t)n);
	if (__atomic_add_fetch(&served, 1, __ATOMIC_ACQ_REL) == serve)
		kill(getpid(), SIGTERM);
	return sent;
}

/* Requests on a connection until its other end has had enough. */
static void *connection(void *arg)
{
	int fd = (int)(long)arg;
	char buf[8192];
	size_t n = 0;
	for (;;) {
		ssize_t rc = read(fd, buf + n, sizeof(buf) - 1 - n);
		if (rc <= 0)
			break;
		n += (size_t)rc;
		buf[n] = '\0';
		if (n == sizeof(buf) - 1)
			break;
		if (!strstr(buf, "\r\n\r\n"))
			continue;
		if (!answer(fd, buf) || strstr(buf, "Connection: close"))
			break;
		n = 0;
	}
	close(fd);
	return NULL;
}

static void *accept_all(void *unused)
{
	pthread_attr_t attr;
	pthread_t id;
	int fd;
	(void)unused;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		if (!threads)
			connection((void *)(long)fd);
		else if (pthread_create(&id, &attr, connection, (void *)(long)fd) != 0)
			close(fd);
	return NULL;
}

static void read_options(char **arg)
{
	for (; *arg; arg++)
		if (strncmp(*arg, "leak=", 5) == 0)
			leak = atol(*arg + 5);
		else if (strncmp(*arg, "serve=", 6) == 0)
			serve = atol(*arg + 6);
		else if (strncmp(*arg, "threads=", 8) == 0)
			threads = atol(*arg + 8);
		else
			fprintf(stderr, "server: unknown option %s\n", *arg), exit(2);
}

int main(int argc, char **argv)
{
	struct sockaddr_in here = {.sin_family = AF_INET};
	socklen_t len = sizeof(here);
	pthread_t id;
	sigset_t end;
	int sig;
	(void)argc;
	read_options(argv + 1);
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (const struct sockaddr *)&here, len) != 0 ||
	    listen(listener, 128) != 0 ||
	    getsockname(listener, (struct sockaddr *)&here, &len) != 0) {
		perror("server");
		return 1;
	}
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &end, NULL);
	printf("listening on %d\n", ntohs(here.sin_port));
	fflush(stdout);
	if (pthread_create(&id, NULL, accept_all, NULL) != 0)
		return 1;
	sigwait(&end, &sig);
	exit(0);
}
