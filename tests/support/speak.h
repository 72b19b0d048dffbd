/*
 * A little HTTP for the programs that make life hard: a call and its answer over a pair of sockets,
 * both sides by plain read and write. Each `speak` makes a client's and a server's span.
 */
#ifndef AT_SUPPORT_SPEAK_H
#define AT_SUPPORT_SPEAK_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char speak_request[] = "GET /speak/17?a=b HTTP/1.1\r\nHost: speak.example\r\n\r\n";
static const char speak_response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static inline void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(9);
}

static inline void speak_write(int fd, const char *data, size_t n)
{
	for (size_t at = 0; at < n;) {
		ssize_t rc = write(fd, data + at, n - at);
		must(rc > 0 || errno == EINTR, "write");
		at += rc > 0 ? (size_t)rc : 0;
	}
}

/* Reads up to and with `end`; 0 at the end of the stream. */
static inline size_t speak_read(int fd, char *buf, size_t room, const char *end)
{
	size_t n = 0, len = strlen(end);
	while (n < len || memcmp(buf + n - len, end, len) != 0) {
		ssize_t rc = read(fd, buf + n, room - n);
		if (rc == 0)
			return 0;
		must(rc > 0 || errno == EINTR, "read");
		n += rc > 0 ? (size_t)rc : 0;
	}
	return n;
}

static inline void speak_pair(int ends[2])
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
}

static int speak_traced; /* requests that carried our line */

/* The request as it was sent, but for one header line. */
static inline void speak_check(const char *buf, size_t n)
{
	size_t lines = sizeof(speak_request) - 3;
	must(n >= lines && memcmp(buf, speak_request, lines) == 0, "the request");
	must(n == sizeof(speak_request) - 1 ||
		     (n == lines + 72 && memcmp(buf + lines, "traceparent: ", 13) == 0),
	     "the line");
	speak_traced += n != sizeof(speak_request) - 1;
}

/* One call from ends[0], served at ends[1]. */
static inline void speak_over(const int ends[2])
{
	char buf[512];
	speak_write(ends[0], speak_request, sizeof(speak_request) - 1);
	speak_check(buf, speak_read(ends[1], buf, sizeof(buf), "\r\n\r\n"));
	speak_write(ends[1], speak_response, sizeof(speak_response) - 1);
	must(speak_read(ends[0], buf, sizeof(buf), "\r\n\r\nok") == sizeof(speak_response) - 1,
	     "the answer");
}

/* The same on a connection of its own. */
static inline void speak(void)
{
	int ends[2];
	speak_pair(ends);
	speak_over(ends);
	close(ends[0]);
	close(ends[1]);
}

/* Serves fd until its end. */
static inline void speak_serve(int fd)
{
	char buf[512];
	for (size_t n; (n = speak_read(fd, buf, sizeof(buf), "\r\n\r\n")) != 0;) {
		speak_check(buf, n);
		speak_write(fd, speak_response, sizeof(speak_response) - 1);
	}
}

static inline double speak_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

#endif
