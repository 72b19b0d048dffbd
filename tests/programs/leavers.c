/*
 * Programs whose first thread does not stay to the end.
 *
 *   leavers alone | cancelled | thread | joined | threads | child | destructor
 *
 * Each makes a call with its answer, prints what it does, and must end by itself with status 0, its
 * exit handlers run and its output written.
 */
#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>

#include "../support/speak.h"

static pthread_t first;
static pthread_key_t key;

static void at_the_end(void)
{
	printf("exit handlers run\n");
}

static void say(const char *what)
{
	speak();
	printf("%s\n", what);
}

static void *stay(void *ms)
{
	usleep((useconds_t)(uintptr_t)ms * 1000);
	say("a thread");
	return NULL;
}

static void *join(void *unused)
{
	(void)unused;
	printf("joined: %d\n", pthread_join(first, NULL));
	say("a thread");
	return NULL;
}

static void *cancel(void *unused)
{
	(void)unused;
	pthread_cancel(first);
	return NULL;
}

static void start(void *(*run)(void *), void *arg)
{
	pthread_t id;
	must(pthread_create(&id, NULL, run, arg) == 0 && pthread_detach(id) == 0, "thread");
}

static void alone(void)
{
	pthread_exit(NULL);
}

static void cancelled(void)
{
	start(cancel, NULL);
	for (;;)
		pause();
}

static void thread(void)
{
	start(stay, (void *)50);
	pthread_exit(NULL);
}

static void joined(void)
{
	start(join, NULL);
	pthread_exit(NULL);
}

static void threads(void)
{
	for (int i = 0; i < 40; i++)
		start(stay, (void *)(uintptr_t)(20 + i % 3));
	pthread_exit(NULL);
}

static void *fork_there(void *unused)
{
	int status;
	(void)unused;
	/* A fork while libc loads what pthread_exit needs leaves the child without it. */
	pthread_join(first, NULL);
	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		say("a child");
		pthread_exit(NULL);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	printf("child: %x\n", (unsigned)status);
	return NULL;
}

static void child(void)
{
	start(fork_there, NULL);
	pthread_exit(NULL);
}

static void speak_late(void *value)
{
	(void)value;
	say("a destructor");
}

static void destructor(void)
{
	pthread_key_create(&key, speak_late);
	pthread_setspecific(key, &key);
	pthread_exit(NULL);
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{"alone", alone},           {"cancelled", cancelled}, {"thread", thread},
	{"joined", joined},         {"threads", threads},     {"child", child},
	{"destructor", destructor},
};

int main(int argc, char **argv)
{
	must(argc == 2, "arguments");
	atexit(at_the_end);
	first = pthread_self();
	say("the first thread");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (strcmp(argv[1], ways[i].name) == 0)
			ways[i].run();
	return 2;
}
