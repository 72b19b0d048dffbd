/*
 * Descriptors that travel in messages, both ways. What they lead to is used afterwards: a
 * connection in the middle of a request goes on under its new number.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks/harness.h"
#include "hooks/message.h"

#define MOST 3 /* descriptors in a message */

/* A message with room for descriptors. */
struct parcel {
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(MOST * sizeof(int))];
	char text[4];
	struct iovec iov;
	struct mmsghdr m;
};

static struct parcel *parcel(struct parcel *p, size_t room)
{
	memset(p, 0, sizeof(*p));
	p->iov = (struct iovec){p->text, sizeof(p->text)};
	p->m.msg_hdr = (struct msghdr){.msg_iov = &p->iov,
				       .msg_iovlen = 1,
				       .msg_control = p->room,
				       .msg_controllen = room};
	return p;
}

static void fill(struct parcel *p, const int *fds, size_t count)
{
	parcel(p, CMSG_SPACE(count * sizeof(int)));
	struct cmsghdr *c = CMSG_FIRSTHDR(&p->m.msg_hdr);
	memcpy(p->text, "fds", 4);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(c), fds, count * sizeof(int));
}

static size_t unpack(const struct parcel *p, int *ret_fds)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(&p->m.msg_hdr);
	size_t n = c && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
	if (n)
		memcpy(ret_fds, CMSG_DATA(c), n * sizeof(int));
	say("%zu descriptors, control %zu, flags %x, %u bytes", n,
	    (size_t)p->m.msg_hdr.msg_controllen, (unsigned)p->m.msg_hdr.msg_flags, p->m.msg_len);
	return n;
}

static long receive(int over, struct parcel *p, int flags, bool mmsg)
{
	if (mmsg)
		return recvmmsg(over, &p->m, 1, flags, NULL);
	ssize_t rc = recvmsg(over, &p->m.msg_hdr, flags);
	p->m.msg_len = rc >= 0 ? (unsigned)rc : 0;
	return rc < 0 ? rc : 1;
}

static long send_off(int over, struct parcel *p, int flags, bool mmsg)
{
	if (mmsg)
		return sendmmsg(over, &p->m, 1, flags);
	ssize_t rc = sendmsg(over, &p->m.msg_hdr, flags);
	p->m.msg_len = rc >= 0 ? (unsigned)rc : 0;
	return rc < 0 ? rc : 1;
}

void raw_send_fd(int over, int fd)
{
	struct parcel p;
	fill(&p, &fd, 1);
	must(RAW(SYS_sendmsg, over, &p.m.msg_hdr, 0) == 4, "raw_send_fd");
}

int receive_fd(int over, bool mmsg)
{
	struct parcel p;
	int fd[MOST] = {-1};
	parcel(&p, sizeof(p.room));
	must(receive(over, &p, MSG_CMSG_CLOEXEC, mmsg) == 1 && unpack(&p, fd) == 1, "receive_fd");
	return fd[0];
}

static void close_all(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		IS(0, close(fds[i]));
}

static void little_room(int over, int other, bool mmsg)
{
	static const size_t rooms[] = {0, 8, CMSG_LEN(0), CMSG_LEN(4), CMSG_LEN(8), CMSG_SPACE(8)};
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		int null_file = open("/dev/null", O_WRONLY), fds[MOST];
		struct parcel p;
		fill(&p, (int[]){null_file, null_file, null_file}, MOST);
		must(RAW(SYS_sendmsg, other, &p.m.msg_hdr, 0) == 4, "send");
		parcel(&p, rooms[i]);
		IS(1, receive(over, &p, 0, mmsg));
		close_all(fds, unpack(&p, fds));
		close(null_file);
	}
}

/* A connection of a server that was asked half a request comes along; here it gets the rest. */
static void goes_on(int over, int other, bool mmsg)
{
	struct ends e = in_the_middle();
	char buf[200] = {0};
	raw_send_fd(other, e.fd);
	RAW(SYS_close, e.fd);
	e.fd = receive_fd(over, mmsg);
	CHECK((fcntl(e.fd, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK(read(e.fd, buf, sizeof(buf)) == (ssize_t)strlen(heard(&e)) - 30);
	CHECK(strcmp(buf, heard(&e) + 30) == 0);
	IS((long)strlen(said(&e)), write(e.fd, said(&e), strlen(said(&e))));
	peer_take(&e, strlen(said(&e)), NULL);
	part(&e);
}

void rights_in(bool mmsg)
{
	struct parcel p;
	int sv[2], fds[MOST] = {-1}, null_file = open("/dev/null", O_WRONLY);
	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		must(socketpair(AF_UNIX, type, 0, sv) == 0, "socketpair");
		little_room(sv[0], sv[1], mmsg);
		raw_send_fd(sv[1], null_file);
		parcel(&p, sizeof(p.room));
		IS(1, receive(sv[0], &p, MSG_PEEK, mmsg));
		close_all(fds, unpack(&p, fds));
		IS(1, receive(sv[0], parcel(&p, sizeof(p.room)), 0, mmsg));
		unpack(&p, fds);
		IS(20, write(fds[0], "GET / HTTP/1.1\r\nHost: x", 20));
		close_all(fds, 1);
		goes_on(sv[0], sv[1], mmsg);
		raw_send_fd(sv[1], null_file);
		parcel(&p, 100)->m.msg_hdr.msg_control = nowhere;
		TELL(receive(sv[0], &p, MSG_DONTWAIT, mmsg));
		close(sv[0]);
		close(sv[1]);
	}
	close(null_file);
}

void rights_out(bool mmsg)
{
	struct parcel p;
	int sv[2], fds[MOST] = {-1}, null_file = open("/dev/null", O_WRONLY);
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, sv) == 0, "socketpair");
	fill(&p, (int[]){null_file, sv[0]}, 2);
	IS(1, send_off(sv[0], &p, 0, mmsg));
	parcel(&p, sizeof(p.room));
	must(RAW(SYS_recvmsg, sv[1], &p.m.msg_hdr, 0) == 4, "recvmsg");
	close_all(fds, unpack(&p, fds));
	fill(&p, (int[]){-1}, 1);
	ERR(EBADF, send_off(sv[0], &p, 0, mmsg));
	fill(&p, (int[]){null_file}, 1);
	p.m.msg_hdr.msg_control = nowhere;
	ERR(EFAULT, send_off(sv[0], &p, 0, mmsg));
	fill(&p, (int[]){null_file}, 1);
	p.m.msg_hdr.msg_controllen = 3;
	TELL(send_off(sv[0], &p, 0, mmsg));
	fill(&p, (int[]){null_file}, 1);
	CMSG_FIRSTHDR(&p.m.msg_hdr)->cmsg_len = 3;
	ERR(EINVAL, send_off(sv[0], &p, 0, mmsg));
	/* With a request that gets a header of ours, the descriptor still goes, once. */
	static const char text[] = "GET /rights HTTP/1.1\r\nHost: x\r\n\r\n";
	fill(&p, &null_file, 1);
	p.iov = (struct iovec){(void *)text, sizeof(text) - 1};
	IS(1, send_off(sv[0], &p, 0, mmsg));
	CHECK(p.m.msg_len == sizeof(text) - 1);
	char big[500];
	parcel(&p, sizeof(p.room));
	p.iov = (struct iovec){big, sizeof(big)};
	must(RAW(SYS_recvmsg, sv[1], &p.m.msg_hdr, 0) >= (long)sizeof(text) - 1, "recvmsg");
	close_all(fds, unpack(&p, fds));
	close(sv[0]);
	close(sv[1]);
	close(null_file);
}
