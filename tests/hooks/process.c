/*
 * Threads, the end of the process, other processes, and the calls that take any arguments.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks/harness.h"

#define NO_FD 777 /* never open */

extern char **environ;

/* ---- threads ---- */

static void *next_letter(void *arg)
{
	return (char *)arg + 1;
}

static void *leave(void *arg)
{
	pthread_exit((char *)arg + 1);
}

static bool runs(const pthread_attr_t *attr, void *(*fn)(void *))
{
	pthread_t id;
	void *result = NULL;
	char text[] = "ab";
	errno = UNTOUCHED;
	return pthread_create(&id, attr, fn, text) == 0 && pthread_join(id, &result) == 0 &&
	       result == text + 1 && errno == UNTOUCHED;
}

/* ---- pthread_setcanceltype ---- */

static void *cancelled_anywhere(void *unused)
{
	int type = 7;
	struct ends e = in_the_middle();
	IS(EINVAL, pthread_setcanceltype(17, &type));
	IS(7, type);
	IS(0, pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type));
	IS(PTHREAD_CANCEL_DEFERRED, type);
	IS(0, pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	IS((long)strlen(heard(&e)) - 30, read(e.fd, (char[100]){0}, 100));
	part(&e);
	pthread_cancel(pthread_self());
	must(false, "cancelled");
	return unused;
}

void test_hook_pthread_setcanceltype(void)
{
	pthread_t id;
	void *result = NULL;
	sigset_t before, after;
	int type = 7;
	sigprocmask(SIG_SETMASK, NULL, &before);
	must(pthread_create(&id, NULL, cancelled_anywhere, NULL) == 0, "pthread_create");
	CHECK(pthread_join(id, &result) == 0 && result == PTHREAD_CANCELED);
	IS(0, pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &type));
	IS(PTHREAD_CANCEL_DEFERRED, type);
	struct ends e = in_the_middle();
	part(&e);
	sigprocmask(SIG_SETMASK, NULL, &after);
	CHECK(memcmp(&before, &after, sizeof(before)) == 0);
}

/* ---- pthread_create ---- */

static void threads(void)
{
	pthread_t id;
	pthread_attr_t attr, small;
	pthread_attr_init(&attr);
	pthread_attr_init(&small);
	CHECK(runs(NULL, next_letter));
	CHECK(runs(NULL, leave));
	CHECK(pthread_attr_setstacksize(&small, (size_t)PTHREAD_STACK_MIN) == 0);
	CHECK(runs(&small, next_letter));
	CHECK(pthread_attr_setstacksize(&attr, (size_t)1 << 46) == 0);
	for (int i = 0; i < 1000; i++)
		if (pthread_create(&id, &attr, next_letter, NULL) != EAGAIN)
			must(false, "too large a stack");
	CHECK(runs(NULL, next_letter));
}

void test_hook_pthread_create(void)
{
	threads();
	/* The same while a request is being served, which a new thread inherits. */
	struct ends e = in_the_middle();
	IS((long)strlen(heard(&e)) - 30, read(e.fd, (char[100]){0}, 100));
	threads();
	part(&e);
}

/* ---- the end ---- */

static void at_exit_says(void)
{
	say("exit handler");
	fflush(stdout);
}

struct end {
	void (*fn)(int); /* the way to go */
	int status;      /* its argument */
	struct ends e;   /* an open request */
};

static void end_it(void *arg)
{
	struct end *end = arg;
	peer_say(&end->e, "GET / HTTP/1.1\r\n\r\n");
	end->fn(end->status);
}

static void *end_from_thread(void *arg)
{
	end_it(arg);
	return NULL;
}

static void end_it_elsewhere(void *arg)
{
	pthread_t id;
	pthread_create(&id, NULL, end_from_thread, arg);
	pthread_join(id, NULL);
}

static void ending(void (*fn)(int))
{
	struct end end = {fn, 42, in_the_middle()};
	atexit(at_exit_says);
	at_quick_exit(at_exit_says);
	in_child("one with 42", end_it, &end);
	end.status = 256 + 7;
	in_child("one with 263", end_it, &end);
	end.status = -1;
	in_child("one with -1", end_it, &end);
	end.status = 3;
	in_child("one from a thread", end_it_elsewhere, &end);
	fflush(stdout);
	if (!failures())
		RAW(SYS_exit_group, 0);
}

void test_hook__exit(void)
{
	ending(_exit);
}

void test_hook__Exit(void)
{
	ending(_Exit);
}

void test_hook_quick_exit(void)
{
	ending(quick_exit);
}

/* ---- vfork and its kin ---- */

static void status_of(const char *what, pid_t child)
{
	int status = -1;
	must(child > 0 && waitpid(child, &status, 0) == child, what);
	say("%s: status %x", what, (unsigned)status);
}

/* A child that treats descriptors as Python's does: these die in the child alone. */
static void close_all(void)
{
	for (int fd = 3; fd < 100; fd++)
		close(fd);
	close_range(3, ~0u, 0);
}

static void still_there(struct ends *e)
{
	char buf[200];
	IS(5, read(e->fd, buf, 5));
	IS((long)strlen(said(e)), write(e->fd, said(e), strlen(said(e))));
	CHECK(peer_take(e, strlen(said(e)), NULL) == strlen(said(e)));
	peer_say(e, "GET / HTTP/1.1\r\n\r\n");
	TELL(read(e->fd, buf, sizeof(buf)));
}

static void no_more_processes(void *unused)
{
	struct rlimit none = {0, 0};
	(void)unused;
	must(setresuid(65534, 65534, 65534) == 0, "setresuid");
	setrlimit(RLIMIT_NPROC, &none);
	errno = 0;
	pid_t child = vfork();
	if (child == 0)
		_exit(0);
	say("no more processes: %d %s", child, strerrorname_np(errno));
	fflush(stdout);
	RAW(SYS_exit_group, 0);
}

void test_hook_vfork(void)
{
	volatile int mine = 1;
	struct ends e = in_the_middle();
	fflush(stdout);
	pid_t child = vfork();
	if (child == 0) {
		mine = 2;
		close_all();
		_exit(mine + 5);
	}
	status_of("one that closes all", child);
	CHECK(mine == 2);
	still_there(&e);
	fflush(stdout);
	child = vfork();
	if (child == 0) {
		dup2(open("/dev/null", O_RDWR), 0);
		execl("/bin/echo", "echo", "from vfork", (char *)NULL);
		_exit(1);
	}
	status_of("echo", child);
	child = vfork();
	if (child == 0) {
		execl("/nowhere", "x", (char *)NULL);
		_exit(errno == ENOENT ? 11 : 12);
	}
	status_of("nowhere", child);
	child = vfork();
	if (child == 0) {
		pid_t grandchild = vfork();
		if (grandchild == 0)
			_exit(3);
		int status = 0;
		waitpid(grandchild, &status, 0);
		_exit(WEXITSTATUS(status) + 1);
	}
	status_of("a child's child", child);
	if (getuid() == 0)
		in_child("one without children", no_more_processes, NULL);
	part(&e);
}

static int cloned(void *unused)
{
	(void)unused;
	close_all();
	RAW(SYS_exit, 9);
	return 0;
}

/* What libc makes of vfork's like by itself, and the program by clone: no hook sees it. */
static void spawned(struct ends *e)
{
	posix_spawn_file_actions_t actions;
	char *args[] = {(char *)"sh", (char *)"-c",
			(char *)"echo spawned; ls /proc/self/fd | wc -l", NULL};
	pid_t child;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	fflush(stdout);
	IS(0, posix_spawn(&child, "/bin/sh", &actions, NULL, args, environ));
	status_of("posix_spawn", child);
	CHECK(posix_spawnp(&child, "sh", &actions, NULL, args, environ) == 0);
	status_of("posix_spawnp", child);
	CHECK(posix_spawn(&child, "/nowhere", NULL, NULL, args, environ) == ENOENT);
	IS(0, posix_spawn_file_actions_destroy(&actions));
	fflush(stdout);
	TELL(system("echo by system; exit 5"));
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fflush(stdout);
	child = clone(cloned, stack + 65536, SIGCHLD, NULL);
	status_of("clone", child);
	still_there(e);
}

/* ---- syscall ---- */

static long close_by_syscall(int fd)
{
	return syscall(SYS_close, fd);
}

/* A thread that is to be cancelled goes on: syscall() is no place to do it. */
static void *uncancelled(void *arg)
{
	struct ends *e = arg;
	struct sockaddr_storage at;
	socklen_t len;
	int listener = listen_at(TCP, &at, &len), client = raw_client(&at, len);
	pthread_cancel(pthread_self());
	int fd = (int)syscall(SYS_accept4, listener, NULL, NULL, 0);
	syscall(SYS_close, fd);
	syscall(SYS_close, listener);
	syscall(SYS_close_range, NO_FD, NO_FD, 0);
	RAW(SYS_close, client);
	e->asked = true;
	syscall(SYS_close, e->fd);
	return e;
}

void test_hook_syscall(void)
{
	struct sockaddr_storage at;
	socklen_t len;
	pthread_t id;
	void *result;
	ERR(EBADF, close_by_syscall(-1));
	ERR(EBADF, close_by_syscall(NO_FD));
	struct ends e = in_the_middle();
	IS(0, close_by_syscall(e.fd));
	ERR(EBADF, close_by_syscall(e.fd));
	TELL(RAW(SYS_recvfrom, e.peer, (char[1]){0}, 1, 0, 0, 0));
	e.fd = -1;
	part(&e);
	int listener = listen_at(TCP, &at, &len), client = raw_client(&at, len);
	int fd = FD((int)syscall(SYS_accept4, listener, NULL, NULL, SOCK_CLOEXEC));
	IS(FD_CLOEXEC, fcntl(fd, F_GETFD));
	must(RAW(SYS_sendto, client, "GET / HTTP/1.1\r\n\r\n", 18, 0, 0, 0) == 18, "send");
	IS(18, syscall(SYS_read, fd, (char[50]){0}, 50));
	ERR(EBADF, syscall(SYS_accept4, -1, NULL, NULL, 0));
	ERR(EINVAL, syscall(SYS_accept4, listener, NULL, NULL, 0x1234));
	ERR(EFAULT, syscall(SYS_accept4, (raw_client(&at, len), listener), nowhere, &len, 0));
	ERR(EINVAL, syscall(SYS_close_range, 10, 9, 0));
	e = in_the_middle();
	pthread_create(&id, NULL, uncancelled, &e);
	pthread_join(id, &result);
	CHECK(e.asked && result == &e);
	IS(0, syscall(SYS_close_range, 3, ~0u, 0));
	ERR(EBADF, fcntl(listener, F_GETFD));
	CHECK(syscall(SYS_getpid) == getpid());
	char *p = (char *)syscall(SYS_mmap, NULL, 4096L, (long)PROT_READ | PROT_WRITE,
				  (long)MAP_PRIVATE | MAP_ANONYMOUS, -1L, 0L);
	p[4095] = 'x';
	CHECK(p[4095] == 'x');
	ERR(ENOSYS, syscall(99999, 1, 2, 3, 4, 5, 6));
	e = in_the_middle();
	spawned(&e);
	part(&e);
}

/* ---- dlopen ---- */

void test_hook_dlopen(void)
{
	void *m = dlopen("libm.so.6", RTLD_NOW | RTLD_DEEPBIND);
	double (*root)(double) = m ? (double (*)(double))dlsym(m, "sqrt") : NULL;
	CHECK(root && root(81) == 9);
	CHECK(dlopen("/nowhere/lib.so", RTLD_NOW) == NULL);
	say("%s", dlerror());
	CHECK(dlopen(NULL, RTLD_NOW) != NULL);
	CHECK(dlopen("libm.so.6", 0x7700) == NULL);
	say("%s", dlerror());
	CHECK(dlopen("libm.so.6", RTLD_NOW | RTLD_NOLOAD) == m);
	CHECK(dlopen("libnothing-of-the-kind.so", RTLD_NOW | RTLD_NOLOAD) == NULL);
	say("%s", dlerror());
	/* What dlsym finds is what the linker would have taken. */
	ssize_t (*reads)(int, void *, size_t) =
		(ssize_t(*)(int, void *, size_t))dlsym(RTLD_DEFAULT, "read");
	struct ends e = in_the_middle();
	CHECK(reads == read);
	IS(5, reads(e.fd, (char[5]){0}, 5));
	CHECK(dlclose(m) == 0);
	part(&e);
}

/* ---- exec ---- */

static char *const echo_args[] = {(char *)"echo", (char *)"one", (char *)"two", NULL};
static char *const sh_args[] = {(char *)"sh", (char *)"-c", (char *)"echo $KEPT", NULL};
static char *kept[] = {(char *)"KEPT=yes", NULL};
static int bin;

#define EXEC(name, good_call, ...)                      \
	static void good_##name(void *unused)           \
	{                                               \
		(void)unused;                           \
		good_call;                              \
	}                                               \
	static void bad_##name(void)                    \
	{                                               \
		__VA_ARGS__;                            \
	}                                               \
	void test_hook_##name(void)                     \
	{                                               \
		struct ends e = in_the_middle();        \
		bin = open("/bin", O_PATH | O_CLOEXEC); \
		setenv("KEPT", "yes", 1);               \
		bad_##name();                           \
		in_child(#name, good_##name, NULL);     \
		still_there(&e);                        \
		part(&e);                               \
	}

EXEC(execve, execve("/bin/sh", sh_args, kept), ERR(ENOENT, execve("/nowhere", echo_args, kept)),
     ERR(EFAULT, execve(nowhere, echo_args, kept)), ERR(EFAULT, execve("/bin/sh", nowhere, kept)),
     ERR(EACCES, execve("/etc/passwd", echo_args, kept)))
EXEC(execv, execv("/bin/echo", echo_args), ERR(EACCES, execv("/etc/passwd", echo_args)),
     ERR(EFAULT, execv("/bin/echo", nowhere)), ERR(ENOTDIR, execv("/etc/passwd/x", echo_args)))
EXEC(execvp, execvp("sh", sh_args), ERR(ENOENT, execvp("no-such-program", echo_args)),
     ERR(ENOENT, execvp("", echo_args)), ERR(EACCES, execvp("/etc/passwd", echo_args)))
EXEC(execvpe, execvpe("sh", sh_args, kept),
     ERR(ENOENT, execvpe("no-such-program", echo_args, kept)),
     ERR(EACCES, execvpe("/", echo_args, kept)))
EXEC(execl, execl("/bin/echo", "echo", "1", "2", "3", "4", "5", "6", "7", "8", (char *)NULL),
     ERR(ENOENT, execl("/nowhere", "x", (char *)NULL)),
     ERR(EACCES, execl("/", "x", "y", (char *)NULL)))
EXEC(execlp, execlp("echo", "echo", "1", "2", "3", "4", "5", "6", "7", (char *)NULL),
     ERR(ENOENT, execlp("no-such-program", "x", (char *)NULL)),
     ERR(ENOENT, execlp("", "x", (char *)NULL)))
EXEC(execle,
     execle("/bin/sh", "sh", "-c", "echo $KEPT $0 $1 $2 $3", "1", "2", "3", "4", (char *)NULL,
	    kept),
     ERR(ENOENT, execle("/nowhere", "x", (char *)NULL, kept)),
     ERR(EACCES, execle("/", "x", (char *)NULL, kept)))
EXEC(fexecve, fexecve(open("/bin/sh", O_PATH), sh_args, kept),
     ERR(EINVAL, fexecve(-1, echo_args, kept)), ERR(EACCES, fexecve(bin, echo_args, kept)),
     ERR(EBADF, fexecve(NO_FD, echo_args, kept)))
EXEC(execveat, execveat(bin, "sh", sh_args, kept, 0),
     ERR(ENOENT, execveat(bin, "nowhere", echo_args, kept, 0)),
     ERR(EBADF, execveat(NO_FD, "sh", echo_args, kept, 0)),
     ERR(EINVAL, execveat(bin, "sh", echo_args, kept, 0x70000)),
     ERR(EFAULT, execveat(bin, nowhere, echo_args, kept, 0)))

/* ---- prctl ---- */

/* A filter that forbids nothing. */
static void filtered(void *unused)
{
	struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
	struct sock_fprog all = {1, &allow};
	struct ends e = in_the_middle();
	(void)unused;
	IS(0, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	IS(0, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all));
	IS(2, prctl(PR_GET_SECCOMP));
	still_there(&e);
	part(&e);
	fflush(stdout);
	RAW(SYS_exit_group, failures() ? 1 : 0);
}

void test_hook_prctl(void)
{
	char name[16] = "";
	IS(0, prctl(PR_SET_NAME, "hooks-prctl"));
	IS(0, prctl(PR_GET_NAME, name));
	CHECK(strcmp(name, "hooks-prctl") == 0);
	IS(0, prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	IS(1, prctl(PR_GET_DUMPABLE));
	ERR(EINVAL, prctl(99999, 1, 2, 3, 4));
	ERR(EFAULT, prctl(PR_GET_NAME, nowhere));
	ERR(EFAULT, prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, null));
	ERR(EINVAL, prctl(PR_SET_SECCOMP, 77, null));
	in_child("one with a filter", filtered, NULL);
}
