/*
 * See span.h: what the scenes are made of.
 */
#include "hooks/span.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"

const char span_ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const char span_ok_head[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";

void span_end(void)
{
	int (*deliver)(unsigned) = (int (*)(unsigned))dlsym(RTLD_DEFAULT, "autotrace_flush");
	fflush(stdout);
	if (deliver)
		deliver(5000);
	RAW(SYS_exit_group, failures() ? 1 : 0);
	__builtin_unreachable();
}

void span_must_come(const char *kind, const char *path, int status, const char *error,
		    const char *parent)
{
	printf("%s %s %d %s %s\n", kind, path, status, error, parent);
}

const char *span_get(const char *path)
{
	static char text[200];
	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: peer.example\r\n\r\n", path);
	return text;
}

void span_all(ssize_t rc, size_t n)
{
	must(rc == (ssize_t)n, "all of it");
}

void span_dead_numbers(void)
{
	int fds[8];
	for (int i = 0; i < 8; i++)
		fds[i] = open("/dev/null", O_RDWR);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
}

void span_serves(int fd, int peer, const char *path)
{
	struct ends e = {.fd = fd, .peer = peer, .role = SERVER};
	char buf[200];
	peer_say(&e, span_get(path));
	span_all(read(fd, buf, sizeof(buf)), strlen(span_get(path)));
	span_all(write(fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_must_come("server", path, 200, "-", "root");
}

void span_calls(struct ends *e, const char *path, const char *parent)
{
	char buf[200];
	span_all(write(e->fd, span_get(path), strlen(span_get(path))), strlen(span_get(path)));
	peer_say(e, span_ok);
	span_all(read(e->fd, buf, sizeof(buf)), strlen(span_ok));
	span_must_come("client", path, 200, "-", parent);
}

struct ends span_asked(const char *path)
{
	struct ends e = join(TCP, SERVER, HTTP);
	char buf[200];
	peer_say(&e, span_get(path));
	span_all(read(e.fd, buf, sizeof(buf)), strlen(span_get(path)));
	return e;
}

void span_answers(struct ends *e, const char *path)
{
	span_all(write(e->fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_must_come("server", path, 200, "-", "root");
}
