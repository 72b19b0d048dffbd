/*
 * Births of sockets, and what is asked of and done to them but for their bytes.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "hooks/harness.h"

#define NO_FD 777 /* never open */

static void no_more_descriptors(int (*fn)(void))
{
	struct rlimit old, none = {0, 0};
	getrlimit(RLIMIT_NOFILE, &old);
	none.rlim_max = old.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &none) == 0, "setrlimit");
	ERR(EMFILE, fn());
	setrlimit(RLIMIT_NOFILE, &old);
}

static int one_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

void test_hook_socket(void)
{
	static const int domains[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, 99, -1};
	static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_RAW, 77};
	for (size_t d = 0; d < sizeof(domains) / sizeof(int); d++)
		for (size_t t = 0; t < sizeof(types) / sizeof(int); t++) {
			say("domain %d type %d", domains[d], types[t]);
			int fd;
			SIGN(fd = socket(domains[d], types[t], 0));
			close(fd);
		}
	int fd = FD(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	IS(FD_CLOEXEC, fcntl(fd, F_GETFD));
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	ERR(EPROTONOSUPPORT, socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	ERR(EAFNOSUPPORT, socket(99, SOCK_STREAM, 0));
	ERR(EINVAL, socket(AF_INET, SOCK_STREAM | 0x100000, 0));
	no_more_descriptors(one_socket);
}

static int pair_of_sockets(void)
{
	int sv[2];
	return socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
}

void test_hook_socketpair(void)
{
	int sv[2] = {-7, -7};
	char buf[10];
	ERR(EOPNOTSUPP, socketpair(AF_INET, SOCK_STREAM, 0, sv));
	ERR(ESOCKTNOSUPPORT, socketpair(AF_UNIX, SOCK_RDM, 0, sv));
	ERR(EFAULT, socketpair(AF_UNIX, SOCK_STREAM, 0, nowhere));
	ERR(EFAULT, socketpair(AF_UNIX, SOCK_STREAM, 0, null));
	no_more_descriptors(pair_of_sockets);
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++) {
		if (type == SOCK_RAW || type == SOCK_RDM)
			continue;
		IS(0, socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, sv));
		IS(FD_CLOEXEC, fcntl(sv[0], F_GETFD));
		for (int i = 0; i < 2; i++) {
			IS(2, send(sv[i], "ab", 2, 0));
			IS(2, recv(sv[!i], buf, 10, 0));
		}
		IS(0, close(sv[0]));
		IS(0, close(sv[1]));
	}
}

/* ---- accept ---- */

typedef int accept_fn(int fd, struct sockaddr *addr, socklen_t *len);

static int cloexec_accept4(int fd, struct sockaddr *addr, socklen_t *len)
{
	return accept4(fd, addr, len, SOCK_CLOEXEC);
}

/* The tube's ends work: what is accepted is the connection. */
static void served(int client, int fd)
{
	char buf[100];
	must(RAW(SYS_sendto, client, "GET / HTTP/1.1\r\n\r\n", 18, 0, 0, 0) == 18, "send");
	IS(18, read(fd, buf, sizeof(buf)));
	IS(0, close(fd));
	RAW(SYS_close, client);
}

static void accept_on(accept_fn *fn, enum kind kind)
{
	static const socklen_t rooms[] = {0,   1, 2, 5, 16, 28, sizeof(struct sockaddr_storage),
					  5000};
	struct sockaddr_storage at;
	char room_for[5000];
	socklen_t len, room;
	say("-- %s", kind_name[kind]);
	int listener = listen_at(kind, &at, &len);
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		int client = raw_client(&at, len);
		memset(room_for, '.', sizeof(room_for));
		room = rooms[i];
		int fd = FD(fn(listener, (struct sockaddr *)room_for, &room));
		say("length %u", room);
		say_bytes("family", room_for, 2);
		CHECK(rooms[i] >= sizeof(room_for) || room_for[rooms[i]] == '.');
		served(client, fd);
	}
	room = 16;
	int clients[] = {raw_client(&at, len), raw_client(&at, len), raw_client(&at, len),
			 raw_client(&at, len), raw_client(&at, len)};
	ERR(EFAULT, fn(listener, nowhere, &room));
	ERR(EFAULT, fn(listener, (struct sockaddr *)room_for, nowhere));
	ERR(EFAULT, fn(listener, (struct sockaddr *)room_for, null));
	room = (socklen_t)-1;
	ERR(EINVAL, fn(listener, (struct sockaddr *)room_for, &room));
	served(clients[4], FD(fn(listener, NULL, NULL)));
	for (int i = 0; i < 4; i++)
		RAW(SYS_close, clients[i]);
	nonblocking(listener, true);
	ERR(EAGAIN, fn(listener, NULL, NULL));
	nonblocking(listener, false);
	interrupt_soon();
	ERR(EINTR, fn(listener, NULL, NULL));
	calm();
	struct ends e = join(kind, CLIENT, HTTP);
	ERR(EINVAL, fn(e.fd, NULL, NULL));
	part(&e);
	close(listener);
}

static void accepting(accept_fn *fn)
{
	int null_file = open("/dev/null", O_RDWR), udp = socket(AF_INET, SOCK_DGRAM, 0);
	for (enum kind kind = TCP; kind < PAIR; kind++)
		accept_on(fn, kind);
	ERR(EBADF, fn(-1, NULL, NULL));
	ERR(EBADF, fn(NO_FD, NULL, NULL));
	ERR(ENOTSOCK, fn(null_file, NULL, NULL));
	ERR(EOPNOTSUPP, fn(udp, NULL, NULL));
	close(null_file);
	close(udp);
}

void test_hook_accept(void)
{
	accepting(accept);
}

void test_hook_accept4(void)
{
	struct sockaddr_storage at;
	socklen_t len;
	accepting(cloexec_accept4);
	int listener = listen_at(TCP, &at, &len), client = raw_client(&at, len);
	ERR(EINVAL, accept4(listener, NULL, NULL, 0x1234));
	int fd = FD(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) && fcntl(fd, F_GETFD) == 0);
	served(client, fd);
}

/* ---- bind, listen ---- */

void test_hook_bind(void)
{
	struct sockaddr_storage at;
	socklen_t len = name_of(TCP, &at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr *name = (struct sockaddr *)&at;
	ERR(EBADF, bind(-1, name, len));
	ERR(EBADF, bind(NO_FD, nowhere, len));
	ERR(ENOTSOCK, bind(open("/dev/null", O_RDWR), name, len));
	ERR(EFAULT, bind(fd, nowhere, len));
	ERR(EFAULT, bind(fd, unreadable(), len));
	ERR(EINVAL, bind(fd, name, 3));
	ERR(EINVAL, bind(fd, name, 5000));
	IS(0, bind(fd, name, len));
	ERR(EINVAL, bind(fd, name, len));
	IS(0, listen(fd, 1));
	IS(0, getsockname(fd, name, &len));
	ERR(EADDRINUSE, bind(socket(AF_INET, SOCK_STREAM, 0), name, len));
	IS(0, bind(udp, name, len));
	((struct sockaddr_in *)&at)->sin_addr.s_addr = inet_addr("192.0.2.1");
	ERR(EADDRNOTAVAIL, bind(socket(AF_INET, SOCK_STREAM, 0), name, len));
	ERR(ENOENT, bind(socket(AF_UNIX, SOCK_STREAM, 0),
			 (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "/nowhere/at/all"},
			 sizeof(struct sockaddr_un)));
}

void test_hook_listen(void)
{
	struct ends e = join(TCP, CLIENT, HTTP);
	int fd = socket(AF_INET, SOCK_STREAM, 0), path = socket(AF_UNIX, SOCK_STREAM, 0);
	ERR(EBADF, listen(-1, 5));
	ERR(ENOTSOCK, listen(open("/dev/null", O_RDWR), 5));
	ERR(EOPNOTSUPP, listen(socket(AF_INET, SOCK_DGRAM, 0), 5));
	ERR(EINVAL, listen(e.fd, 5));
	ERR(EINVAL, listen(path, 5));
	IS(0, listen(fd, 5));
	IS(0, listen(fd, -1));
	IS(0, listen(fd, 0));
	part(&e);
}

/* ---- connect ---- */

static int result_of(int fd)
{
	int error = -1;
	socklen_t len = sizeof(error);
	IS(0, getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	return error;
}

static void connect_on(enum kind kind)
{
	struct sockaddr_storage at, gone;
	socklen_t len, gone_len;
	struct sockaddr *name = (struct sockaddr *)&at, *nobody = (struct sockaddr *)&gone;
	say("-- %s", kind_name[kind]);
	close(listen_at(kind, &gone, &gone_len));
	int listener = listen_at(kind, &at, &len), fd = socket(at.ss_family, SOCK_STREAM, 0);
	ERR(EFAULT, connect(fd, nowhere, len));
	ERR(EFAULT, connect(fd, unreadable(), len));
	ERR(EFAULT, connect(fd, null, len));
	ERR(EINVAL, connect(fd, name, 0));
	TELL(connect(fd, name, 1));
	ERR(EINVAL, connect(fd, name, 100000));
	ERR(EINVAL, connect(fd, name, (socklen_t)-1));
	ERR(ECONNREFUSED, connect(fd, nobody, gone_len));
	IS(0, connect(fd, name, len));
	ERR(EISCONN, connect(fd, name, len));
	close(fd);
	int quick = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (kind == UNIX)
		IS(0, connect(quick, name, len));
	else
		ERR(EINPROGRESS, connect(quick, name, len));
	until(quick, POLLOUT);
	IS(0, result_of(quick));
	TELL(connect(quick, name, len));
	ERR(EISCONN, connect(quick, name, len));
	close(quick);
	quick = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (kind == UNIX) {
		ERR(ECONNREFUSED, connect(quick, nobody, gone_len));
		IS(0, result_of(quick));
	} else {
		ERR(EINPROGRESS, connect(quick, nobody, gone_len));
		until(quick, POLLOUT);
		IS(ECONNREFUSED, (long)result_of(quick));
		IS(0, (long)result_of(quick));
	}
	close(quick);
	close(listener);
}

void test_hook_connect(void)
{
	struct sockaddr_storage at;
	struct sockaddr *name = (struct sockaddr *)&at;
	for (enum kind kind = TCP; kind < PAIR; kind++)
		connect_on(kind);
	socklen_t len = name_of(TCP, &at);
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	((struct sockaddr_in *)&at)->sin_port = htons(9);
	IS(0, connect(udp, name, len));
	at.ss_family = AF_UNSPEC;
	IS(0, connect(udp, name, len));
	struct ends e = join(TCP, CLIENT, HTTP);
	ready_to_hear(&e);
	IS(0, connect(e.fd, name, sizeof(at)));
	ERR(ECONNRESET, read(e.fd, &at, 1));
	ERR(ENOTCONN, read(e.fd, &at, 1));
	part(&e);
	at.ss_family = 99;
	TELL(connect(socket(AF_INET, SOCK_STREAM, 0), name, len));
	ERR(EBADF, connect(-1, name, sizeof(at)));
	ERR(EBADF, connect(-1, nowhere, 16));
	TELL(connect(open("/dev/null", O_RDWR), nowhere, 16));
	ERR(ENOTSOCK, connect(open("/dev/null", O_RDWR), name, 16));
	ERR(ENOENT, connect(socket(AF_UNIX, SOCK_STREAM, 0),
			    (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "/nowhere/at/all"},
			    sizeof(struct sockaddr_un)));
}

/* ---- getsockopt, setsockopt, shutdown ---- */

static void play_option(struct ends *e, void *arg)
{
	int value = -1;
	socklen_t len = sizeof(value);
	char *end = edge(0);
	(void)arg;
	IS(0, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &value, &len));
	CHECK(value == 0 && len == sizeof(value));
	for (len = 0; len < 4; len++) {
		socklen_t l = len;
		TELL(getsockopt(e->fd, SOL_SOCKET, SO_ERROR, end - len, &l));
		CHECK(l == len);
	}
	len = 100;
	IS(0, getsockopt(e->fd, SOL_SOCKET, SO_TYPE, &value, &len));
	CHECK(value == SOCK_STREAM && len == sizeof(value));
	ERR(EFAULT, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, nowhere, &len));
	ERR(EFAULT, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &value, nowhere));
	ERR(EFAULT, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &value, null));
	ERR(ENOPROTOOPT, getsockopt(e->fd, SOL_SOCKET, 9999, &value, &len));
	len = (socklen_t)-1;
	ERR(EINVAL, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &value, &len));
	ready_to_hear(e);
	peer_say(e, heard(e));
	peer_slam(e);
	len = sizeof(value);
	IS(0, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &value, &len));
	CHECK(value == (e->kind <= TCP6 ? ECONNRESET : 0));
	IS(0, getsockopt(e->fd, SOL_SOCKET, SO_ERROR, &value, &len));
	CHECK(value == 0);
}

void test_hook_getsockopt(void)
{
	int value;
	socklen_t len = sizeof(value);
	each_scene(play_option, NULL);
	ERR(EBADF, getsockopt(-1, SOL_SOCKET, SO_ERROR, &value, &len));
	ERR(EBADF, getsockopt(NO_FD, SOL_SOCKET, SO_ERROR, nowhere, &len));
	ERR(ENOTSOCK, getsockopt(open("/dev/null", O_RDWR), SOL_SOCKET, SO_ERROR, &value, &len));
}

static void play_set_option(struct ends *e, void *arg)
{
	int value = 1;
	struct timeval limit = {3, 0};
	(void)arg;
	IS(0, setsockopt(e->fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	IS(0, setsockopt(e->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	socklen_t len = sizeof(limit);
	limit.tv_sec = 0;
	IS(0, getsockopt(e->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len));
	CHECK(limit.tv_sec == 3);
	ERR(EFAULT, setsockopt(e->fd, SOL_SOCKET, SO_KEEPALIVE, nowhere, sizeof(value)));
	ERR(EINVAL, setsockopt(e->fd, SOL_SOCKET, SO_KEEPALIVE, &value, 1));
	ERR(ENOPROTOOPT, setsockopt(e->fd, SOL_SOCKET, 9999, &value, sizeof(value)));
	ready_to_hear(e);
	peer_say(e, heard(e));
}

void test_hook_setsockopt(void)
{
	int value = 1;
	each_scene(play_set_option, NULL);
	ERR(EBADF, setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	ERR(EBADF, setsockopt(NO_FD, SOL_SOCKET, SO_KEEPALIVE, nowhere, sizeof(value)));
	ERR(ENOTSOCK,
	    setsockopt(open("/dev/null", O_RDWR), SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
}

static void play_shutdown(struct ends *e, void *arg)
{
	int how = *(int *)arg;
	char byte;
	ready_to_speak(e);
	if (e->role == CLIENT)
		ready_to_hear(e);
	if (how > SHUT_RDWR) {
		ERR(EINVAL, shutdown(e->fd, how));
		return;
	}
	IS(0, shutdown(e->fd, how));
	TELL(shutdown(e->fd, how));
	if (how != SHUT_RD) {
		IS(0, RAW(SYS_recvfrom, e->peer, &byte, 1, 0, 0, 0));
		count_pipes();
		ERR(EPIPE, write(e->fd, "x", 1));
	} else {
		IS(1, write(e->fd, "x", 1));
	}
	if (how != SHUT_WR)
		IS(0, read(e->fd, &byte, 1));
}

void test_hook_shutdown(void)
{
	static const int ways[] = {SHUT_RD, SHUT_WR, SHUT_RDWR, 77};
	for (size_t i = 0; i < 4; i++) {
		say("---- %d", ways[i]);
		each_scene(play_shutdown, (void *)&ways[i]);
	}
	ERR(EBADF, shutdown(-1, SHUT_RD));
	ERR(EBADF, shutdown(NO_FD, 77));
	ERR(ENOTSOCK, shutdown(open("/dev/null", O_RDWR), SHUT_RD));
	ERR(ENOTCONN, shutdown(socket(AF_INET, SOCK_STREAM, 0), SHUT_RDWR));
}
