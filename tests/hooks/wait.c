/*
 * The waits: what they say is there, and that they end by time, by signal and by nonsense as ever.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hooks/harness.h"
#include "hooks/message.h"

#define NO_FD 777 /* never open */

static struct timespec *span(struct timespec *t, int ms)
{
	*t = (struct timespec){ms / 1000, ms % 1000 * 1000000L};
	return ms < 0 ? NULL : t;
}

/* The mask is the thread's for the time of the wait only: a signal that is pending ends it. */
static int masked(sigset_t *open_mask)
{
	sigset_t mask;
	sigemptyset(open_mask);
	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	interrupt_soon();
	return 0;
}

static void unmasked(void)
{
	sigset_t mask;
	calm();
	sigemptyset(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* ---- epoll ---- */

static void play_epoll_ctl(struct ends *e, void *unused)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 7}, got;
	int set = epoll_create1(0), file = open("/etc/passwd", O_RDONLY), tube[2];
	(void)unused;
	ready_to_hear(e);
	IS(0, epoll_ctl(set, EPOLL_CTL_ADD, e->fd, &ev));
	ERR(EEXIST, epoll_ctl(set, EPOLL_CTL_ADD, e->fd, &ev));
	peer_say(e, heard(e));
	IS(1, epoll_wait(set, &got, 1, -1));
	CHECK(got.data.u64 == 7);
	ev.events = EPOLLOUT;
	IS(0, epoll_ctl(set, EPOLL_CTL_MOD, e->fd, &ev));
	IS(1, epoll_wait(set, &got, 1, -1));
	IS(0, epoll_ctl(set, EPOLL_CTL_DEL, e->fd, null));
	ERR(ENOENT, epoll_ctl(set, EPOLL_CTL_DEL, e->fd, null));
	ERR(ENOENT, epoll_ctl(set, EPOLL_CTL_MOD, e->fd, &ev));
	ERR(EFAULT, epoll_ctl(set, EPOLL_CTL_ADD, e->fd, nowhere));
	ERR(EINVAL, epoll_ctl(set, 99, e->fd, &ev));
	ERR(EINVAL, epoll_ctl(set, EPOLL_CTL_ADD, set, &ev));
	ERR(EPERM, epoll_ctl(set, EPOLL_CTL_ADD, file, &ev));
	ERR(EBADF, epoll_ctl(set, EPOLL_CTL_ADD, NO_FD, &ev));
	ERR(EBADF, epoll_ctl(-1, EPOLL_CTL_ADD, e->fd, &ev));
	IS((long)strlen(heard(e)), read(e->fd, (char[200]){0}, 200));
	/* What is no connection is read as ever. */
	CHECK(pipe(tube) == 0);
	nonblocking(tube[0], true);
	ev.events = EPOLLIN;
	IS(0, epoll_ctl(set, EPOLL_CTL_ADD, tube[0], &ev));
	ERR(EAGAIN, read(tube[0], (char[9]){0}, 9));
	IS(3, write(tube[1], "abc", 3));
	ERR(EFAULT, read(tube[0], nowhere, 9));
	IS(3, read(tube[0], (char[9]){0}, 9));
	IS(0, close(tube[1]));
	IS(0, read(tube[0], (char[9]){0}, 9));
	IS(0, close(tube[0]));
	ERR(EBADF, read(tube[0], (char[9]){0}, 9));
	close(file);
	close(set);
}

void test_hook_epoll_ctl(void)
{
	each_scene(play_epoll_ctl, NULL);
}

typedef int epoll_fn(int fd, struct epoll_event *events, int count, int ms);

static int plain_epoll_pwait(int fd, struct epoll_event *events, int count, int ms)
{
	return epoll_pwait(fd, events, count, ms, NULL);
}

static int plain_epoll_pwait2(int fd, struct epoll_event *events, int count, int ms)
{
	struct timespec t;
	return epoll_pwait2(fd, events, count, span(&t, ms), NULL);
}

static void play_epoll(struct ends *e, void *arg)
{
	epoll_fn *fn = *(epoll_fn **)arg;
	struct epoll_event ev = {.events = EPOLLIN}, got[4];
	int set = epoll_create1(0);
	ready_to_hear(e);
	IS(0, fn(set, got, 4, 1));
	IS(0, epoll_ctl(set, EPOLL_CTL_ADD, e->fd, &ev));
	IS(0, fn(set, got, 4, 0));
	peer_say(e, heard(e));
	memset(got, 0x55, sizeof(got));
	IS(1, fn(set, got, 4, -1));
	CHECK(got[0].events == EPOLLIN && got[1].events == 0x55555555);
	ERR(EFAULT, fn(set, nowhere, 4, 10));
	ERR(EFAULT, fn(set, unreadable(), 4, 10));
	ERR(EINVAL, fn(set, got, 0, 10));
	ERR(EINVAL, fn(set, got, -1, 10));
	ERR(EBADF, fn(-1, got, 4, 10));
	ERR(EINVAL, fn(e->fd, got, 4, 10));
	IS((long)strlen(heard(e)), read(e->fd, (char[200]){0}, 200));
	interrupt_soon();
	ERR(EINTR, fn(set, got, 4, -1));
	calm();
	RAW(SYS_shutdown, e->peer, SHUT_RDWR);
	IS(1, fn(set, got, 4, -1));
	close(set);
}

void test_hook_epoll_wait(void)
{
	epoll_fn *fn = epoll_wait;
	each_scene(play_epoll, &fn);
}

void test_hook_epoll_pwait(void)
{
	epoll_fn *fn = plain_epoll_pwait;
	struct epoll_event got;
	sigset_t open_mask;
	int set = epoll_create1(0);
	each_scene(play_epoll, &fn);
	masked(&open_mask);
	IS(0, epoll_pwait(set, &got, 1, 8, NULL));
	ERR(EINTR, epoll_pwait(set, &got, 1, -1, &open_mask));
	ERR(EFAULT, epoll_pwait(set, &got, 1, -1, nowhere));
	unmasked();
}

void test_hook_epoll_pwait2(void)
{
	epoll_fn *fn = plain_epoll_pwait2;
	struct epoll_event got;
	struct timespec minus = {-1, 0}, much = {0, 1000000000};
	sigset_t open_mask;
	int set = epoll_create1(0);
	each_scene(play_epoll, &fn);
	masked(&open_mask);
	ERR(EINTR, epoll_pwait2(set, &got, 1, NULL, &open_mask));
	unmasked();
	ERR(EFAULT, epoll_pwait2(set, &got, 1, NULL, nowhere));
	ERR(EFAULT, epoll_pwait2(set, &got, 1, nowhere, NULL));
	ERR(EINVAL, epoll_pwait2(set, &got, 1, &minus, NULL));
	ERR(EINVAL, epoll_pwait2(set, &got, 1, &much, NULL));
}

/* ---- poll ---- */

typedef int poll_fn(struct pollfd *fds, nfds_t count, int ms);

static int plain_poll_chk(struct pollfd *fds, nfds_t count, int ms)
{
	return __poll_chk(fds, count, ms, count * sizeof(*fds));
}

static int plain_ppoll(struct pollfd *fds, nfds_t count, int ms)
{
	struct timespec t;
	return ppoll(fds, count, span(&t, ms), NULL);
}

static int plain_ppoll_chk(struct pollfd *fds, nfds_t count, int ms)
{
	struct timespec t;
	return __ppoll_chk(fds, count, span(&t, ms), NULL, count * sizeof(*fds));
}

static void play_poll(struct ends *e, void *arg)
{
	poll_fn *fn = *(poll_fn **)arg;
	struct ends other = join(TCP, SERVER, HTTP);
	struct sockaddr_storage at;
	socklen_t len;
	int listener = listen_at(TCP, &at, &len);
	struct pollfd fds[] = {{e->fd, POLLIN, 0x55},    {other.fd, POLLIN, 0x55},
			       {listener, POLLIN, 0x55}, {-1, POLLIN, 0x55},
			       {NO_FD, POLLIN, 0x55},    {e->fd, POLLOUT, 0x55}};
	ready_to_hear(e);
	IS(0, fn(fds, 1, 1));
	peer_say(e, heard(e));
	IS(3, fn(fds, 6, -1));
	for (size_t i = 0; i < 6; i++)
		say("events %x", (unsigned)fds[i].revents);
	IS(0, fn(fds + 1, 2, 1));
	IS(0, fn(fds + 1, 1, 0));
	IS(1, fn(fds, 1, -1));
	IS(0, fn(NULL, 0, 1));
	ERR(EFAULT, fn(nowhere, 3, 10));
	ERR(EFAULT, fn(null, 3, 10));
	ERR(EFAULT, fn(unreadable(), 3, 10));
	IS((long)strlen(heard(e)), read(e->fd, (char[200]){0}, 200));
	interrupt_soon();
	ERR(EINTR, fn(fds, 1, -1));
	ERR(EINTR, fn(fds, 3, -1));
	calm();
	peer_slam(e);
	IS(1, fn(fds, 1, -1));
	say("events %x", (unsigned)fds[0].revents);
	part(&other);
	close(listener);
}

static void polling(poll_fn *fn)
{
	static struct pollfd many[5000];
	struct rlimit old, few = {100, 0};
	each_scene(play_poll, &fn);
	getrlimit(RLIMIT_NOFILE, &old);
	few.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_NOFILE, &few);
	ERR(EINVAL, fn(many, 5000, 10));
	setrlimit(RLIMIT_NOFILE, &old);
}

void test_hook_poll(void)
{
	polling(poll);
	ERR(EINVAL, poll(nowhere, 100000000, 10));
}

static void over_poll(void *unused)
{
	struct pollfd one = {0};
	(void)unused;
	say("%d", __poll_chk(&one, 2, 0, sizeof(one)));
}

void test_hook___poll_chk(void)
{
	polling(plain_poll_chk);
	in_child("an overflow", over_poll, NULL);
}

void test_hook_ppoll(void)
{
	struct timespec much = {0, 1000000000};
	sigset_t open_mask;
	polling(plain_ppoll);
	ERR(EINVAL, ppoll(NULL, 0, &much, NULL));
	ERR(EFAULT, ppoll(NULL, 0, NULL, nowhere));
	masked(&open_mask);
	ERR(EINTR, ppoll(NULL, 0, NULL, &open_mask));
	unmasked();
}

static void over_ppoll(void *unused)
{
	struct pollfd one = {0};
	struct timespec now = {0};
	(void)unused;
	say("%d", __ppoll_chk(&one, 2, &now, NULL, sizeof(one)));
}

void test_hook___ppoll_chk(void)
{
	polling(plain_ppoll_chk);
	in_child("an overflow", over_ppoll, NULL);
}

/* ---- select ---- */

typedef int select_fn(int count, fd_set *r, fd_set *w, fd_set *x, int ms);

static int plain_select(int count, fd_set *r, fd_set *w, fd_set *x, int ms)
{
	struct timeval t = {ms / 1000, ms % 1000 * 1000L};
	return select(count, r, w, x, ms < 0 ? NULL : &t);
}

static int plain_pselect(int count, fd_set *r, fd_set *w, fd_set *x, int ms)
{
	struct timespec t;
	return pselect(count, r, w, x, span(&t, ms), NULL);
}

static fd_set set_of(int fd)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(fd, &set);
	return set;
}

/* The kernel looks no further than the table of descriptors reaches, which grows with the highest
 * one and never shrinks. */
static void grow_table(void)
{
	int fd = open("/dev/null", O_RDONLY);
	CHECK(dup2(fd, 300) == 300);
	close(300);
	close(fd);
}

static void play_select(struct ends *e, void *arg)
{
	select_fn *fn = *(select_fn **)arg;
	grow_table();
	fd_set r = set_of(e->fd), w = set_of(e->fd), x = set_of(e->fd), none = set_of(40);
	ready_to_hear(e);
	IS(0, fn(e->fd + 1, &r, NULL, NULL, 1));
	CHECK(!FD_ISSET(e->fd, &r));
	peer_say(e, heard(e));
	r = set_of(e->fd);
	IS(2, fn(1024, &r, &w, &x, -1));
	CHECK(FD_ISSET(e->fd, &r) && FD_ISSET(e->fd, &w) && !FD_ISSET(e->fd, &x));
	/* Beyond the count nothing is looked at, nor written. */
	r = set_of(e->fd);
	IS(0, fn(e->fd / 8 * 8, &r, NULL, NULL, 1));
	IS(0, fn(0, NULL, NULL, NULL, 1));
	IS(0, fn(0, nowhere, nowhere, nowhere, 1));
	ERR(EINVAL, fn(-1, NULL, NULL, NULL, 10));
	ERR(EFAULT, fn(10, nowhere, NULL, NULL, 10));
	ERR(EFAULT, fn(10, NULL, nowhere, NULL, 10));
	ERR(EFAULT, fn(10, NULL, NULL, nowhere, 10));
	ERR(EFAULT, fn(10, unreadable(), NULL, NULL, 10));
	ERR(EFAULT, fn(70, (fd_set *)edge(8), NULL, NULL, 10));
	IS(0, fn(64, (fd_set *)edge(8), NULL, NULL, 1));
	ERR(EBADF, fn(41, &none, NULL, NULL, 10));
	IS((long)strlen(heard(e)), read(e->fd, (char[200]){0}, 200));
	interrupt_soon();
	r = set_of(e->fd);
	ERR(EINTR, fn(100, &r, NULL, NULL, -1));
	calm();
}

/* More descriptors than an fd_set has. */
static void large(select_fn *fn)
{
	static fd_set sets[4];
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	setrlimit(RLIMIT_NOFILE, &limit);
	struct ends e = join(TCP, SERVER, HTTP);
	int high = dup2(e.fd, 2000);
	peer_say(&e, heard(&e));
	((unsigned char *)sets)[2000 / 8] |= 1 << 2000 % 8;
	IS(1, fn(2001, sets, NULL, NULL, -1));
	CHECK(((unsigned char *)sets)[2000 / 8] == 1 << 2000 % 8);
	close(high);
	part(&e);
}

void test_hook_select(void)
{
	select_fn *fn = plain_select;
	struct timeval left = {0, 5000}, minus = {-1, 0};
	each_scene(play_select, &fn);
	large(fn);
	IS(0, select(0, NULL, NULL, NULL, &left));
	CHECK(left.tv_sec == 0 && left.tv_usec == 0);
	struct ends e = join(TCP, SERVER, HTTP);
	fd_set r = set_of(e.fd);
	peer_say(&e, heard(&e));
	left.tv_sec = 1000;
	IS(1, select(e.fd + 1, &r, NULL, NULL, &left));
	CHECK(left.tv_sec == 999);
	ERR(EINVAL, select(0, NULL, NULL, NULL, &minus));
	part(&e);
}

void test_hook_pselect(void)
{
	select_fn *fn = plain_pselect;
	struct timespec much = {0, 1000000000}, brief = {0, 1000000};
	sigset_t open_mask;
	each_scene(play_select, &fn);
	large(fn);
	IS(0, pselect(0, NULL, NULL, NULL, &brief, NULL));
	CHECK(brief.tv_nsec == 1000000);
	ERR(EINVAL, pselect(0, NULL, NULL, NULL, &much, NULL));
	ERR(EFAULT, pselect(0, NULL, NULL, NULL, NULL, nowhere));
	masked(&open_mask);
	ERR(EINTR, pselect(0, NULL, NULL, NULL, NULL, &open_mask));
	unmasked();
}
