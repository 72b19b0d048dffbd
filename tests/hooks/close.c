/*
 * Deaths of descriptors, one and many, and by stdio; and that what has died is dead: its number can
 * be anything next.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"

#define NO_FD 777 /* never open */

/* How many are open: those of the library are not among them. */
static int open_between(unsigned from, unsigned to)
{
	int n = 0;
	for (unsigned fd = from; fd <= to; fd++)
		n += fcntl((int)fd, F_GETFD) >= 0;
	return n;
}

/* The end of the stream has come at the peer; its number, given to a file, is a file's. */
static void is_dead(struct ends *e)
{
	char buf[100];
	TELL(RAW(SYS_recvfrom, e->peer, buf, sizeof(buf), 0, 0, 0));
	ERR(EBADF, read(e->fd, buf, 1));
	ERR(EBADF, fcntl(e->fd, F_GETFD));
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	must(file == e->fd || RAW(SYS_dup2, file, e->fd) == e->fd, "dup2");
	IS(18, write(e->fd, "GET / HTTP/1.1\r\n\r\n", 18));
	IS(18, lseek(e->fd, 0, SEEK_END));
	RAW(SYS_close, e->fd);
	RAW(SYS_close, file);
	e->fd = -1;
}

typedef long close_fn(int fd);

static void play_close(struct ends *e, void *arg)
{
	close_fn *fn = *(close_fn **)arg;
	ready_to_hear(e);
	peer_say(e, heard(e));
	IS(10, read(e->fd, (char[10]){0}, 10));
	IS(0, fn(e->fd));
	ERR(EBADF, fn(e->fd));
	is_dead(e);
}

static void closing(close_fn *fn)
{
	int before = open_between(3, 1020);
	ERR(EBADF, fn(-1));
	ERR(EBADF, fn(NO_FD));
	ERR(EBADF, fn(0x7fffffff));
	each_scene(play_close, &fn);
	IS(0, fn(open("/dev/null", O_RDWR)));
	IS(0, fn(socket(AF_INET, SOCK_STREAM, 0)));
	CHECK(open_between(3, 1020) == before);
}

static long plain_close(int fd)
{
	return close(fd);
}

void test_hook_close(void)
{
	closing(plain_close);
}

static long close_by_range(int fd)
{
	if (fcntl(fd, F_GETFD) < 0) {
		errno = EBADF;
		return -1;
	}
	return close_range((unsigned)fd, (unsigned)fd, 0);
}

static void play_marked(struct ends *e, void *arg)
{
	(void)arg;
	ready_to_hear(e);
	IS(0, close_range(3, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */));
	IS(FD_CLOEXEC, fcntl(e->fd, F_GETFD));
	peer_say(e, heard(e));
	IS((long)strlen(heard(e)), read(e->fd, (char[200]){0}, 200));
}

void test_hook_close_range(void)
{
	struct ends e;
	closing(close_by_range);
	ERR(EINVAL, close_range(3, 100, 0x7700));
	ERR(EINVAL, close_range(10, 9, 0));
	ERR(EINVAL, close_range(~0u, 0, 2));
	each_scene(play_marked, NULL);
	e = in_the_middle();
	IS(0, close_range(700, 800, 0));
	IS(0, close_range(600, 800, 2 /* CLOSE_RANGE_UNSHARE */));
	IS(5, read(e.fd, (char[5]){0}, 5));
	int high = FD(fcntl(e.fd, F_DUPFD, 900));
	IS(0, close_range((unsigned)e.fd, 899, 0));
	ERR(EBADF, read(e.fd, (char[5]){0}, 5));
	IS(5, read(high, (char[5]){0}, 5));
	IS(0, close_range(3, ~0u, 0));
	CHECK(open_between(3, 1023) == 0);
	IS(0, close_range(3, ~0u, 0));
	IS(0, close_range(~0u, ~0u, 0));
	e = in_the_middle();
	IS(0, close_range(3, ~0u, 2));
	CHECK(open_between(3, 1023) == 0);
	e = in_the_middle();
	part(&e);
}

void test_hook_closefrom(void)
{
	struct ends e = in_the_middle();
	int high = FD(dup2(e.fd, 900));
	errno = UNTOUCHED;
	closefrom(901);
	IS(5, read(high, (char[5]){0}, 5));
	closefrom(900);
	ERR(EBADF, read(high, (char[5]){0}, 5));
	IS(5, read(e.fd, (char[5]){0}, 5));
	closefrom(3);
	CHECK(open_between(3, 1023) == 0);
	e = in_the_middle();
	closefrom(2000000);
	IS(5, read(e.fd, (char[5]){0}, 5));
	fflush(stdout);
	int kept = fcntl(1, F_DUPFD, 100);
	closefrom(3);
	ERR(EBADF, fcntl(kept, F_GETFD));
}

/* ---- stdio ---- */

static void play_stdio(struct ends *e, void *arg)
{
	char line[200] = "";
	const char *first = heard(e);
	(void)arg;
	ready_to_hear(e);
	FILE *in = fdopen(e->fd, "r"), *out = fdopen(dup(e->fd), "w");
	CHECK(in != NULL && out != NULL && fileno(in) == e->fd);
	peer_say(e, first);
	CHECK(fgets(line, 20, in) && strncmp(line, first, strlen(line)) == 0);
	CHECK(fputs("by stdio\r\n", out) >= 0 && fflush(out) == 0);
	CHECK(peer_take(e, 10, NULL) == 10);
	IS(0, fclose(out));
	CHECK(peer_drain(e, 0, line, sizeof(line), NULL) == 0);
	IS(0, fclose(in));
	is_dead(e);
}

static long opens(int fd, const char *mode)
{
	FILE *f = fdopen(fd, mode);
	if (f)
		setvbuf(f, NULL, _IONBF, 0);
	return f ? 0 : -1;
}

void test_hook_fdopen(void)
{
	struct ends e = join(TCP, SERVER, HTTP);
	each_scene(play_stdio, NULL);
	ERR(EBADF, opens(-1, "r"));
	ERR(EBADF, opens(NO_FD, "r"));
	ERR(EINVAL, opens(e.fd, "?"));
	int reads = open("/dev/null", O_RDONLY);
	ERR(EINVAL, opens(reads, "w"));
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	FILE *f = fdopen(file, "w+");
	CHECK(f && fputs("text", f) >= 0 && fflush(f) == 0);
	IS(4, lseek(file, 0, SEEK_END));
	part(&e);
}

static void play_fclose(struct ends *e, void *arg)
{
	(void)arg;
	ready_to_speak(e);
	FILE *f = fdopen(e->fd, "w");
	CHECK(f && fputs("the end\r\n", f) >= 0);
	IS(0, fclose(f));
	CHECK(peer_take(e, 9, NULL) == 9);
	is_dead(e);
}

void test_hook_fclose(void)
{
	char *text;
	size_t size;
	each_scene(play_fclose, NULL);
	FILE *f = fdopen(open("/dev/full", O_WRONLY), "w");
	CHECK(f && fputs("x", f) >= 0);
	ERR(ENOSPC, fclose(f));
	f = fdopen(open("/dev/null", O_WRONLY), "w");
	must(f && RAW(SYS_close, fileno(f)) == 0, "close");
	ERR(EBADF, fclose(f));
	f = open_memstream(&text, &size);
	CHECK(f && fputs("memory", f) >= 0);
	IS(0, fclose(f));
	CHECK(strcmp(text, "memory") == 0);
	free(text);
	FILE *tool = popen("cat >/dev/null", "w");
	CHECK(tool && fputs("x", tool) >= 0 && pclose(tool) == 0);
}
