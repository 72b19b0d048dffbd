/*
 * See span.h: the calls that carry bytes. What each of them alone brings or takes makes a span.
 */
#include "hooks/span.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"
#include "hooks/message.h"

/* ---- bytes that come in: the request of a server, the answer to a client ---- */

typedef ssize_t in_fn(int fd, void *buf, size_t n);

static void reads(in_fn *in)
{
	char buf[300];
	struct ends e = join(TCP, SERVER, HTTP);
	peer_say(&e, span_get("/served"));
	span_all(in(e.fd, buf, sizeof(buf)), strlen(span_get("/served")));
	span_all(write(e.fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_must_come("server", "/served", 200, "-", "root");
	e = join(UNIX, CLIENT, HTTP);
	span_all(write(e.fd, span_get("/called"), strlen(span_get("/called"))),
		 strlen(span_get("/called")));
	peer_say(&e, span_ok);
	span_all(in(e.fd, buf, sizeof(buf)), strlen(span_ok));
	span_must_come("client", "/called", 200, "-", "root");
	e = join(TCP, CLIENT, HTTP);
	span_all(write(e.fd, span_get("/reset"), strlen(span_get("/reset"))),
		 strlen(span_get("/reset")));
	peer_slam(&e);
	must(in(e.fd, buf, sizeof(buf)) == -1 && errno == ECONNRESET, "a reset");
	span_must_come("client", "/reset", 0, "ECONNRESET", "root");
	e = join(TCP6, CLIENT, HTTP);
	span_all(write(e.fd, span_get("/over"), strlen(span_get("/over"))),
		 strlen(span_get("/over")));
	RAW(SYS_shutdown, e.peer, SHUT_WR);
	span_all(in(e.fd, buf, sizeof(buf)), 0);
	span_must_come("client", "/over", 0, "connection_closed", "root");
}

static ssize_t in_readv(int fd, void *buf, size_t n)
{
	struct iovec iov[] = {{buf, 5}, {(char *)buf + 5, n - 5}};
	return readv(fd, iov, 2);
}

static ssize_t in_read_chk(int fd, void *buf, size_t n)
{
	return __read_chk(fd, buf, n, n);
}

static ssize_t in_recv(int fd, void *buf, size_t n)
{
	return recv(fd, buf, n, 0);
}

static ssize_t in_recv_chk(int fd, void *buf, size_t n)
{
	return __recv_chk(fd, buf, n, n, 0);
}

static ssize_t in_recvfrom(int fd, void *buf, size_t n)
{
	return recvfrom(fd, buf, n, 0, NULL, NULL);
}

static ssize_t in_recvfrom_chk(int fd, void *buf, size_t n)
{
	return __recvfrom_chk(fd, buf, n, n, 0, NULL, NULL);
}

static ssize_t in_recvmsg(int fd, void *buf, size_t n)
{
	struct iovec iov[] = {{buf, 5}, {(char *)buf + 5, n - 5}};
	return recvmsg(fd, &(struct msghdr){.msg_iov = iov, .msg_iovlen = 2}, 0);
}

static ssize_t in_recvmmsg(int fd, void *buf, size_t n)
{
	struct iovec iov = {buf, n};
	struct mmsghdr m = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
	int rc = recvmmsg(fd, &m, 1, 0, NULL);
	return rc == 1 ? (ssize_t)m.msg_len : rc;
}

/* ---- bytes that go out: the answer of a server, the request of a client ---- */

typedef ssize_t out_fn(int fd, const void *buf, size_t n);

static void writes(out_fn *out)
{
	char buf[300];
	int injected;
	struct ends e = join(TCP, SERVER, HTTP);
	peer_say(&e, span_get("/served"));
	span_all(read(e.fd, buf, sizeof(buf)), strlen(span_get("/served")));
	span_all(out(e.fd, span_ok, strlen(span_ok)), strlen(span_ok));
	span_must_come("server", "/served", 200, "-", "root");
	e = join(UNIX, CLIENT, HTTP);
	size_t n = strlen(span_get("/called"));
	span_all(out(e.fd, span_get("/called"), n), n);
	must(peer_drain(&e, n, buf, sizeof(buf), &injected) == n && injected == injects(),
	     "header");
	peer_say(&e, span_ok);
	span_all(read(e.fd, buf, sizeof(buf)), strlen(span_ok));
	span_must_come("client", "/called", 200, "-", "root");
	e = join(TCP, SERVER, HTTP);
	peer_say(&e, span_get("/reset"));
	span_all(read(e.fd, buf, sizeof(buf)), strlen(span_get("/reset")));
	peer_slam(&e);
	count_pipes();
	must(out(e.fd, span_ok, strlen(span_ok)) == -1, "a reset");
	span_must_come("server", "/reset", 0, errno == EPIPE ? "EPIPE" : "ECONNRESET", "root");
}

static ssize_t out_writev(int fd, const void *buf, size_t n)
{
	struct iovec iov[] = {{(void *)buf, 5}, {(char *)buf + 5, n - 5}};
	return writev(fd, iov, 2);
}

static ssize_t out_send(int fd, const void *buf, size_t n)
{
	return send(fd, buf, n, MSG_NOSIGNAL);
}

static ssize_t out_sendto(int fd, const void *buf, size_t n)
{
	return sendto(fd, buf, n, 0, NULL, 0);
}

static ssize_t out_sendmsg(int fd, const void *buf, size_t n)
{
	struct iovec iov[] = {{(void *)buf, 5}, {(char *)buf + 5, n - 5}};
	return sendmsg(fd, &(struct msghdr){.msg_iov = iov, .msg_iovlen = 2}, 0);
}

static ssize_t out_sendmmsg(int fd, const void *buf, size_t n)
{
	struct iovec iov[] = {{(void *)buf, 5}, {(char *)buf + 5, n - 5}};
	struct mmsghdr m[] = {{.msg_hdr = {.msg_iov = iov, .msg_iovlen = 1}},
			      {.msg_hdr = {.msg_iov = iov + 1, .msg_iovlen = 1}}};
	int rc = sendmmsg(fd, m, 2, 0);
	return rc < 0 ? rc : (ssize_t)(m[0].msg_len + m[1].msg_len);
}

#define READS(name, fn)             \
	void span_hook_##name(void) \
	{                           \
		reads(fn);          \
	}
#define WRITES(name, fn)            \
	void span_hook_##name(void) \
	{                           \
		writes(fn);         \
	}
READS(read, read)
READS(readv, in_readv)
READS(recv, in_recv)
READS(recvfrom, in_recvfrom)
READS(__read_chk, in_read_chk)
READS(__recv_chk, in_recv_chk)
READS(__recvfrom_chk, in_recvfrom_chk)
WRITES(write, write)
WRITES(writev, out_writev)
WRITES(send, out_send)
WRITES(sendto, out_sendto)
WRITES(sendmsg, out_sendmsg)
WRITES(sendmmsg, out_sendmmsg)

/* Descriptors come with them: what they lead to is looked at anew. */
static void receives(bool mmsg)
{
	int over[2], sv[2];
	must(RAW(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, over) == 0, "socketpair");
	must(RAW(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	raw_send_fd(over[1], sv[1]);
	RAW(SYS_close, sv[1]);
	span_dead_numbers();
	span_serves(receive_fd(over[0], mmsg), sv[0], "/received");
}

void span_hook_recvmsg(void)
{
	reads(in_recvmsg);
	receives(false);
}

void span_hook_recvmmsg(void)
{
	reads(in_recvmmsg);
	receives(true);
}

/* ---- bodies that nobody looks at: the answer is whole when all of it went ---- */

static int digits(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
	must(write(fd, "0123456789", 10) == 10 && lseek(fd, 0, SEEK_SET) == 0, "digits");
	return fd;
}

static struct ends answering(const char *path)
{
	struct ends e = join(TCP, SERVER, HTTP);
	char buf[200];
	peer_say(&e, span_get(path));
	span_all(read(e.fd, buf, sizeof(buf)), strlen(span_get(path)));
	span_all(write(e.fd, span_ok_head, strlen(span_ok_head)), strlen(span_ok_head));
	return e;
}

void span_hook_sendfile(void)
{
	struct ends e = answering("/file");
	span_all(sendfile(e.fd, digits(), NULL, 10), 10);
	span_must_come("server", "/file", 200, "-", "root");
}

void span_hook_sendfile64(void)
{
	struct ends e = answering("/file");
	span_all(sendfile64(e.fd, digits(), NULL, 10), 10);
	span_must_come("server", "/file", 200, "-", "root");
}

void span_hook_splice(void)
{
	int tube[2];
	char buf[200];
	struct ends e = answering("/out");
	must(pipe(tube) == 0 && write(tube[1], "0123456789", 10) == 10, "pipe");
	span_all(splice(tube[0], NULL, e.fd, NULL, 10, 0), 10);
	span_must_come("server", "/out", 200, "-", "root");
	e = join(TCP, CLIENT, HTTP);
	span_all(write(e.fd, span_get("/in"), strlen(span_get("/in"))), strlen(span_get("/in")));
	peer_say(&e, span_ok_head);
	span_all(read(e.fd, buf, sizeof(buf)), strlen(span_ok_head));
	peer_say(&e, "0123456789");
	span_all(splice(e.fd, NULL, tube[1], NULL, 10, 0), 10);
	span_must_come("client", "/in", 200, "-", "root");
}
