/*
 * Fed by http.c on the worker's thread; cleaned by the forking thread in a child. Owns the list of
 * open sockets and what they were when they were made.
 */
#include "export/socket.h"

#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fdmap.h"
#include "libc/sys.h"

/* Two for each transfer (two address families race) and some that linger. */
#define SOCKETS 12

static struct {
	int fd;       /* descriptor + 1; 0: free place */
	uint64_t ino; /* inode of the socket */
} sockets[SOCKETS];

static uint64_t inode(int fd)
{
	struct stat st;
	if (at_sys(SYS_fstat, fd, (long)&st, 0) != 0 || !S_ISSOCK(st.st_mode))
		return 0;
	return st.st_ino;
}

int at_socket_open(int domain, int type, int protocol)
{
	for (int i = 0; i < SOCKETS; i++) {
		if (sockets[i].fd)
			continue;
		int fd = (int)at_sys(SYS_socket, domain, type | SOCK_CLOEXEC, protocol);
		if (fd < 0)
			return -1;
		fd = at_fdmap_move_high(fd);
		sockets[i].ino = inode(fd);
		sockets[i].fd = fd + 1;
		return fd;
	}
	return -1;
}

static void give_up(int i)
{
	int fd = sockets[i].fd - 1;
	sockets[i].fd = 0;
	at_fdmap_disown(fd);
	if (inode(fd) == sockets[i].ino)
		at_sys(SYS_close, fd, 0, 0);
}

void at_socket_close(int fd)
{
	for (int i = 0; i < SOCKETS; i++)
		if (sockets[i].fd == fd + 1)
			give_up(i);
}

bool at_socket_all_ours(void)
{
	for (int i = 0; i < SOCKETS; i++)
		if (sockets[i].fd && inode(sockets[i].fd - 1) != sockets[i].ino)
			return false;
	return true;
}

void at_socket_forget(void)
{
	for (int i = 0; i < SOCKETS; i++)
		if (sockets[i].fd)
			give_up(i);
}
