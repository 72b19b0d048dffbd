/*
 * A thread that is taken out of what it does, at every place where it can be.
 *
 *   stepped jump|cancel|exit|still WARM FIRST STRIDE
 *
 * A child makes WARM calls with their answers and begins another. It is stopped behind FIRST
 * instructions of that one, the next child behind FIRST + STRIDE, and so on to the call's end;
 * there it gets a signal whose handler leaves by siglongjmp, cancels the thread asynchronously,
 * calls pthread_exit, or leaves by siglongjmp to where nothing is called any more (still). It makes
 * AFTER more, but for the first on another thread, and ends. Prints a line "CHILD behind N" for
 * each.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../support/speak.h"

#define AFTER 5

static sigjmp_buf out;

static void on_jump(int unused)
{
	(void)unused;
	siglongjmp(out, 1);
}

static void on_cancel(int unused)
{
	(void)unused;
	pthread_cancel(pthread_self());
}

static void on_exit_(int unused)
{
	(void)unused;
	pthread_exit(NULL);
}

static const struct way {
	const char *name;
	void (*handler)(int);
	bool goes_on; /* the thread itself */
	bool stays;   /* it is there, and makes no call */
} ways[] = {
	{"jump", on_jump, true, false},
	{"cancel", on_cancel, false, false},
	{"exit", on_exit_, false, false},
	{"still", on_jump, false, true},
};

static const struct way *way;
static volatile bool is_still;

static void end(void)
{
	for (int i = 0; i < AFTER; i++)
		speak();
	exit(0);
}

static void *end_after(void *thread)
{
	if (!way->stays)
		pthread_join(*(pthread_t *)thread, NULL);
	while (way->stays && !is_still)
		usleep(1000);
	end();
	return NULL;
}

static __attribute__((noinline)) void stepped_call(void)
{
	int ends[2];
	speak_pair(ends);
	raise(SIGSTOP);
	speak_over(ends);
	raise(SIGSTOP);
}

static void child(int warm)
{
	struct sigaction act = {.sa_handler = way->handler};
	bool cancel = way->handler == on_cancel;
	static pthread_t self, other;
	self = pthread_self();
	must(sigaction(SIGUSR1, &act, NULL) == 0, "sigaction");
	must(!cancel || pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0, "the type");
	must(way->goes_on || pthread_create(&other, NULL, end_after, &self) == 0,
	     "the other thread");
	must(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "PTRACE_TRACEME");
	for (int i = 0; i < warm; i++)
		speak();
	if (sigsetjmp(out, 1) == 0)
		stepped_call();
	is_still = true;
	while (way->stays)
		syscall(SYS_pause);
	if (cancel)
		pthread_cancel(self);
	if (!way->goes_on)
		pthread_exit(NULL);
	end();
}

/* Goes on until the child stops or ends; the signal that stopped it, 0 at its end. */
static int resume(pid_t pid, int how, int signal_number)
{
	int status;
	must(ptrace(how, pid, 0, signal_number) == 0, "ptrace");
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	must(WIFSTOPPED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0), "the child");
	return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

/* Whether the call had so many instructions. */
static bool step(int warm, long count)
{
	int status;
	long done = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		child(warm);
	must(pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "the first stop");
	while (done < count && resume(pid, PTRACE_SINGLESTEP, 0) == SIGTRAP)
		done++;
	if (done == count)
		syscall(SYS_tgkill, pid, pid, SIGUSR1);
	for (int s = 0; (s = resume(pid, PTRACE_CONT, s == SIGSTOP || s == SIGTRAP ? 0 : s)) != 0;)
		continue;
	if (done == count)
		printf("%d behind %ld\n", (int)pid, count);
	return done == count;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 5 && i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			way = &ways[i];
	must(way != NULL, "stepped jump|cancel|exit|still WARM FIRST STRIDE");
	long count = atol(argv[3]);
	while (step(atoi(argv[2]), count))
		count += atol(argv[4]);
	printf("ok\n");
	return 0;
}
