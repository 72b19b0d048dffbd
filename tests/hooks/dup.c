/*
 * Duplicates: several numbers of one stream. What is read by one is not there for the other, and
 * the stream ends with the last.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"

#define NO_FD 777 /* never open */

/* All of what `to` of a duplicate may be. */
typedef int dup_fn(int fd, int to);

static int plain_dup(int fd, int to)
{
	(void)to;
	return dup(fd);
}

static int plain_dup3(int fd, int to)
{
	return dup3(fd, to, O_CLOEXEC);
}

static int by_fcntl(int fd, int to)
{
	return fcntl(fd, F_DUPFD, to);
}

static int by_fcntl_cloexec(int fd, int to)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, to);
}

static int by_fcntl64(int fd, int to)
{
	return fcntl64(fd, F_DUPFD, to);
}

static int by_fcntl64_cloexec(int fd, int to)
{
	return fcntl64(fd, F_DUPFD_CLOEXEC, to);
}

static void play_shared(struct ends *e, void *arg)
{
	dup_fn *fn = *(dup_fn **)arg;
	char buf[200];
	const char *in = heard(e), *out = said(e);
	size_t n = strlen(in);
	ready_to_hear(e);
	peer_say(e, in);
	IS(7, read(e->fd, buf, 7));
	int copy = FD(fn(e->fd, 300));
	IS(7, read(copy, buf, 7));
	CHECK(memcmp(buf, in + 7, 7) == 0);
	IS(7, recv(e->fd, buf, 7, 0));
	CHECK(memcmp(buf, in + 14, 7) == 0);
	int third = FD(fn(copy, 301));
	IS(0, close(e->fd));
	ERR(EBADF, read(e->fd, buf, 1));
	IS((long)n - 21, read(third, buf, sizeof(buf)));
	if (e->role == CLIENT)
		out = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";
	IS(10, write(copy, out, 10));
	IS((long)strlen(out) - 10, write(third, out + 10, strlen(out) - 10));
	CHECK(peer_take(e, strlen(out), NULL) == strlen(out));
	IS(0, close(copy));
	struct pollfd p = {e->peer, POLLIN, 0};
	IS(0, RAW(SYS_poll, &p, 1, 0));
	IS(0, close(third));
	IS(0, RAW(SYS_recvfrom, e->peer, buf, 1, 0, 0, 0));
	e->fd = -1;
}

static void sharing(dup_fn *fn)
{
	each_scene(play_shared, &fn);
	ERR(EBADF, fn(-1, 5));
	ERR(EBADF, fn(NO_FD, 302));
	int file = open("/dev/null", O_WRONLY), copy = FD(fn(file, 303));
	IS(18, write(copy, "GET / HTTP/1.1\r\n\r\n", 18));
	close(copy);
	close(file);
	struct sockaddr_storage at;
	socklen_t len;
	int listener = listen_at(TCP, &at, &len), other = FD(fn(listener, 304));
	close(listener);
	int client = raw_client(&at, len), fd = FD(accept(other, NULL, NULL));
	must(RAW(SYS_sendto, client, "GET / HTTP/1.1\r\n\r\n", 18, 0, 0, 0) == 18, "send");
	IS(18, read(fd, (char[50]){0}, 50));
	close(fd);
	close(other);
	RAW(SYS_close, client);
}

/* A descriptor beyond the first 65,536, of a connection. */
static void high(dup_fn *fn, int number)
{
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max <= (rlim_t)number) {
		say("no descriptor %d here", number);
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
	struct ends e = in_the_middle();
	IS(number, fn(e.fd, number));
	IS(5, read(number, (char[5]){0}, 5));
	IS(0, close(e.fd));
	IS((long)strlen(heard(&e)) - 35, read(number, (char[100]){0}, 100));
	IS((long)strlen(said(&e)), write(number, said(&e), strlen(said(&e))));
	CHECK(peer_take(&e, strlen(said(&e)), NULL) == strlen(said(&e)));
	IS(0, close(number));
	e.fd = -1;
	part(&e);
}

void test_hook_dup(void)
{
	sharing(plain_dup);
	ERR(EBADF, dup(NO_FD));
}

/* Onto what is open already. */
static void duplicating(dup_fn *fn, bool itself)
{
	struct ends e = in_the_middle(), other = in_the_middle();
	sharing(fn);
	IS(other.fd, fn(e.fd, other.fd));
	TELL(RAW(SYS_recvfrom, other.peer, (char[1]){0}, 1, 0, 0, 0));
	IS(5, read(other.fd, (char[5]){0}, 5));
	if (itself)
		IS(e.fd, fn(e.fd, e.fd));
	else
		ERR(EINVAL, fn(e.fd, e.fd));
	ERR(EBADF, fn(NO_FD, e.fd));
	IS(5, read(e.fd, (char[5]){0}, 5));
	ERR(EBADF, fn(-1, 5));
	ERR(EBADF, fn(e.fd, -1));
	ERR(EBADF, fn(e.fd, 0x7fffffff));
	int file = open("/dev/null", O_RDWR);
	IS(e.fd, fn(file, e.fd));
	IS(18, write(e.fd, "GET / HTTP/1.1\r\n\r\n", 18));
	IS(file, fn(other.fd, file));
	IS((long)strlen(heard(&e)) - 40, read(file, (char[100]){0}, 100));
	close(file);
	part(&e);
	part(&other);
	high(fn, 70000);
	high(fn, 500000);
}

void test_hook_dup2(void)
{
	duplicating(dup2, true);
	ERR(EBADF, dup2(NO_FD, NO_FD));
}

void test_hook_dup3(void)
{
	duplicating(plain_dup3, false);
	ERR(EINVAL, dup3(1, 302, 0x7));
	IS(302, dup3(1, 302, O_CLOEXEC));
	IS(FD_CLOEXEC, fcntl(302, F_GETFD));
	IS(302, dup3(1, 302, 0));
	IS(0, fcntl(302, F_GETFD));
	close(302);
}

static void controlling(int (*fn)(int fd, int cmd, ...))
{
	struct ends e = in_the_middle();
	struct flock lock = {.l_type = F_WRLCK};
	struct f_owner_ex owner = {F_OWNER_PID, 0};
	TELL(fn(e.fd, F_GETFL));
	IS(0, fn(e.fd, F_SETFL, O_NONBLOCK));
	CHECK((fn(e.fd, F_GETFL) & O_NONBLOCK) != 0);
	IS(0, fn(e.fd, F_SETFD, FD_CLOEXEC));
	IS(FD_CLOEXEC, fn(e.fd, F_GETFD));
	IS(0, fn(e.fd, F_GETOWN));
	IS(0, fn(e.fd, F_GETOWN_EX, &owner));
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	IS(0, fn(file, F_SETLK, &lock));
	IS(0, fn(file, F_OFD_GETLK, &lock));
	ERR(EFAULT, fn(file, F_SETLK, nowhere));
	ERR(EINVAL, fn(file, 9999, 0));
	ERR(EBADF, fn(-1, F_GETFL));
	ERR(EBADF, fn(NO_FD, F_DUPFD, 3));
	ERR(EINVAL, fn(file, F_DUPFD, 0x7fffffff));
	ERR(EINVAL, fn(file, F_DUPFD, -1));
	IS(5, read(e.fd, (char[5]){0}, 5));
	close(file);
	part(&e);
}

void test_hook_fcntl(void)
{
	sharing(by_fcntl);
	sharing(by_fcntl_cloexec);
	controlling(fcntl);
	high(by_fcntl, 70000);
	high(by_fcntl_cloexec, 70001);
}

void test_hook_fcntl64(void)
{
	sharing(by_fcntl64);
	sharing(by_fcntl64_cloexec);
	controlling(fcntl64);
	high(by_fcntl64, 70000);
	high(by_fcntl64_cloexec, 70001);
}
