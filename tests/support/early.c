/*
 * A library to be preloaded behind the one under test, so that its constructor runs before that
 * one's and its destructor after: both open, use and close descriptors in many ways.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(9);
}

static void *idle(void *arg)
{
	return arg;
}

static void bytes(int a, int b)
{
	char buf[8];
	struct iovec iov = {(char *)"vec", 3};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	must(write(a, "one", 3) == 3 && read(b, buf, 8) == 3, "read");
	must(send(a, "two", 3, 0) == 3 && recv(b, buf, 8, 0) == 3, "recv");
	must(writev(a, &iov, 1) == 3 && recvfrom(b, buf, 8, 0, NULL, NULL) == 3, "recvfrom");
	must(sendmsg(a, &msg, 0) == 3 && recv(b, buf, 8, MSG_PEEK) == 3, "sendmsg");
	iov = (struct iovec){buf, 8};
	must(recvmsg(b, &msg, 0) == 3 && memcmp(buf, "vec", 3) == 0, "recvmsg");
	errno = 0;
	must(recv(b, buf, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN, "EAGAIN");
	must(read(-1, buf, 8) == -1 && errno == EBADF, "EBADF");
}

static void waits(int a, int b)
{
	struct pollfd look = {.fd = b, .events = POLLIN};
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(EPOLL_CLOEXEC);
	must(epoll_ctl(set, EPOLL_CTL_ADD, b, &event) == 0, "epoll_ctl");
	must(poll(&look, 1, 0) == 0 && epoll_wait(set, &event, 1, 0) == 0, "nothing yet");
	must(write(a, "x", 1) == 1 && poll(&look, 1, -1) == 1, "poll");
	must(epoll_wait(set, &event, 1, -1) == 1, "epoll_wait");
	must(close(set) == 0, "close");
}

static void work(const char *when)
{
	int ends[2];
	pthread_t id;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	bytes(ends[0], ends[1]);
	waits(ends[0], ends[1]);
	int copy = dup(ends[0]);
	must(copy >= 0 && fcntl(copy, F_GETFD) == 0 && dup2(copy, ends[1]) == ends[1], "dup");
	FILE *f = fdopen(copy, "w");
	must(f && fclose(f) == 0, "fclose");
	must(syscall(SYS_close, ends[0]) == 0 && close(ends[1]) == 0, "close");
	must(pthread_create(&id, NULL, idle, NULL) == 0 && pthread_join(id, NULL) == 0, "thread");
	must(write(1, when, strlen(when)) == (ssize_t)strlen(when), "write");
}

__attribute__((constructor)) static void begin(void)
{
	work("before\n");
}

__attribute__((destructor)) static void end(void)
{
	work("after\n");
}
