/*
 * See span.h: waits, threads, other libraries, and the end of the process.
 */
#include "hooks/span.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"
#include "hooks/message.h"

/* ---- waits: two requests are open; after the wait nobody's work is done by this thread ---- */

/* Two open requests, for each of which a call was made: the second is being worked on. */
static void two_open(struct ends *a, struct ends *b)
{
	*a = span_asked("/a");
	struct ends e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/for-a", "child");
	*b = span_asked("/b");
	e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/for-b", "child");
}

/* Without a wait the request read last is the parent; so the wait is what makes the difference. */
static void waits(int (*fn)(const int fds[2]))
{
	struct ends a, b, e;
	two_open(&a, &b);
	const int fds[] = {a.fd, b.fd};
	must(fn(fds) == 0, "a wait");
	e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/after", "root");
	span_answers(&a, "/a");
	span_answers(&b, "/b");
}

static int in_epoll_wait(const int fds[2])
{
	struct epoll_event got;
	(void)fds;
	return epoll_wait(epoll_create1(0), &got, 1, 1);
}

static int in_epoll_pwait(const int fds[2])
{
	struct epoll_event got;
	(void)fds;
	return epoll_pwait(epoll_create1(0), &got, 1, 1, NULL);
}

static int in_epoll_pwait2(const int fds[2])
{
	struct epoll_event got;
	struct timespec t = {0, 1000000};
	(void)fds;
	return epoll_pwait2(epoll_create1(0), &got, 1, &t, NULL);
}

typedef int poll_fn(struct pollfd *fds, nfds_t count);

static int plain_poll(struct pollfd *fds, nfds_t count)
{
	return poll(fds, count, 1);
}

static int plain_poll_chk(struct pollfd *fds, nfds_t count)
{
	return __poll_chk(fds, count, 1, count * sizeof(*fds));
}

static int plain_ppoll(struct pollfd *fds, nfds_t count)
{
	struct timespec t = {0, 1000000};
	return ppoll(fds, count, &t, NULL);
}

static int plain_ppoll_chk(struct pollfd *fds, nfds_t count)
{
	struct timespec t = {0, 1000000};
	return __ppoll_chk(fds, count, &t, NULL, count * sizeof(*fds));
}

static int both(poll_fn *fn, const int fds[2])
{
	struct pollfd p[] = {{fds[0], POLLIN, 0}, {fds[1], POLLIN, 0}};
	return fn(p, 2);
}

static int in_select(const int fds[2])
{
	struct timeval t = {0, 1000};
	fd_set r;
	FD_ZERO(&r);
	FD_SET(fds[0], &r);
	FD_SET(fds[1], &r);
	return select(FD_SETSIZE, &r, NULL, NULL, &t);
}

static int in_pselect(const int fds[2])
{
	struct timespec t = {0, 1000000};
	fd_set r;
	FD_ZERO(&r);
	FD_SET(fds[0], &r);
	FD_SET(fds[1], &r);
	return pselect(FD_SETSIZE, &r, NULL, NULL, &t, NULL);
}

/* Without it nobody knows that the pipe wakes a loop. */
void span_hook_epoll_ctl(void)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct ends a, e;
	int tube[2], set = epoll_create1(0);
	must(pipe(tube) == 0 && epoll_ctl(set, EPOLL_CTL_ADD, tube[0], &event) == 0, "a pipe");
	must(write(tube[1], "x", 1) == 1 && epoll_wait(set, &event, 1, -1) == 1, "a wait");
	must(read(tube[0], &(char){0}, 1) == 1, "an event");
	a = span_asked("/a");
	e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/before", "child");
	must(write(tube[1], "x", 1) == 1 && read(tube[0], &(char){0}, 1) == 1, "another");
	e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/after", "root");
	span_answers(&a, "/a");
}

void span_hook_epoll_wait(void)
{
	waits(in_epoll_wait);
}

void span_hook_epoll_pwait(void)
{
	waits(in_epoll_pwait);
}

void span_hook_epoll_pwait2(void)
{
	waits(in_epoll_pwait2);
}

void span_hook_select(void)
{
	waits(in_select);
}

void span_hook_pselect(void)
{
	waits(in_pselect);
}

/* Besides: a client that waited for its answer in vain and gave up. */
static void gives_up(poll_fn *fn)
{
	struct ends e = join(TCP, CLIENT, HTTP);
	struct pollfd p = {e.fd, POLLIN, 0};
	span_all(write(e.fd, span_get("/late"), strlen(span_get("/late"))),
		 strlen(span_get("/late")));
	must(fn(&p, 1) == 0 && close(e.fd) == 0, "a wait in vain");
	span_must_come("client", "/late", 0, "timeout", "root");
}

#define POLLS(name, plain)                     \
	static int in_##name(const int fds[2]) \
	{                                      \
		return both(plain, fds);       \
	}                                      \
	void span_hook_##name(void)            \
	{                                      \
		gives_up(plain);               \
		waits(in_##name);              \
	}
POLLS(poll, plain_poll)
POLLS(__poll_chk, plain_poll_chk)
POLLS(ppoll, plain_ppoll)
POLLS(__ppoll_chk, plain_ppoll_chk)

/* A socket that listens is known as one when a connection was accepted from it: then a wait for the
 * next ends the current work. `seen` and `unseen`: which of bind and listen the library sees. */
static void listens(bool seen_bind, bool seen_listen)
{
	struct sockaddr_storage at;
	struct sockaddr *name = (struct sockaddr *)&at;
	socklen_t len = name_of(TCP, &at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must((seen_bind ? bind(fd, name, len) : (int)RAW(SYS_bind, fd, name, len)) == 0, "bind");
	must((seen_listen ? listen(fd, 5) : (int)RAW(SYS_listen, fd, 5)) == 0, "listen");
	len = sizeof(at);
	must(getsockname(fd, name, &len) == 0, "getsockname");
	struct ends a = span_asked("/a"), b = {.role = SERVER}, e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/for-a", "child");
	b.peer = raw_client(&at, len);
	b.fd = accept(fd, NULL, NULL);
	peer_say(&b, span_get("/b"));
	must(read(b.fd, (char[200]){0}, 200) > 0, "read");
	e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/for-b", "child");
	struct pollfd p[] = {{fd, POLLIN, 0}, {-1, 0, 0}};
	must(poll(p, 2, 1) == 0, "poll");
	e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/after", "root");
	span_answers(&a, "/a");
	span_answers(&b, "/b");
}

void span_hook_bind(void)
{
	listens(true, false);
}

void span_hook_listen(void)
{
	listens(false, true);
}

/* ---- threads ---- */

static void *calls_out(void *unused)
{
	struct ends e = join(TCP, CLIENT, HTTP);
	span_calls(&e, "/by-another", "child");
	return unused;
}

static void *ends(void *unused)
{
	return unused;
}

/* Threads that end while the request is open make the program one whose threads are helpers. */
void span_hook_pthread_create(void)
{
	pthread_t id;
	struct ends a, b;
	two_open(&a, &b);
	for (int i = 0; i < 4; i++)
		must(pthread_create(&id, NULL, ends, NULL) == 0 && pthread_join(id, NULL) == 0,
		     "pthread_create");
	must(pthread_create(&id, NULL, calls_out, NULL) == 0 && pthread_join(id, NULL) == 0,
	     "pthread_create");
	span_answers(&a, "/a");
	span_answers(&b, "/b");
}

/* Cancelled behind what it answers, wherever that is. */
static void *answers_to_the_end(void *e)
{
	must(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0, "asynchronous");
	span_answers(e, "/cancelled");
	while (e)
		continue;
	return e;
}

void span_hook_pthread_setcanceltype(void)
{
	pthread_t id;
	void *result = NULL;
	struct ends e = span_asked("/cancelled");
	must(pthread_create(&id, NULL, answers_to_the_end, &e) == 0, "pthread_create");
	usleep(10000);
	must(pthread_cancel(id) == 0 && pthread_join(id, &result) == 0, "pthread_cancel");
	must(result == PTHREAD_CANCELED, "cancelled");
}

/* ---- other libraries ---- */

/* Loads what lies beside this program. */
static void *load(const char *name, int flags)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 50);
	must(n > 0, "readlink");
	path[n] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	return dlopen(path, RTLD_NOW | flags);
}

/* deep.so calls read and write itself; opened so that libc's own would come before ours. */
void span_hook_dlopen(void)
{
	void *library = load("deep.so", RTLD_DEEPBIND);
	int (*serve)(int, const char *) =
		library ? (int (*)(int, const char *))dlsym(library, "deep_serve") : NULL;
	struct ends e = join(TCP, SERVER, HTTP);
	peer_say(&e, span_get("/deep"));
	must(serve && serve(e.fd, span_ok) == 0, "deep.so");
	span_must_come("server", "/deep", 200, "-", "root");
}

static struct ends waiting; /* a request that is answered in answers_waiting */

static void answers_waiting(void)
{
	span_answers(&waiting, "/python");
	span_end();
}

/* python.so is a Python whose lock this thread has let go when it listens: the library's own work
 * in it is done in the next call that comes by with the lock, and answers. */
void span_hook_setsockopt(void)
{
	void *library = load("python.so", 0);
	must(library != NULL, "python.so");
	((void (*)(void (*)(void)))dlsym(library, "python_on_work"))(answers_waiting);
	waiting = span_asked("/python");
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(listen(fd, 1) == 0, "listen");
	((void (*)(void))dlsym(library, "python_locked"))();
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0, "setsockopt");
}

/* ---- the end, and other programs ---- */

/* What is open when the process ends is told as cut by it. */
static void leaves_open(void)
{
	span_asked("/open");
	span_must_come("server", "/open", 0, "process_exit", "root");
	fflush(stdout);
}

void span_hook__exit(void)
{
	leaves_open();
	_exit(0);
}

void span_hook__Exit(void)
{
	leaves_open();
	_Exit(0);
}

void span_hook_quick_exit(void)
{
	leaves_open();
	quick_exit(0);
}

/* A request that is open in the parent process is as it was after the child has closed it. */
void span_hook_vfork(void)
{
	struct ends e = span_asked("/vfork");
	fflush(stdout);
	pid_t child = vfork();
	if (child == 0) {
		close(e.fd);
		close_range(3, ~0u, 0);
		_exit(0);
	}
	must(child > 0, "vfork");
	span_answers(&e, "/vfork");
}

static char *const no_args[] = {(char *)"true", NULL};
static char *const no_env[] = {NULL};

/* What is finished is delivered before the memory goes. */
#define EXEC(name, ...)                                \
	void span_hook_##name(void)                    \
	{                                              \
		struct ends e = span_asked("/before"); \
		span_answers(&e, "/before");           \
		fflush(stdout);                        \
		__VA_ARGS__;                           \
		must(false, #name);                    \
	}
EXEC(execve, execve("/bin/true", no_args, no_env))
EXEC(execv, unsetenv("LD_PRELOAD"); execv("/bin/true", no_args))
EXEC(execvp, unsetenv("LD_PRELOAD"); execvp("true", no_args))
EXEC(execvpe, execvpe("true", no_args, no_env))
EXEC(execl, unsetenv("LD_PRELOAD"); execl("/bin/true", "true", (char *)NULL))
EXEC(execlp, unsetenv("LD_PRELOAD"); execlp("true", "true", (char *)NULL))
EXEC(execle, execle("/bin/true", "true", (char *)NULL, no_env))
EXEC(fexecve, fexecve(open("/bin/true", O_PATH), no_args, no_env))
EXEC(execveat, execveat(-1, "/bin/true", no_args, no_env, 0))

/* What is finished before the program filters its own calls is told; what comes after is not. */
void span_hook_prctl(void)
{
	struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	struct sock_fprog all = {1, &allow};
	struct ends e = span_asked("/before"), late = span_asked("/unanswered");
	char answer[100];
	span_answers(&e, "/before");
	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no new privileges");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all) == 0, "a filter");
	span_all(write(late.fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_all((ssize_t)peer_drain(&late, strlen(span_ok), answer, sizeof(answer), NULL),
		 strlen(span_ok));
}
