/*
 * A thread that is taken out of what it does, at every place where it can be.
 *
 *   stepped jump|cancel WARM FIRST STRIDE
 *
 * A child makes WARM calls with their answers and begins another. It is stopped behind FIRST
 * instructions of that one, the next child behind FIRST + STRIDE, and so on to the call's end;
 * there it gets a signal whose handler leaves by siglongjmp, or cancels the thread asynchronously.
 * It makes AFTER more, if need be on another thread, and ends. Prints a line "CHILD behind N" for
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

static void end(void)
{
	for (int i = 0; i < AFTER; i++)
		speak();
	exit(0);
}

static void *end_after(void *thread)
{
	pthread_join(*(pthread_t *)thread, NULL);
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

static void child(int warm, bool cancel)
{
	struct sigaction act = {.sa_handler = cancel ? on_cancel : on_jump};
	static pthread_t self, other;
	self = pthread_self();
	must(sigaction(SIGUSR1, &act, NULL) == 0, "sigaction");
	must(!cancel || (pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL) == 0 &&
			 pthread_create(&other, NULL, end_after, &self) == 0),
	     "the other thread");
	must(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0, "PTRACE_TRACEME");
	for (int i = 0; i < warm; i++)
		speak();
	if (sigsetjmp(out, 1) == 0)
		stepped_call();
	if (cancel)
		pthread_cancel(self);
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
static bool step(int warm, long count, bool cancel)
{
	int status;
	long done = 0;
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0)
		child(warm, cancel);
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
	must(argc == 5, "stepped jump|cancel WARM FIRST STRIDE");
	long count = atol(argv[3]);
	while (step(atoi(argv[2]), count, strcmp(argv[1], "cancel") == 0))
		count += atol(argv[4]);
	printf("ok\n");
	return 0;
}
