/*
 * A library to be preloaded behind the one under test: the kernel of a bad day. short_writes(n)
 * limits the calling thread's next write to a socket to n bytes (0: it fails with EAGAIN); writes
 * after that one are not touched. With SHORT_ALWAYS=n in the environment every write is limited so,
 * and every third one fails with EAGAIN when the socket does not block. All of them are
 * cancellation points.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static __thread long next = -1;
static __thread unsigned turn;

void short_writes(long n)
{
	next = n;
}

static ssize_t limit(int fd)
{
	static long always = -2;
	struct stat st;
	long n = next;
	pthread_testcancel();
	if (always == -2)
		always = getenv("SHORT_ALWAYS") ? atol(getenv("SHORT_ALWAYS")) : -1;
	if ((n < 0 && always < 0) || fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return -1;
	next = -1;
	if (n >= 0)
		return n;
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) && ++turn % 3 == 0 ? 0 : always;
}

static ssize_t deliver(int fd, const struct msghdr *msg, int flags, ssize_t most)
{
	struct iovec part[1100];
	struct msghdr cut = *msg;
	size_t left = (size_t)most, i;
	if (most == 0) {
		errno = EAGAIN;
		return -1;
	}
	cut.msg_iov = part;
	for (i = 0; i < msg->msg_iovlen && i < 1024 && left; i++) {
		part[i] = msg->msg_iov[i];
		if (part[i].iov_len > left)
			part[i].iov_len = left;
		left -= part[i].iov_len;
	}
	cut.msg_iovlen = i;
	return syscall(SYS_sendmsg, fd, &cut, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t most = limit(fd);
	return most < 0 ? syscall(SYS_sendmsg, fd, msg, flags) : deliver(fd, msg, flags, most);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
	ssize_t most = limit(fd);
	return most < 0 ? syscall(SYS_writev, fd, iov, count) : deliver(fd, &msg, 0, most);
}

ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t most = limit(fd);
	struct iovec iov = {(void *)buf, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	return most < 0 ? syscall(SYS_write, fd, buf, n) : deliver(fd, &msg, 0, most);
}

ssize_t send(int fd, const void *buf, size_t n, int flags)
{
	ssize_t most = limit(fd);
	struct iovec iov = {(void *)buf, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	return most < 0 ? syscall(SYS_sendto, fd, buf, n, flags, 0, 0)
			: deliver(fd, &msg, flags, most);
}
