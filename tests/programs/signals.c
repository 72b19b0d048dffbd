/*
 * Signal handlers that meet the hooks at bad moments.
 *
 *   signals SCENARIO
 *
 * Prints "ok" when all that the program itself can see is right.
 */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "../support/speak.h"

static void handle(int signal_number, void (*handler)(int), int flags)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = flags};
	must(sigaction(signal_number, &act, NULL) == 0, "sigaction");
}

static void every(int which, long us)
{
	struct itimerval t = {{0, us}, {0, us}};
	must(setitimer(which, &t, NULL) == 0, "setitimer");
}

/* A stack for handlers: what the kernel wants, and `more`. */
static char *alternate(size_t more)
{
	size_t size = (getauxval(AT_MINSIGSTKSZ) + more + 4095) & ~(size_t)4095;
	char *p =
		mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p, 4096, PROT_NONE);
	stack_t s = {.ss_sp = p + 4096, .ss_size = size};
	must(sigaltstack(&s, NULL) == 0, "sigaltstack");
	return p + 4096;
}

static int threads(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/task");
	must(d != NULL, "/proc/self/task");
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* ---- the first span ---- */

static volatile int spoken;

static void on_speak(int unused)
{
	int saved = errno;
	(void)unused;
	speak();
	spoken++;
	errno = saved;
}

/* No thread is made in a handler; it is made by what comes after. */
static void first_span_by(int flags)
{
	handle(SIGUSR1, on_speak, flags);
	raise(SIGUSR1);
	must(spoken == 1 && threads() == 1, "a thread was made in a handler");
	raise(SIGUSR1);
	must(spoken == 2 && threads() == 1, "a thread was made in the second handler");
	speak();
	must(threads() == 2, "no thread was made behind it");
}

static void first_span(void)
{
	first_span_by(0);
}

static void first_span_alternate(void)
{
	alternate(65536);
	first_span_by(SA_ONSTACK);
}

static void first_span_nodefer(void)
{
	first_span_by(SA_NODEFER);
}

/* The handler has all there is, and the program ends in the usual way. */
static void only_spans(void)
{
	handle(SIGUSR1, on_speak, 0);
	raise(SIGUSR1);
	must(threads() == 1, "a thread was made in a handler");
}

/* ---- a handler that leaves by longjmp ---- */

static sigjmp_buf out;
static volatile sig_atomic_t armed;
static volatile long jumps;

static void on_alarm_jump(int unused)
{
	(void)unused;
	if (!armed)
		return;
	armed = 0;
	jumps++;
	siglongjmp(out, 1);
}

static volatile int over;

/* Another thread has its own connection all the while, and must not be held up. */
static void *chat(void *arg)
{
	double *longest = arg;
	int ends[2];
	speak_pair(ends);
	while (!over) {
		double began = speak_now();
		speak_over(ends);
		double took = speak_now() - began;
		*longest = took > *longest ? took : *longest;
		usleep(100);
	}
	close(ends[0]);
	close(ends[1]);
	return NULL;
}

static int pair[2] = {-1, -1};

static __attribute__((noinline)) void exchanges_until_jump(void)
{
	speak_pair(pair);
	armed = 1;
	for (int i = 0; i < 1000000; i++)
		speak_over(pair);
	must(false, "the alarm");
}

static void jump_by(int flags, int count)
{
	static double longest;
	pthread_t id;
	handle(SIGALRM, on_alarm_jump, flags);
	sigset_t alarms, none;
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, &none); /* for the other thread, all its life */
	must(pthread_create(&id, NULL, chat, &longest) == 0, "thread");
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	every(ITIMER_REAL, 97);
	double began = speak_now();
	while (jumps < count) {
		if (sigsetjmp(out, 1) == 0)
			exchanges_until_jump();
		close(pair[0]);
		close(pair[1]);
	}
	every(ITIMER_REAL, 0);
	printf("%ld jumps in %.0f ms\n", jumps, speak_now() - began);
	over = 1;
	pthread_join(id, NULL);
	printf("the other thread waited %.1f ms at most\n", longest);
	speak_traced = 0;
	for (int i = 0; i < 150; i++)
		speak();
	printf("traced %d\n", speak_traced);
}

static void jump(void)
{
	jump_by(0, 5000);
}

static void jump_alternate(void)
{
	alternate(65536);
	jump_by(SA_ONSTACK, 5000);
}

/* ---- many signals, nested, on a small stack ---- */

static int traced[2], plain[2];
static volatile long handled[2];

static void bytes_go(void)
{
	char buf[256];
	if (send(traced[0], speak_request, sizeof(speak_request) - 1, MSG_DONTWAIT) > 0)
		handled[0]++;
	while (recv(traced[1], buf, sizeof(buf), MSG_DONTWAIT) > 0)
		;
	must(write(plain[1], "x", 1) == 1 && read(plain[0], buf, 1) == 1, "the pipe");
	int fd = dup(traced[0]);
	close(fd);
}

static void on_storm(int unused)
{
	int saved = errno;
	(void)unused;
	bytes_go();
	errno = saved;
}

static void storm_by(size_t more)
{
	int ends[2];
	if (more)
		alternate(more);
	speak_pair(ends);
	speak_pair(traced);
	must(pipe(plain) == 0, "pipe");
	handle(SIGALRM, on_storm, SA_RESTART | (more ? SA_ONSTACK : 0));
	handle(SIGVTALRM, on_storm, SA_RESTART | (more ? SA_ONSTACK : 0));
	handle(SIGPROF, on_storm, SA_RESTART | (more ? SA_ONSTACK : 0));
	every(ITIMER_REAL, 71);
	every(ITIMER_VIRTUAL, 4000);
	every(ITIMER_PROF, 4000);
	for (int i = 0; i < 20000; i++)
		speak_over(ends);
	every(ITIMER_REAL, 0);
	every(ITIMER_VIRTUAL, 0);
	every(ITIMER_PROF, 0);
	close(ends[0]);
	close(ends[1]);
	must(handled[0] > 100, "too few signals");
}

static void storm(void)
{
	storm_by(0);
}

/* Three handlers may be nested, each with what the kernel puts on the stack. */
static void storm_small(void)
{
	storm_by(2 * getauxval(AT_MINSIGSTKSZ) + 3 * 4096);
}

/* How much of a stack a handler's calls need, behind the kernel's frame. */
static void painted(void)
{
	char *stack = alternate(65536);
	size_t n = 0;
	speak_pair(traced);
	must(pipe(plain) == 0, "pipe");
	handle(SIGUSR1, on_speak, SA_ONSTACK);
	speak();
	memset(stack, 0xa5, 65536);
	raise(SIGUSR1);
	while ((unsigned char)stack[n] == 0xa5)
		n++;
	printf("stack %zu\n", ((getauxval(AT_MINSIGSTKSZ) + 65536 + 4095) & ~(size_t)4095) - n);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{"first_span", first_span},
	{"first_span_alternate", first_span_alternate},
	{"first_span_nodefer", first_span_nodefer},
	{"only_spans", only_spans},
	{"jump", jump},
	{"jump_alternate", jump_alternate},
	{"storm", storm},
	{"storm_small", storm_small},
	{"painted", painted},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 2 && i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
		if (strcmp(argv[1], scenarios[i].name) == 0) {
			scenarios[i].run();
			printf("ok\n");
			return 0;
		}
	return 2;
}
