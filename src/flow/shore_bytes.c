/*
 * Bytes as the hooks tell them: fed to the talk of their connection piece by piece, in stream
 * order.
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "flow/boot.h"
#include "flow/causality.h"
#include "flow/inject.h"
#include "flow/secure.h"
#include "flow/shore.h"
#include "flow/talk.h"
#include "libc/floor.h"
#include "libc/sys.h"

/* Errors that say nothing about the connection. */
static bool passing(int error)
{
	return error == EAGAIN || error == EINTR || error == EFAULT || error == EINVAL ||
	       error == EBADF || error == ENOTSOCK || error == EMSGSIZE || error == ENOMEM ||
	       error == ENOBUFS || error == EOPNOTSUPP || error == EINPROGRESS || error == EALREADY;
}

/* Bytes on the wire: the conversation, or TLS. */
static void come_in(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	if (c->way == AT_WAY_PLAIN || !at_secure_in(c, fd, bytes, n))
		at_talk_in(c, fd, bytes, n);
}

static void go_out(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	if (c->way == AT_WAY_PLAIN || !at_secure_out(c, fd, bytes, n))
		at_talk_out(c, fd, bytes, n);
}

/* The end of an event. */
static void leave(struct at_conn *c, int fd)
{
	struct at_secure_news news = at_secure_news(c);
	at_conn_leave(c, fd);
	at_secure_tell(&news);
}

typedef void feed_fn(struct at_conn *c, int fd, const char *bytes, size_t n);

static void feed(struct at_conn *c, int fd, const struct iovec *iov, size_t count, size_t n,
		 feed_fn *to)
{
	for (size_t i = 0; i < count && n && !c->over; i++) {
		size_t piece = iov[i].iov_len < n ? iov[i].iov_len : n;
		if (piece)
			to(c, fd, iov[i].iov_base, piece);
		n -= piece;
	}
}

static void failed(struct at_conn *c, int fd, int error, bool reading)
{
	if (reading && error == EAGAIN)
		c->again = true;
	if (reading && c->role == AT_CONN_SERVER)
		at_causality_left();
	if (!passing(error))
		at_talk_failed(c, fd, error);
}

static size_t room_of(const struct iovec *iov, size_t count)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

/* What a loop waits for was read, and is no connection: somebody's event. One that was looked for
 * in vain is none. */
static bool is_event(int fd, ssize_t rc)
{
	if (!at_fdmap_is_events(at_fdmap_get(fd)))
		return false;
	int saved = errno;
	at_thread_enter();
	if (rc >= 0 || !passing(saved))
		at_causality_elsewhere();
	at_boot_leave(saved);
	return true;
}

void at_shore_read(int fd, const struct iovec *iov, size_t count, ssize_t rc)
{
	int saved = errno;
	if (is_event(fd, rc))
		return;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			feed(c, fd, iov, count, (size_t)rc, come_in);
		else if (rc == 0 && room_of(iov, count) && !at_secure_eof(c))
			at_talk_eof(c, fd);
		else if (rc < 0)
			failed(c, fd, saved, true);
		if (rc < 0 && saved == EAGAIN && room_of(iov, count) == 1)
			at_talk_probed(c);
		leave(c, fd);
	}
	at_boot_leave(saved);
}

void at_shore_read_unseen(int fd, ssize_t rc)
{
	int saved = errno;
	if (is_event(fd, rc))
		return;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			come_in(c, fd, NULL, (size_t)rc);
		leave(c, fd);
	}
	at_boot_leave(saved);
}

/* Each descriptor that is in a message. */
static void each_right(const struct msghdr *msg, void (*tell)(int fd))
{
	if (!msg->msg_control || msg->msg_controllen < sizeof(struct cmsghdr))
		return;
	for (struct cmsghdr *m = CMSG_FIRSTHDR(msg); m; m = CMSG_NXTHDR((struct msghdr *)msg, m)) {
		if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
			continue;
		const unsigned char *data = CMSG_DATA(m);
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, data + i * sizeof(int), sizeof(int));
			tell(fd);
		}
	}
}

void at_shore_received(const struct msghdr *msg)
{
	each_right(msg, at_shore_born);
}

static void passed(int fd)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock_known(fd);
	if (c) {
		at_talk_passed(c);
		at_conn_leave(c, fd);
	}
	at_boot_leave(saved);
}

void at_shore_sent(const struct msghdr *msg)
{
	each_right(msg, passed);
}

/* A server's answers are never changed: seen without the lock, since a role once known stays. */
static bool answers(int fd)
{
	uintptr_t word = at_fdmap_get(fd);
	return word >= AT_FD_TAGS &&
	       __atomic_load_n(&((struct at_conn *)word)->role, __ATOMIC_RELAXED) == AT_CONN_SERVER;
}

/* What is about to be written, as far as the hook may say that it can be read. */
struct outgoing {
	const struct msghdr *msg; /* the program's, or NULL */
	const struct iovec *iov;  /* the program's, unless `own`; msg gives it */
	size_t count;             /* pieces */
	bool own;                 /* iov is the hook's */
};

/* More pieces than the kernel takes are an error that the true call reports. */
static bool can_read(struct outgoing *o)
{
	if (o->msg) {
		if (!at_memory_readable(o->msg, sizeof(*o->msg), NULL))
			return false;
		o->iov = o->msg->msg_iov;
		o->count = o->msg->msg_iovlen;
	}
	return o->count && o->count <= IOV_MAX &&
	       (o->own || at_memory_readable(o->iov, o->count * sizeof(*o->iov), NULL));
}

static struct at_edits *plan(int fd, struct outgoing o)
{
	int saved = errno;
	struct at_edits *edits = NULL;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (c->role != AT_CONN_SERVER && c->way <= AT_WAY_PLAIN && !c->over && can_read(&o))
			edits = at_inject_plan(c, fd, o.iov, (int)o.count);
		at_conn_leave(c, fd);
	}
	at_boot_leave(saved);
	return edits;
}

/* The same for a call that is a cancellation point: what the plan takes out of the talk would be
 * lost with a thread that ended behind it. */
static struct at_edits *plan_point(int fd, struct outgoing o)
{
	if (answers(fd))
		return NULL;
	at_floor_cancel_here();
	return plan(fd, o);
}

struct at_edits *at_shore_plan(int fd, const struct iovec *piece)
{
	return plan_point(fd, (struct outgoing){.iov = piece, .count = 1, .own = true});
}

struct at_edits *at_shore_plan_vector(int fd, const struct iovec *iov, size_t count)
{
	return plan_point(fd, (struct outgoing){.iov = iov, .count = count});
}

struct at_edits *at_shore_plan_message(int fd, const struct msghdr *msg)
{
	return plan_point(fd, (struct outgoing){.msg = msg});
}

ssize_t at_shore_send(int fd, const struct iovec *iov, size_t count, const struct msghdr *base,
		      int flags, struct at_edits *edits)
{
	return at_inject_send(fd, iov, (int)count, base, flags, edits);
}

void at_shore_wrote(int fd, const struct iovec *iov, size_t count, ssize_t rc)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			feed(c, fd, iov, count, (size_t)rc, go_out);
		else if (rc < 0)
			failed(c, fd, saved, false);
		leave(c, fd);
	}
	at_boot_leave(saved);
}

void at_shore_wrote_message(int fd, const struct msghdr *msg, ssize_t rc)
{
	at_shore_wrote(fd, rc > 0 ? msg->msg_iov : NULL, rc > 0 ? msg->msg_iovlen : 0, rc);
}

bool at_shore_tell(struct mmsghdr *m, unsigned n)
{
	/* With the hole behind it, which is to stay as it is. */
	struct mmsghdr copy;
	uint64_t length;
	uint64_t *place = (uint64_t *)(void *)&m->msg_len;
	_Static_assert(offsetof(struct mmsghdr, msg_len) + sizeof(length) == sizeof(*m), "a hole");
	bool told = at_memory_readable(m, sizeof(*m), NULL);
	if (told) {
		memcpy(&copy, m, sizeof(copy));
		copy.msg_len = n;
		memcpy(&length, &copy.msg_len, sizeof(length));
		told = at_memory_store(place, length);
	}
	if (!told)
		errno = EFAULT;
	return told;
}

void at_shore_wrote_unseen(int fd, ssize_t rc)
{
	int saved = errno;
	at_thread_enter();
	struct at_conn *c = at_conn_lock(fd);
	if (c) {
		if (rc > 0)
			go_out(c, fd, NULL, (size_t)rc);
		else if (rc < 0)
			failed(c, fd, saved, false);
		leave(c, fd);
	}
	at_boot_leave(saved);
}

void at_shore_spoke(void)
{
	at_causality_spoke();
}

static bool owes(int fd)
{
	struct at_conn *c = at_conn_lock_known(fd);
	bool tail = false;
	if (c) {
		const struct at_talk *t = c->talk;
		tail = t && t->tail.n && !t->tail_at && !t->swallow;
		at_conn_unlock(c);
	}
	return tail;
}

static bool flush_own(int fd)
{
	const struct iovec none = {NULL, 0};
	const struct outgoing nothing = {.iov = &none, .count = 1, .own = true};
	do {
		struct at_edits *edits = plan(fd, nothing);
		if (!edits)
			break;
		if (at_inject_send(fd, &none, 1, NULL, 0, edits) < 0)
			return false;
		if (!owes(fd))
			break;
		if (at_sys(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK) {
			errno = EAGAIN;
			return false;
		}
	} while (true);
	return true;
}

/* sendfile is no cancellation point, and what is owed must not be lost in one. */
bool at_shore_flush_own(int fd)
{
	if (!owes(fd))
		return true;
	int state = at_floor_cancel_off();
	bool flushed = flush_own(fd);
	at_floor_cancel_restore(state);
	return flushed;
}
