/*
 * See span.h: the calls that make descriptors, connect them and end them.
 */
#include "hooks/span.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"

/* ---- descriptors that are born: where a number has died before, it is looked at anew ---- */

void span_hook_socket(void)
{
	span_dead_numbers();
	struct ends e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/socket", "root");
}

void span_hook_socketpair(void)
{
	int sv[2];
	span_dead_numbers();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	span_serves(sv[1], sv[0], "/socketpair");
}

static void accepts(int (*fn)(int listener))
{
	struct sockaddr_storage at;
	socklen_t len;
	span_dead_numbers();
	int listener = listen_at(TCP, &at, &len), client = raw_client(&at, len);
	span_dead_numbers();
	span_serves(fn(listener), client, "/accept");
}

static int by_accept(int listener)
{
	return accept(listener, NULL, NULL);
}

static int by_accept4(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int by_syscall(int listener)
{
	return (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
}

void span_hook_accept(void)
{
	accepts(by_accept);
}

void span_hook_accept4(void)
{
	accepts(by_accept4);
}

/* The copy alone is used. */
static void duplicates(int (*fn)(int fd, int number))
{
	int sv[2], number = 50;
	span_dead_numbers();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	RAW(SYS_dup2, sv[1], number);
	close(number);
	span_serves(fn(sv[1], number), sv[0], "/copy");
}

static int by_dup(int fd, int number)
{
	(void)number;
	span_dead_numbers();
	return dup(fd);
}

static int by_dup3(int fd, int number)
{
	return dup3(fd, number, O_CLOEXEC);
}

static int by_fcntl(int fd, int number)
{
	return fcntl(fd, F_DUPFD, number);
}

static int by_fcntl_cloexec(int fd, int number)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, number);
}

static int by_fcntl64(int fd, int number)
{
	return fcntl64(fd, F_DUPFD, number);
}

static int by_fcntl64_cloexec(int fd, int number)
{
	return fcntl64(fd, F_DUPFD_CLOEXEC, number);
}

void span_hook_dup(void)
{
	duplicates(by_dup);
}

void span_hook_dup2(void)
{
	duplicates(dup2);
}

void span_hook_dup3(void)
{
	duplicates(by_dup3);
}

void span_hook_fcntl(void)
{
	duplicates(by_fcntl);
	duplicates(by_fcntl_cloexec);
}

void span_hook_fcntl64(void)
{
	duplicates(by_fcntl64);
	duplicates(by_fcntl64_cloexec);
}

/* ---- connections that fail while a request is open ---- */

void span_hook_connect(void)
{
	struct sockaddr_storage at;
	socklen_t len;
	struct ends e = span_asked("/fails");
	close(listen_at(TCP, &at, &len));
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd, (struct sockaddr *)&at, len) == -1, "connect");
	span_must_come("client", "-", 0, "ECONNREFUSED", "child");
	span_all(write(e.fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_must_come("server", "/fails", 200, "-", "root");
}

void span_hook_getsockopt(void)
{
	struct sockaddr_storage at;
	socklen_t len, size = sizeof(int);
	int error;
	struct ends e = span_asked("/fails");
	close(listen_at(TCP, &at, &len));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	must(connect(fd, (struct sockaddr *)&at, len) == -1 && errno == EINPROGRESS, "connect");
	until(fd, POLLOUT);
	must(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == ECONNREFUSED,
	     "getsockopt");
	span_must_come("client", "-", 0, "ECONNREFUSED", "child");
	span_all(write(e.fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_must_come("server", "/fails", 200, "-", "root");
}

/* ---- ends: an open request ends with its connection, in the call that ends it ---- */

static void ends_with(long (*fn)(int fd))
{
	struct ends e = span_asked("/cut");
	must(fn(e.fd) == 0, "an end");
	span_must_come("server", "/cut", 0, "connection_closed", "root");
}

static long by_close(int fd)
{
	return close(fd);
}

static long by_close_range(int fd)
{
	return close_range((unsigned)fd, (unsigned)fd, 0);
}

static long by_closefrom(int fd)
{
	closefrom(fd);
	return 0;
}

static long by_syscall_close(int fd)
{
	return syscall(SYS_close, fd);
}

static long by_syscall_close_range(int fd)
{
	return syscall(SYS_close_range, fd, fd, 0);
}

/* A stream that has the number of a connection, without having been told. */
static long by_fclose(int fd)
{
	FILE *f = fopen("/dev/null", "r");
	must(f && dup2(fd, fileno(f)) == fileno(f) && close(fd) == 0, "fopen");
	return fclose(f);
}

void span_hook_close(void)
{
	ends_with(by_close);
}

void span_hook_close_range(void)
{
	ends_with(by_close_range);
}

void span_hook_closefrom(void)
{
	ends_with(by_closefrom);
}

void span_hook_fclose(void)
{
	ends_with(by_fclose);
}

void span_hook_syscall(void)
{
	ends_with(by_syscall_close);
	ends_with(by_syscall_close_range);
	accepts(by_syscall);
}

/* stdio takes over: what was open is told as far as it was seen. */
void span_hook_fdopen(void)
{
	struct ends e = span_asked("/stdio");
	must(fdopen(e.fd, "w") != NULL, "fdopen");
	span_must_come("server", "/stdio", 0, "-", "root");
}

/* An answer without a length ends with the writing half. */
void span_hook_shutdown(void)
{
	struct ends e = span_asked("/shut");
	span_all(write(e.fd, "HTTP/1.0 200 OK\r\n\r\nall", 22), 22);
	must(shutdown(e.fd, SHUT_WR) == 0, "shutdown");
	span_must_come("server", "/shut", 200, "-", "root");
}
