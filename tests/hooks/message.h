/*
 * What tests of several files need of messages: calls that headers declare for the compiler's own
 * use only, and descriptors that travel.
 */
#ifndef HOOKS_MESSAGE_H
#define HOOKS_MESSAGE_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

ssize_t __read_chk(int fd, void *buf, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t room, int flags, struct sockaddr *addr,
		       socklen_t *len);
int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t room);
int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
		const sigset_t *mask, size_t room);

/* Descriptors come with messages, by recvmsg or recvmmsg: as many as there is room for, others cut
 * off, several at once, peeked at; what they lead to works. */
void rights_in(bool mmsg);
/* Descriptors leave, by sendmsg or sendmmsg. */
void rights_out(bool mmsg);
/* One descriptor goes out over a unix socket, unseen by any library; and comes in by recvmsg or
 * recvmmsg. */
void raw_send_fd(int over, int fd);
int receive_fd(int over, bool mmsg);

#endif
