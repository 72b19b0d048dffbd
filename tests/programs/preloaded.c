/*
 * A program for what preloading itself can break: preloaded SCENARIO [COUNT]
 *
 *   reused    two requests to itself; the number of the first connection is given to the second
 *             while close() has not returned (support/reused.c)
 *   files     opens, reads and closes /dev/zero COUNT times, and a pipe in between
 *   secure    says whether the kernel considers it a program that gains rights, and makes a request
 *             to itself
 *   forked    a request to itself, and one in each of COUNT children that are forked at once
 *   replaced  a request whose connection is replaced by /dev/null before it is answered
 *   peeked    a request that is looked at (MSG_PEEK) before it is read
 *   taken     puts a socket of its own on each number it does not know, unseen, between requests:
 *             nothing may be said on it, and it must stay
 *   handled   a request made and answered by a signal handler, while a read waits
 *   thread_ends  requests by what a thread's end calls: destructors of its keys, of its objects,
 * and those that these make anew preinit   says what it has done before any library's constructor,
 * and makes a request activated serves one request on descriptor 3, which LISTEN_FDS and LISTEN_PID
 * tell of plugin    loads plugin.so, to be found by the program's own run path
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static const char request[] = "GET /self HTTP/1.1\r\nHost: self.example\r\n\r\n";
static const char response[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static int listener;
static struct sockaddr_in here;
static int awaited = -1; /* number whose close is to be followed by an accept */
static int again = -1;   /* what that accept gave */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(9);
}

static void begin(void)
{
	socklen_t len = sizeof(here);
	here = (struct sockaddr_in){.sin_family = AF_INET};
	here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	must(bind(listener, (struct sockaddr *)&here, len) == 0 && listen(listener, 4) == 0,
	     "listen");
	getsockname(listener, (struct sockaddr *)&here, &len);
}

static int ask(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	must(connect(fd, (struct sockaddr *)&here, sizeof(here)) == 0, "connect");
	must(write(fd, request, sizeof(request) - 1) > 0, "ask");
	return fd;
}

static void take(int fd)
{
	char buf[500];
	must(read(fd, buf, sizeof(buf)) >= (ssize_t)sizeof(request) - 1, "take");
}

static void answer(int fd, int client)
{
	char buf[100];
	must(write(fd, response, sizeof(response) - 1) == sizeof(response) - 1, "answer");
	must(read(client, buf, sizeof(buf)) == sizeof(response) - 1, "hear");
	close(client);
}

static void after_close(int fd)
{
	if (fd != awaited)
		return;
	awaited = -1;
	again = accept(listener, NULL, NULL);
	must(again == fd, "the number is not used again");
	take(again);
}

static void reused(int unused)
{
	(void)unused;
	void (*tell)(void (*)(int)) = (void (*)(void (*)(int)))dlsym(RTLD_DEFAULT, "reused_tell");
	must(tell != NULL, "reused_tell");
	tell(after_close);
	begin();
	int client = ask(), server = accept(listener, NULL, NULL);
	take(server);
	answer(server, client);
	client = ask();
	awaited = server;
	close(server);
	must(again >= 0, "after_close was not called");
	answer(again, client);
	close(again);
}

static void files(int count)
{
	char buf[16];
	int ends[2];
	for (int i = 0; i < count; i++) {
		int fd = open("/dev/zero", O_RDONLY);
		must(read(fd, buf, sizeof(buf)) == sizeof(buf) && close(fd) == 0, "/dev/zero");
		must(pipe(ends) == 0 && write(ends[1], buf, 16) == 16, "pipe");
		must(read(ends[0], buf, 16) == 16 && close(ends[0]) == 0 && close(ends[1]) == 0,
		     "pipe");
	}
}

static void one_request(void)
{
	begin();
	int client = ask(), server = accept(listener, NULL, NULL);
	take(server);
	answer(server, client);
	close(server);
	close(listener);
}

static void secure(int unused)
{
	(void)unused;
	printf("AT_SECURE %lu, %s\n", getauxval(AT_SECURE),
	       dlsym(RTLD_DEFAULT, "autotrace_version") ? "preloaded" : "alone");
	one_request();
}

static void forked(int count)
{
	int status;
	one_request();
	for (int i = 0; i < count; i++)
		if (fork() == 0) {
			one_request();
			exit(0);
		}
	for (int i = 0; i < count; i++)
		must(wait(&status) > 0 && status == 0, "child");
}

static void replaced(int unused)
{
	char buf[10];
	(void)unused;
	begin();
	int client = ask(), server = accept(listener, NULL, NULL),
	    other = open("/dev/null", O_WRONLY);
	take(server);
	must(dup2(other, server) == server && write(server, response, 10) == 10, "dup2");
	must(read(client, buf, sizeof(buf)) == 0, "the end");
}

static void peeked(int unused)
{
	char buf[500];
	(void)unused;
	begin();
	int client = ask(), server = accept(listener, NULL, NULL);
	must(recv(server, buf, sizeof(buf), MSG_PEEK) >= (ssize_t)sizeof(request) - 1, "peek");
	take(server);
	answer(server, client);
	close(server);
}

static void taken(int unused)
{
	int pair[2], count = 0, numbers[16];
	char buf[8];
	struct stat mine, there;
	(void)unused;
	one_request();
	usleep(300000);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && fstat(pair[0], &mine) == 0, "pair");
	for (int fd = pair[1] + 1; fd < 1024 && count < 16; fd++) {
		long rc;
		if (fstat(fd, &there) != 0 || !S_ISSOCK(there.st_mode))
			continue;
		__asm__ volatile("syscall"
				 : "=a"(rc)
				 : "a"(SYS_dup2), "D"(pair[0]), "S"(fd)
				 : "rcx", "r11", "memory");
		must(rc == fd, "dup2");
		numbers[count++] = fd;
	}
	must(count > 0, "no socket of others");
	one_request();
	usleep(300000);
	must(recv(pair[1], buf, sizeof(buf), MSG_DONTWAIT) == -1 && errno == EAGAIN, "bytes");
	while (count--)
		must(fstat(numbers[count], &there) == 0 && there.st_ino == mine.st_ino, "gone");
}

static int ends[2];

static void on_alarm(int unused)
{
	(void)unused;
	one_request();
	must(write(ends[1], "x", 1) == 1, "go on");
}

static void handled(int unused)
{
	char buf[4];
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval once = {.it_value = {.tv_usec = 100000}};
	(void)unused;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &once, NULL);
	must(read(ends[0], buf, sizeof(buf)) == 1, "read");
}

/* ---- what the end of a thread calls ---- */

static pthread_key_t key;
static int keyed, destroyed;
int __cxa_thread_atexit_impl(void (*fn)(void *), void *arg, void *dso);
extern void *__dso_handle;

static void on_key(void *value)
{
	one_request();
	keyed++;
	if (value == &key) /* once more, in the next round */
		pthread_setspecific(key, &keyed);
}

static void on_object(void *unused)
{
	(void)unused;
	one_request();
	destroyed++;
}

static void *end_soon(void *arg)
{
	one_request();
	pthread_setspecific(key, &key);
	__cxa_thread_atexit_impl(on_object, NULL, &__dso_handle);
	if (arg)
		pthread_exit(NULL);
	return NULL;
}

static void thread_ends(int unused)
{
	pthread_t id;
	(void)unused;
	must(pthread_key_create(&key, on_key) == 0, "key");
	for (int i = 0; i < 2; i++) {
		must(pthread_create(&id, NULL, end_soon, i ? &key : NULL) == 0, "thread");
		pthread_join(id, NULL);
	}
	must(keyed == 4 && destroyed == 2, "destructors");
}

/* ---- before all constructors ---- */

static int early; /* calls that did what they should */

static void before_all(int argc, char **argv, char **envp)
{
	char buf[200];
	int pair[2];
	struct sockaddr_in at = {.sin_family = AF_INET};
	(void)argc, (void)argv, (void)envp;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	early += fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && close(fd) == 0;
	early += socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0;
	early += write(pair[0], request, sizeof(request) - 1) == sizeof(request) - 1;
	early += read(pair[1], buf, sizeof(buf)) == sizeof(request) - 1;
	early += send(pair[1], response, sizeof(response) - 1, 0) == sizeof(response) - 1;
	early += recv(pair[0], buf, sizeof(buf), 0) == sizeof(response) - 1;
	early += dup2(pair[0], pair[1]) == pair[1] && close(pair[0]) == 0 && close(pair[1]) == 0;
}

__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **,
									    char **) = before_all;

static void preinit(int unused)
{
	(void)unused;
	printf("%d before\n", early);
	one_request();
}

/* ---- a socket that was there before the program ---- */

static void activated(int unused)
{
	const char *count = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	(void)unused;
	must(count && atoi(count) == 1 && pid && atoi(pid) == (int)getpid(), "LISTEN_FDS");
	int server = accept(3, NULL, NULL);
	must(server >= 0, "accept");
	take(server);
	must(write(server, response, sizeof(response) - 1) == sizeof(response) - 1, "answer");
	close(server);
}

static void plugin(int unused)
{
	(void)unused;
	puts(dlopen("plugin.so", RTLD_NOW) ? "found" : dlerror());
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(int count);
	} rows[] = {{"reused", reused},     {"files", files},
		    {"secure", secure},     {"forked", forked},
		    {"replaced", replaced}, {"peeked", peeked},
		    {"taken", taken},       {"handled", handled},
		    {"plugin", plugin},     {"thread_ends", thread_ends},
		    {"preinit", preinit},   {"activated", activated}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (argc > 1 && strcmp(argv[1], rows[i].name) == 0) {
			rows[i].run(argc > 2 ? atoi(argv[2]) : 0);
			puts("ok");
			return 0;
		}
	return 2;
}
