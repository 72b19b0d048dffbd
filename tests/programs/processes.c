/*
 * Processes made and changed in every way, by a program that speaks HTTP with itself.
 *
 *   processes SCENARIO [ARGUMENTS]
 *
 * Prints what the test wants to know, and "ok" when all that the program itself can see is right.
 */
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../support/speak.h"

static const char *const *args;

static void join(pid_t pid)
{
	int status = -1;
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	must(status == 0, "the child's status");
}

/* ---- a child that no fork handler has seen ---- */

/* Without a library in between. */
static long inline_fork(void)
{
	long rc;
	__asm__ volatile("syscall" : "=a"(rc) : "a"(SYS_fork) : "rcx", "r11", "memory");
	return rc;
}

static pid_t bare_child(const char *how)
{
	if (strcmp(how, "fork") == 0)
		return (pid_t)syscall(SYS_fork);
	if (strcmp(how, "inline") == 0)
		return (pid_t)inline_fork();
	if (strcmp(how, "_Fork") == 0)
		return _Fork();
	if (strcmp(how, "clone") == 0)
		return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	struct clone_args a = {.exit_signal = SIGCHLD};
	return (pid_t)syscall(SYS_clone3, &a, sizeof(a));
}

static void *nothing(void *arg)
{
	return arg;
}

/* HOW WHEN: `late`, after spans of the parent's own; `threads`: and after other threads; EXIT. */
static void bare(void)
{
	pthread_t id;
	if (strcmp(args[1], "early") != 0) {
		speak();
		usleep(100000); /* the exporter has come to rest */
	}
	if (strcmp(args[1], "threads") == 0) {
		must(pthread_create(&id, NULL, nothing, NULL) == 0, "thread");
		pthread_join(id, NULL);
	}
	double began = speak_now();
	pid_t pid = bare_child(args[0]);
	if (pid == 0) {
		speak();
		if (strcmp(args[2], "exit") == 0)
			exit(0);
		_exit(0);
	}
	join(pid);
	printf("child %d took %.0f ms\n", pid, speak_now() - began);
	speak();
}

/* ---- a child in our memory ---- */

static int open_ends[2]; /* a request is under way here */

static int in_our_memory(void *unused)
{
	(void)unused;
	close(open_ends[1]);
	dup2(2, open_ends[0]);
	close_range(3, ~0u, 0);
	closefrom(3);
	if (args[0] && strcmp(args[0], "exec") == 0)
		execl("/bin/true", "true", (char *)NULL);
	_exit(0);
}

/* It closes everything and ends, while a request of the parent's is open. */
static void guest_in_memory(pid_t (*make)(void))
{
	char buf[512];
	speak();
	speak_pair(open_ends);
	speak_write(open_ends[0], speak_request, sizeof(speak_request) - 1);
	speak_read(open_ends[1], buf, sizeof(buf), "\r\n\r\n");
	for (int i = 0; i < 10; i++)
		join(make());
	speak_write(open_ends[1], speak_response, sizeof(speak_response) - 1);
	speak_read(open_ends[0], buf, sizeof(buf), "\r\n\r\nok");
	close(open_ends[0]);
	close(open_ends[1]);
	speak();
}

static pid_t by_clone(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	pid_t pid =
		clone(in_our_memory, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	must(pid > 0, "clone");
	return pid;
}

static pid_t by_vfork(void)
{
	pid_t pid = vfork();
	if (pid == 0)
		in_our_memory(NULL);
	must(pid > 0, "vfork");
	return pid;
}

static void clone_vm(void)
{
	guest_in_memory(by_clone);
}

static void vforked(void)
{
	guest_in_memory(by_vfork);
}

/* ---- the usual ways ---- */

static void double_fork(void)
{
	speak();
	pid_t pid = fork();
	if (pid == 0) {
		pid_t second = fork();
		if (second == 0)
			speak();
		_exit(0);
	}
	join(pid);
	usleep(200000);
}

static void as_daemon(void)
{
	speak();
	usleep(200000); /* libc's own _exit in the parent is seen by nobody */
	must(daemon(1, 1) == 0, "daemon");
	speak();
}

static void commands(void)
{
	extern char **environ;
	char *const run[] = {(char *)"true", NULL};
	for (int i = 0; i < 20; i++) {
		pid_t pid;
		speak();
		must(posix_spawn(&pid, "/bin/true", NULL, NULL, run, environ) == 0, "posix_spawn");
		join(pid);
		must(system("exit 0") == 0, "system");
		FILE *p = popen("echo heard", "r");
		char line[16] = "";
		must(p && fgets(line, sizeof(line), p) && strcmp(line, "heard\n") == 0, "popen");
		must(pclose(p) == 0, "pclose");
	}
}

/* ---- many forks under load ---- */

static volatile int over;

static void *chat(void *arg)
{
	long *count = arg;
	int ends[2];
	speak_pair(ends);
	for (; !over; ++*count)
		speak_over(ends);
	close(ends[0]);
	close(ends[1]);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* COUNT THREADS EVERY: every n-th child speaks, too. */
static void forks(void)
{
	int count = atoi(args[0]), threads = atoi(args[1]), every = atoi(args[2]);
	double *took = calloc((size_t)count, sizeof(*took));
	static long spoken[16];
	pthread_t id[16];
	for (int i = 0; i < threads; i++)
		must(pthread_create(&id[i], NULL, chat, &spoken[i]) == 0, "thread");
	usleep(100000);
	double began = speak_now();
	for (int i = 0; i < count; i++) {
		double before = speak_now();
		pid_t pid = fork();
		if (pid == 0) {
			if (every && i % every == 0)
				speak();
			_exit(0);
		}
		took[i] = speak_now() - before;
		must(pid > 0, "fork");
		join(pid);
	}
	double all = speak_now() - began;
	over = 1;
	long sum = 0;
	for (int i = 0; i < threads; i++) {
		pthread_join(id[i], NULL);
		sum += spoken[i];
	}
	qsort(took, (size_t)count, sizeof(*took), by_size);
	printf("%d forks in %.0f ms; fork took %.3f ms in the middle, %.3f at 99 %%, %.3f at most; "
	       "%ld exchanges\n",
	       count, all, took[count / 2], took[count - 1 - count / 100], took[count - 1], sum);
	free(took);
}

/* ---- rights and places ---- */

static void all_threads_are(uid_t uid)
{
	char line[256];
	unsigned id[4];
	FILE *p = popen("cat /proc/$PPID/task/*/status", "r");
	must(p != NULL, "popen");
	while (fgets(line, sizeof(line), p))
		if (sscanf(line, "Uid: %u %u %u %u", &id[0], &id[1], &id[2], &id[3]) == 4)
			for (int i = 0; i < 4; i++)
				must(id[i] == uid, line);
	pclose(p);
}

/* WHEN: before or after the first span. */
static void nobody(void)
{
	gid_t group = 65534;
	if (strcmp(args[0], "after") == 0) {
		speak();
		usleep(100000);
	}
	must(setgroups(1, &group) == 0 && setgid(group) == 0 && setuid(65534) == 0, "setuid");
	must(setuid(0) == -1 && errno == EPERM, "there is a way back");
	speak();
	all_threads_are(65534);
}

/* WHAT, before the first span: these mind a second thread. */
static void alone(void)
{
	int flags = strcmp(args[0], "user") == 0 ? CLONE_NEWUSER : CLONE_NEWNS;
	int ends[2];
	char c;
	speak_pair(ends); /* seen, but no span */
	must(write(ends[0], "x", 1) == 1 && read(ends[1], &c, 1) == 1, "bytes");
	if (strcmp(args[0], "setns") == 0) {
		int fd = open("/proc/self/ns/mnt", O_RDONLY);
		must(fd >= 0 && setns(fd, CLONE_NEWNS) == 0, "setns");
	} else {
		must(unshare(flags) == 0, "unshare");
	}
	speak();
}

/* NUMBER VALUE: a limit, then the work. */
static void limited(void)
{
	rlim_t value = (rlim_t)atol(args[1]);
	struct rlimit limit = {value, value};
	must(setrlimit(atoi(args[0]), &limit) == 0, "setrlimit");
	for (int i = 0; i < 20; i++)
		speak();
}

/* Address space that `limit` leaves on top of what is there. */
static long mapped(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	must(f && fscanf(f, "%ld", &pages) == 1, "statm");
	fclose(f);
	return pages * 4096;
}

/* MIB on top of what is mapped at the start. */
static void little_room(void)
{
	rlim_t value = (rlim_t)mapped() + ((rlim_t)atol(args[0]) << 20);
	struct rlimit limit = {value, value};
	must(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit");
	for (int i = 0; i < 200; i++)
		speak();
	usleep(100000);
	long used = mapped();
	/* What is left is the program's: all of it can be had but a thread and a ring. */
	void *p = malloc((size_t)(value - (rlim_t)used) / 2);
	must(p != NULL, "the program's own memory");
	free(p);
	printf("mapped %ld KiB\n", used >> 10);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"bare", bare},
	{"clone_vm", clone_vm},
	{"vfork", vforked},
	{"daemon", as_daemon},
	{"commands", commands},
	{"forks", forks},
	{"nobody", nobody},
	{"alone", alone},
	{"limited", limited},
	{"double_fork", double_fork},
	{"little_room", little_room},
};

int main(int argc, char **argv)
{
	args = (const char *const *)argv + 2;
	for (size_t i = 0; argc > 1 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("ok\n");
			return 0;
		}
	return 2;
}
