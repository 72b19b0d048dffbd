/*
 * A library that chooses one of its functions while it is loaded, and makes calls for that. It is
 * relocated before the libraries that were preloaded. resolver_did() says which of its calls went
 * as they must, one bit each.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int did;
static int all_went(void);

static void note(int bit, int good)
{
	did |= good ? 1 << bit : 0;
}

static __attribute__((used)) int (*choose(void))(void)
{
	char buf[8] = "";
	int pair[2], old, fd = open("/dev/zero", O_RDONLY);
	note(0, read(fd, buf, 8) == 8 && close(fd) == 0);
	note(1, close(-1) == -1 && errno == EBADF);
	note(2, socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	note(3, send(pair[0], "ab", 2, 0) == 2 && recv(pair[1], buf, 8, 0) == 2 && buf[1] == 'b');
	note(4, recv(pair[1], buf, 8, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	struct pollfd one = {pair[1], POLLIN, 0};
	note(5, poll(&one, 1, 0) == 0);
	note(6, syscall(SYS_getpid) == getpid() && syscall(SYS_close, pair[0]) == 0);
	note(7, syscall(SYS_close, pair[0]) == -1 && errno == EBADF);
	note(8, pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &old) == 0);
	FILE *f = fdopen(pair[1], "r");
	note(9, f && fclose(f) == 0);
	return all_went;
}

static int chosen(void) __attribute__((ifunc("choose")));

static int all_went(void)
{
	return did;
}

int resolver_did(void)
{
	return chosen();
}
