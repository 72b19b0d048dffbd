/*
 * See cancel.h: how each call is made, whether it is a cancellation point, and whether it waits.
 * (pthreads(7) says which must be one; what glibc does more is what the program is used to.)
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/cancel.h"
#include "hooks/message.h"
#include "hooks/span.h"

extern char **environ;

#define CALL(name, expression)                         \
	static long make_##name(struct cancel_case *c) \
	{                                              \
		(void)c;                               \
		return (long)(expression);             \
	}
#define ROWS(name, ...) const struct cancel_row cancel_hook_##name[] = {__VA_ARGS__, {0}};
/* Waits in that scene; is a point, or is not. */
#define POINT(name, place)                                                        \
	{                                                                         \
		.call = make_##name, .scene = place, .point = true, .waits = true \
	}
#define NO_POINT(name, place)                                                      \
	{                                                                          \
		.call = make_##name, .scene = place, .waits = true, .unseen = true \
	}
/* Does not wait. */
#define AT_ONCE(name, expression) \
	CALL(name, expression)    \
	ROWS(name, {.call = make_##name})
/* Ends the process with that status. */
#define END(name, code, expression) \
	CALL(name, (expression, 0)) \
	ROWS(name, {.call = make_##name, .scene = CANCEL_END, .status = code})

/* ---- descriptors ---- */

CALL(accept, accept(c->e.fd, NULL, NULL))
CALL(accept4, accept4(c->e.fd, NULL, NULL, SOCK_CLOEXEC))
ROWS(accept, POINT(accept, CANCEL_LISTENER))
ROWS(accept4, POINT(accept4, CANCEL_LISTENER))
CALL(connect, connect(c->e.fd, (const struct sockaddr *)c->at, c->len))
ROWS(connect, POINT(connect, CANCEL_STRANGER))

/* A lock that another open file holds, unless the call is to return. */
static long make_lock(struct cancel_case *c, int (*fn)(int fd, int cmd, ...))
{
	struct flock lock = {.l_type = F_WRLCK};
	char path[40];
	int fd = (int)RAW(SYS_memfd_create, "locked", 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int other = (int)RAW(SYS_open, path, O_RDWR);
	must(fd >= 0 && other >= 0, "a file to lock");
	if (!c->ready)
		must(RAW(SYS_fcntl, other, F_OFD_SETLK, &lock) == 0, "lock");
	return fn(fd, F_OFD_SETLKW, &lock);
}

CALL(fcntl, make_lock(c, fcntl))
CALL(fcntl64, make_lock(c, fcntl64))
CALL(fcntl_get, fcntl(c->pipe[0], F_GETFD))
CALL(fcntl64_get, fcntl64(c->pipe[0], F_GETFD))
ROWS(fcntl, POINT(fcntl, CANCEL_NOTHING), {.call = make_fcntl_get})
ROWS(fcntl64, POINT(fcntl64, CANCEL_NOTHING), {.call = make_fcntl64_get})

CALL(close, close(c->e.fd))
CALL(close_pipe, close(c->pipe[0]))
ROWS(close, {.call = make_close, .scene = CANCEL_IN, .point = true, .gone = true},
     {.call = make_close_pipe, .point = true})

static long make_fclose(struct cancel_case *c)
{
	FILE *f = fdopen(dup(c->e.fd), "w");
	must(f && fputs("x", f) >= 0, "a stream");
	return fclose(f);
}

ROWS(fclose,
     {.call = make_fclose, .scene = CANCEL_CALL, .point = true, .waits = true, .gone = true})

AT_ONCE(socket, socket(AF_INET, SOCK_STREAM, 0))
AT_ONCE(socketpair, socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){0}))
AT_ONCE(bind, bind(socket(AF_UNIX, SOCK_STREAM, 0), &(struct sockaddr){AF_UNIX, ""}, 2))
AT_ONCE(listen, listen(socket(AF_INET, SOCK_STREAM, 0), 1))
AT_ONCE(dup, dup(c->pipe[0]))
AT_ONCE(dup2, dup2(c->pipe[0], c->pipe[1]))
AT_ONCE(dup3, dup3(c->pipe[0], c->pipe[1], 0))
AT_ONCE(fdopen, fdopen(c->pipe[0], "r"))
CALL(getsockopt, getsockopt(c->e.fd, SOL_SOCKET, SO_ERROR, &(int){0}, &(socklen_t){4}))
ROWS(getsockopt, {.call = make_getsockopt, .scene = CANCEL_IN})
CALL(setsockopt, setsockopt(c->e.fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int)))
ROWS(setsockopt, {.call = make_setsockopt, .scene = CANCEL_IN})
CALL(shutdown, shutdown(c->e.fd, SHUT_RDWR))
ROWS(shutdown, {.call = make_shutdown, .scene = CANCEL_IN, .gone = true})
CALL(close_range, close_range((unsigned)c->e.fd, (unsigned)c->e.fd, 0))
ROWS(close_range, {.call = make_close_range, .scene = CANCEL_IN, .gone = true})
CALL(closefrom, (closefrom(900), 0))
ROWS(closefrom, {.call = make_closefrom, .scene = CANCEL_IN})

/* ---- bytes that come in ---- */

static long make_recvmsg(struct cancel_case *c)
{
	char buf[300];
	struct iovec iov = {buf, sizeof(buf)};
	return recvmsg(c->e.fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}

static long make_recvmmsg(struct cancel_case *c)
{
	char buf[300];
	struct iovec iov = {buf, sizeof(buf)};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	return recvmmsg(c->e.fd, &m, 1, 0, NULL);
}

CALL(read, read(c->e.fd, (char[300]){0}, 300))
CALL(readv, readv(c->e.fd, &(struct iovec){(char[300]){0}, 300}, 1))
CALL(recv, recv(c->e.fd, (char[300]){0}, 300, 0))
CALL(recvfrom, recvfrom(c->e.fd, (char[300]){0}, 300, 0, NULL, NULL))
CALL(__read_chk, __read_chk(c->e.fd, (char[300]){0}, 300, 300))
CALL(__recv_chk, __recv_chk(c->e.fd, (char[300]){0}, 300, 300, 0))
CALL(__recvfrom_chk, __recvfrom_chk(c->e.fd, (char[300]){0}, 300, 300, 0, NULL, NULL))
ROWS(read, POINT(read, CANCEL_IN))
ROWS(readv, POINT(readv, CANCEL_IN))
ROWS(recv, POINT(recv, CANCEL_IN))
ROWS(recvfrom, POINT(recvfrom, CANCEL_IN))
ROWS(recvmsg, POINT(recvmsg, CANCEL_IN))
ROWS(recvmmsg, POINT(recvmmsg, CANCEL_IN))
ROWS(__read_chk, POINT(__read_chk, CANCEL_IN))
ROWS(__recv_chk, POINT(__recv_chk, CANCEL_IN))
ROWS(__recvfrom_chk, POINT(__recvfrom_chk, CANCEL_IN))

/* ---- bytes that go out: a server's answer, a client's request ---- */

static const char *text_of(const struct cancel_case *c)
{
	return c->e.role == SERVER ? span_ok
				   : "GET /goes-on HTTP/1.1\r\nHost: peer.example\r\n\r\n";
}

static struct iovec piece_of(const struct cancel_case *c)
{
	return (struct iovec){(void *)text_of(c), strlen(text_of(c))};
}

static long make_writev(struct cancel_case *c)
{
	struct iovec iov = piece_of(c);
	return writev(c->e.fd, &iov, 1);
}

static long make_sendmsg(struct cancel_case *c)
{
	struct iovec iov = piece_of(c);
	return sendmsg(c->e.fd, &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, 0);
}

static long make_sendmmsg(struct cancel_case *c)
{
	struct iovec iov = piece_of(c);
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	return sendmmsg(c->e.fd, &m, 1, 0);
}

/* A file with the text: what is sent comes out of it, or out of a pipe. */
static int file_of(const struct cancel_case *c)
{
	int fd = (int)RAW(SYS_memfd_create, "sent", 0);
	must(RAW(SYS_pwrite64, fd, text_of(c), strlen(text_of(c)), 0) > 0, "a file to send");
	return fd;
}

static long make_splice_out(struct cancel_case *c)
{
	size_t n = strlen(text_of(c));
	must(RAW(SYS_write, c->pipe[1], text_of(c), n) == (long)n, "a pipe");
	return splice(c->pipe[0], NULL, c->e.fd, NULL, n, 0);
}

CALL(write, write(c->e.fd, text_of(c), strlen(text_of(c))))
CALL(send, send(c->e.fd, text_of(c), strlen(text_of(c)), 0))
CALL(sendto, sendto(c->e.fd, text_of(c), strlen(text_of(c)), 0, NULL, 0))
CALL(sendfile, sendfile(c->e.fd, file_of(c), NULL, strlen(text_of(c))))
CALL(sendfile64, sendfile64(c->e.fd, file_of(c), NULL, strlen(text_of(c))))
CALL(splice, splice(c->e.fd, NULL, c->pipe[1], NULL, 300, 0))
ROWS(write, POINT(write, CANCEL_OUT), POINT(write, CANCEL_CALL))
ROWS(writev, POINT(writev, CANCEL_OUT), POINT(writev, CANCEL_CALL))
ROWS(send, POINT(send, CANCEL_OUT), POINT(send, CANCEL_CALL))
ROWS(sendto, POINT(sendto, CANCEL_OUT), POINT(sendto, CANCEL_CALL))
ROWS(sendmsg, POINT(sendmsg, CANCEL_OUT), POINT(sendmsg, CANCEL_CALL))
ROWS(sendmmsg, POINT(sendmmsg, CANCEL_OUT), POINT(sendmmsg, CANCEL_CALL))
ROWS(sendfile, NO_POINT(sendfile, CANCEL_OUT))
ROWS(sendfile64, NO_POINT(sendfile64, CANCEL_OUT))
ROWS(splice,
     {.call = make_splice, .scene = CANCEL_IN, .point = true, .waits = true, .unseen = true},
     {.call = make_splice_out, .scene = CANCEL_OUT, .point = true, .waits = true, .unseen = true})

/* ---- waits ---- */

static int set_of(const struct cancel_case *c)
{
	struct epoll_event event = {.events = EPOLLIN};
	int set = epoll_create1(EPOLL_CLOEXEC);
	must(epoll_ctl(set, EPOLL_CTL_ADD, c->e.fd, &event) == 0, "epoll_ctl");
	return set;
}

static fd_set *one(const struct cancel_case *c)
{
	static fd_set set;
	FD_ZERO(&set);
	FD_SET(c->e.fd, &set);
	return &set;
}

CALL(epoll_ctl, set_of(c))
CALL(epoll_wait, epoll_wait(set_of(c), &(struct epoll_event){0}, 1, -1))
CALL(epoll_pwait, epoll_pwait(set_of(c), &(struct epoll_event){0}, 1, -1, NULL))
CALL(epoll_pwait2, epoll_pwait2(set_of(c), &(struct epoll_event){0}, 1, NULL, NULL))
CALL(poll, poll(&(struct pollfd){c->e.fd, POLLIN, 0}, 1, -1))
CALL(ppoll, ppoll(&(struct pollfd){c->e.fd, POLLIN, 0}, 1, NULL, NULL))
CALL(__poll_chk, __poll_chk(&(struct pollfd){c->e.fd, POLLIN, 0}, 1, -1, 8))
CALL(__ppoll_chk, __ppoll_chk(&(struct pollfd){c->e.fd, POLLIN, 0}, 1, NULL, NULL, 8))
CALL(select, select(c->e.fd + 1, one(c), NULL, NULL, NULL))
CALL(pselect, pselect(c->e.fd + 1, one(c), NULL, NULL, NULL, NULL))
ROWS(epoll_ctl, {.call = make_epoll_ctl, .scene = CANCEL_IN})
ROWS(epoll_wait, POINT(epoll_wait, CANCEL_IN))
ROWS(epoll_pwait, POINT(epoll_pwait, CANCEL_IN))
ROWS(epoll_pwait2, POINT(epoll_pwait2, CANCEL_IN))
ROWS(poll, POINT(poll, CANCEL_IN))
ROWS(ppoll, POINT(ppoll, CANCEL_IN))
ROWS(__poll_chk, POINT(__poll_chk, CANCEL_IN))
ROWS(__ppoll_chk, POINT(__ppoll_chk, CANCEL_IN))
ROWS(select, POINT(select, CANCEL_IN))
ROWS(pselect, POINT(pselect, CANCEL_IN))

/* ---- threads, processes, and what takes any arguments ---- */

static void *idle(void *arg)
{
	return arg;
}

static long make_vfork(struct cancel_case *c)
{
	int status;
	(void)c;
	pid_t child = vfork();
	if (child == 0)
		_exit(0);
	return RAW(SYS_wait4, child, &status, 0, 0);
}

AT_ONCE(pthread_create, pthread_create(&(pthread_t){0}, NULL, idle, NULL))
CALL(pthread_setcanceltype, pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, NULL))
CALL(asynchronous, pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL))
ROWS(pthread_setcanceltype, {.call = make_pthread_setcanceltype},
     {.call = make_asynchronous, .point = true})
AT_ONCE(prctl, prctl(PR_GET_DUMPABLE))
AT_ONCE(dlopen, dlopen("libm.so.6", RTLD_NOW))
ROWS(vfork, {.call = make_vfork})
CALL(syscall_read, syscall(SYS_read, c->e.fd, (char[300]){0}, 300))
CALL(syscall_accept4, syscall(SYS_accept4, c->e.fd, NULL, NULL, 0))
CALL(syscall_close, syscall(SYS_close, c->pipe[0]))
ROWS(syscall, NO_POINT(syscall_read, CANCEL_IN), NO_POINT(syscall_accept4, CANCEL_LISTENER),
     {.call = make_syscall_close})

static char *const arguments[] = {"sh", "-c", "exit 7", NULL};

END(_exit, 3, _exit(3))
END(_Exit, 4, _Exit(4))
END(quick_exit, 5, quick_exit(5))
END(execve, 7, execve("/bin/sh", arguments, environ))
END(execv, 7, execv("/bin/sh", arguments))
END(execvp, 7, execvp("sh", arguments))
END(execvpe, 7, execvpe("sh", arguments, environ))
END(execl, 8, execl("/bin/sh", "sh", "-c", "exit 8", NULL))
END(execlp, 9, execlp("sh", "sh", "-c", "exit 9", NULL))
END(execle, 10, execle("/bin/sh", "sh", "-c", "exit 10", NULL, environ))
END(fexecve, 7, fexecve((int)RAW(SYS_open, "/bin/sh", O_PATH), arguments, environ))
END(execveat, 7, execveat((int)RAW(SYS_open, "/", O_PATH), "bin/sh", arguments, environ, 0))
