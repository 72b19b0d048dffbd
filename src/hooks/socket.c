/*
 * Births of descriptors: sockets, accepted and connected ones, duplicates.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "bridge/jvm.h"
#include "bridge/node.h"
#include "bridge/python.h"
#include "hooks/hook.h"

int AT_HOOK(socket)(int domain, int type, int protocol)
{
	int fd = at_libc.socket(domain, type, protocol);
	if (fd >= 0 && !at_thread_pass())
		at_shore_socket(fd, domain, type);
	return fd;
}

int AT_HOOK(socketpair)(int domain, int type, int protocol, int sv[2])
{
	int rc = at_libc.socketpair(domain, type, protocol, sv);
	if (rc == 0 && !at_thread_pass()) {
		at_shore_born(sv[0]);
		at_shore_born(sv[1]);
		at_python_look();
	}
	return rc;
}

int AT_HOOK(accept)(int fd, struct sockaddr *addr, socklen_t *len)
{
	if (at_thread_pass())
		return at_libc.accept(fd, addr, len);
	if (at_shore_hidden(fd))
		return -1;
	at_shore_accepting(fd);
	int got = at_libc.accept(fd, addr, len);
	if (got >= 0)
		at_shore_accepted(fd, got);
	return got;
}

int AT_HOOK(accept4)(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	if (at_thread_pass())
		return at_libc.accept4(fd, addr, len, flags);
	if (at_shore_hidden(fd))
		return -1;
	at_shore_accepting(fd);
	int got = at_libc.accept4(fd, addr, len, flags);
	if (got >= 0)
		at_shore_accepted(fd, got);
	return got;
}

int AT_HOOK(bind)(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (!at_thread_pass() && at_shore_hidden(fd))
		return -1;
	int rc = at_libc.bind(fd, addr, len);
	if (rc == 0 && !at_thread_pass())
		at_shore_bound(fd);
	return rc;
}

int AT_HOOK(listen)(int fd, int backlog)
{
	if (!at_thread_pass() && at_shore_hidden(fd))
		return -1;
	int rc = at_libc.listen(fd, backlog);
	if (rc == 0 && !at_thread_pass()) {
		at_shore_bound(fd);
		at_python_look();
		at_node_look();
		at_jvm_look(__builtin_return_address(0));
	}
	return rc;
}

int AT_HOOK(connect)(int fd, const struct sockaddr *addr, socklen_t len)
{
	if (at_shore_pass(fd))
		return at_libc.connect(fd, addr, len);
	if (at_shore_hidden(fd))
		return -1;
	at_node_look();
	uint64_t began = at_shore_now();
	int rc = at_libc.connect(fd, addr, len);
	at_shore_connected(fd, addr, len, rc, errno, began);
	return rc;
}

int AT_HOOK(getsockopt)(int fd, int level, int name, void *value, socklen_t *len)
{
	int rc = at_libc.getsockopt(fd, level, name, value, len);
	if (rc == 0 && level == SOL_SOCKET && name == SO_ERROR && !at_shore_pass(fd))
		at_shore_socket_error(fd, value, *len);
	else if (rc == 0 && level == IPPROTO_TCP && name == TCP_INFO && !at_shore_pass(fd))
		at_shore_asked_about(fd);
	if (!at_thread_pass())
		at_python_glance();
	return rc;
}

/* Of interest as a call that Python makes without letting its lock go. */
int AT_HOOK(setsockopt)(int fd, int level, int name, const void *value, socklen_t len)
{
	if (!at_thread_pass() && at_shore_hidden(fd))
		return -1;
	int rc = at_libc.setsockopt(fd, level, name, value, len);
	if (!at_thread_pass())
		at_python_glance();
	return rc;
}

int AT_HOOK(shutdown)(int fd, int how)
{
	if (at_shore_pass(fd))
		return at_libc.shutdown(fd, how);
	if (at_shore_hidden(fd))
		return -1;
	int rc = at_libc.shutdown(fd, how);
	if (rc == 0)
		at_shore_shut(fd, how);
	return rc;
}

int AT_HOOK(dup)(int fd)
{
	if (!at_thread_pass() && at_shore_hidden(fd))
		return -1;
	int got = at_libc.dup(fd);
	if (got >= 0 && !at_thread_pass())
		at_shore_duplicated(fd, got);
	return got;
}

/* Onto a descriptor of ours: ours makes way, the program gets its number. */
int AT_HOOK(dup2)(int fd, int to)
{
	if (at_thread_pass() || fd == to)
		return at_libc.dup2(fd, to);
	if (at_shore_hidden(fd))
		return -1;
	at_shore_giving_way(to);
	int got = at_libc.dup2(fd, to);
	if (got >= 0)
		at_shore_duplicated(fd, got);
	return got;
}

int AT_HOOK(dup3)(int fd, int to, int flags)
{
	if (at_thread_pass() || fd == to)
		return at_libc.dup3(fd, to, flags);
	if (at_shore_hidden(fd))
		return -1;
	at_shore_giving_way(to);
	int got = at_libc.dup3(fd, to, flags);
	if (got >= 0)
		at_shore_duplicated(fd, got);
	return got;
}

static int after_fcntl(int fd, int cmd, int rc)
{
	if (rc >= 0 && (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC) && !at_thread_pass())
		at_shore_duplicated(fd, rc);
	return rc;
}

int AT_HOOK(fcntl)(int fd, int cmd, long arg)
{
	if (!at_thread_pass() && at_shore_hidden(fd))
		return -1;
	return after_fcntl(fd, cmd, at_libc.fcntl(fd, cmd, arg));
}

int AT_HOOK(fcntl64)(int fd, int cmd, long arg)
{
	if (!at_thread_pass() && at_shore_hidden(fd))
		return -1;
	return after_fcntl(fd, cmd, at_libc.fcntl64(fd, cmd, arg));
}

FILE *AT_HOOK(fdopen)(int fd, const char *mode)
{
	if (at_shore_pass(fd))
		return at_libc.fdopen(fd, mode);
	if (at_shore_hidden(fd))
		return NULL;
	FILE *f = at_libc.fdopen(fd, mode);
	if (f)
		at_shore_stdio(fd);
	return f;
}
