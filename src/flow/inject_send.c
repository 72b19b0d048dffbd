/*
 * The changed write: one sendmsg of the application's pieces with ours between them, and the way
 * back from what the kernel took to what the application is told. Fed by the shore with the edits
 * that inject.c made.
 *
 *   application   |---- a ----|------- b -------|-- c --|
 *   on the wire   |---- a ----|=ours=|---- b ---|=over==|-- c --|     "=over=": as many bytes
 * replaced
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

#include "base/counter.h"
#include "base/pool.h"
#include "base/thread.h"
#include "flow/inject.h"
#include "libc/libc.h"
#include "libc/sys.h"

/* Walks the application's pieces. */
struct walk {
	const struct iovec *iov; /* its pieces */
	int count;               /* how many */
	int i;                   /* the piece we are in */
	size_t in_piece;         /* offset inside it */
	size_t at;               /* offset in the whole */
};

/* Pieces to write. */
struct pieces {
	struct iovec *iov; /* pool memory */
	size_t count;
	size_t room;
};

static void piece_add(struct pieces *p, const void *base, size_t n)
{
	if (n && p->count < p->room)
		p->iov[p->count++] = (struct iovec){(void *)base, n};
}

/* Copies the application's pieces up to offset `to` (`p` NULL: passes over them). */
static void walk_to(struct walk *w, size_t to, struct pieces *p)
{
	while (w->i < w->count && w->at < to) {
		size_t left = w->iov[w->i].iov_len - w->in_piece;
		size_t n = left < to - w->at ? left : to - w->at;
		if (p)
			piece_add(p, (const char *)w->iov[w->i].iov_base + w->in_piece, n);
		w->at += n;
		w->in_piece += n;
		if (w->in_piece == w->iov[w->i].iov_len) {
			w->i++;
			w->in_piece = 0;
		}
	}
}

static size_t length_of(const struct iovec *iov, int count)
{
	size_t n = 0;
	for (int i = 0; i < count; i++)
		n += iov[i].iov_len;
	return n;
}

/* Bytes of an edit that fit into this write: an overlay left from before may reach beyond it. */
static size_t reach(const struct at_edit *edit, size_t total)
{
	size_t room = total - edit->at;
	return edit->replaces && edit->text_len > room ? room : edit->text_len;
}

static void build(struct pieces *p, const struct iovec *iov, int count, const struct at_edits *e,
		  size_t total)
{
	struct walk w = {.iov = iov, .count = count};
	for (uint32_t i = 0; i < e->count; i++) {
		const struct at_edit *edit = &e->edit[i];
		if (edit->at + edit->swallows > total)
			break;
		walk_to(&w, edit->at, p);
		size_t n = reach(edit, total);
		piece_add(p, e->text[edit->text].p + edit->text_at, n);
		if (edit->replaces || edit->swallows)
			walk_to(&w, edit->at + (edit->replaces ? n : 1), NULL);
	}
	walk_to(&w, SIZE_MAX, p);
}

/* ---- what the kernel took ---- */

/* Hands the bytes of an edit that have not left over to the talk, with the memory they are in: at
 * most one new edit of a write is cut, and each left-over has memory of its own. `ahead`: how many
 * of the application's bytes go before them. */
static void keep(struct at_talk *t, struct at_edits *e, const struct at_edit *edit, size_t taken,
		 size_t ahead)
{
	struct at_buf *from = &e->text[edit->text];
	size_t left = edit->text_len - taken;
	if (!t || !left)
		return;
	struct at_buf *to = edit->replaces ? &t->overlay : &t->tail;
	memmove(from->p, from->p + edit->text_at + taken, left);
	from->n = (uint32_t)left;
	at_buf_free(to);
	*to = *from;
	*from = (struct at_buf){0};
	if (!edit->replaces) {
		t->tail_at = ahead;
		t->swallow = edit->swallows;
	}
}

static void mark_injected(const struct at_edit *edit)
{
	if (!edit->owner.exchange || !at_exchange_valid(edit->owner))
		return;
	if (!edit->owner.exchange->injected)
		at_count(injected, 1);
	edit->owner.exchange->injected = true;
}

void at_inject_mark(const struct at_edits *e)
{
	for (uint32_t i = 0; i < e->count; i++)
		mark_injected(&e->edit[i]);
}

/* The edits from i on did not get their turn; `app` bytes of the application have left. What is
 * left over, or bound to what has left, stays. */
static void keep_all(struct at_talk *t, struct at_edits *e, uint32_t i, size_t app)
{
	bool bound = i < e->count && e->edit[i].bound;
	for (uint32_t j = i; j < e->count; j++)
		if (e->edit[j].left_over || (j == i && bound))
			keep(t, e, &e->edit[j], 0, e->edit[j].at - app);
}

/* All bytes of the application have left and not all of ours behind them: it is told that one of
 * its own has not, so that it comes again, and ours go in its place. */
static size_t hold_one_back(struct at_talk *t, size_t app, size_t total)
{
	if (!t || app < total || !total || !t->tail.n || t->tail_at || t->swallow)
		return app;
	t->swallow = true;
	return total - 1;
}

/* From bytes on the wire to bytes of the application; left-overs go to the talk. Lock held. */
static size_t account(struct at_talk *t, struct at_edits *e, size_t wire, size_t total)
{
	size_t app = 0;
	for (uint32_t i = 0; i < e->count; i++) {
		const struct at_edit *edit = &e->edit[i];
		size_t before = edit->at - app;
		if (edit->at + edit->swallows > total || wire < before ||
		    (wire == before && !edit->left_over)) {
			app = app + wire < total ? app + wire : total;
			keep_all(t, e, i, app);
			return hold_one_back(t, app, total);
		}
		wire -= before;
		app = edit->at;
		size_t whole = reach(edit, total);
		size_t taken = wire < whole ? wire : whole;
		mark_injected(edit);
		keep(t, e, edit, taken, 0);
		wire -= taken;
		if (edit->replaces)
			app += taken;
		else if (edit->swallows && taken == edit->text_len)
			app++;
		if (!edit->replaces && taken < edit->text_len) {
			keep_all(t, e, i + 1, app);
			return hold_one_back(t, app, total);
		}
	}
	return app + wire < total ? app + wire : total;
}

/* The kernel takes IOV_MAX pieces at once and the program may have brought as many: then the rest
 * goes by another call, whose failure is the next one's news. Names and control data go with the
 * first. */
static ssize_t call(int fd, const struct pieces *p, const struct msghdr *base, int flags)
{
	struct msghdr msg = {0};
	ssize_t sum = 0;
	if (base)
		msg = *base;
	for (size_t i = 0; i < p->count; i += msg.msg_iovlen) {
		msg.msg_iov = p->iov + i;
		msg.msg_iovlen = p->count - i < IOV_MAX ? p->count - i : IOV_MAX;
		ssize_t rc = at_libc.sendmsg(fd, &msg, flags);
		if (rc < 0)
			return sum ? sum : rc;
		sum += rc;
		if ((size_t)rc < length_of(msg.msg_iov, (int)msg.msg_iovlen))
			break;
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	return sum;
}

/* Only bytes of ours went out: the application is told that nothing of its own did, as if it had
 * not been there in time, or a signal had come in between. */
static ssize_t nothing_taken(int fd, int flags)
{
	struct timeval limit = {0};
	socklen_t len = sizeof(limit);
	bool waits = !(flags & MSG_DONTWAIT) && !(at_sys(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK);
	if (waits)
		at_sys6(SYS_getsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, (long)&limit, (long)&len, 0);
	errno = waits && !limit.tv_sec && !limit.tv_usec ? EINTR : EAGAIN;
	return -1;
}

static size_t settle(int fd, struct at_edits *e, size_t wire, size_t total)
{
	struct at_conn *c = at_conn_lock_known(fd);
	struct at_talk *t = c ? c->talk : NULL;
	size_t app = account(t, e, wire, total);
	at_inject_free(t, e);
	if (c)
		at_conn_leave(c, fd);
	return app;
}

/* The descriptor is no socket any more: it changed hands by a call nobody saw. */
static ssize_t not_a_socket(int fd, const struct iovec *iov, int count)
{
	struct at_conn *c = at_conn_lock_known(fd);
	if (c) {
		at_count(conns_lost_sync, 1);
		if (c->talk)
			at_talk_gone(c, fd);
		c->over = true;
		at_conn_leave(c, fd);
	}
	at_thread_leave();
	return at_libc.writev(fd, iov, count);
}

ssize_t at_inject_send(int fd, const struct iovec *iov, int count, const struct msghdr *base,
		       int flags, struct at_edits *edits)
{
	struct iovec few[8];
	size_t total = length_of(iov, count);
	struct pieces p = {.room = (size_t)count + 2 * edits->count + 1};
	int saved = errno;
	at_thread_enter();
	p.iov = at_pool_get(p.room * sizeof(struct iovec), NULL);
	bool pooled = p.iov != NULL;
	if (!pooled) {
		p.iov = few;
		p.room = sizeof(few) / sizeof(few[0]);
	}
	build(&p, iov, count, edits, total);
	at_thread_leave();
	errno = saved;
	ssize_t rc = call(fd, &p, base, flags);
	saved = errno;
	at_thread_enter();
	size_t app = settle(fd, edits, rc > 0 ? (size_t)rc : 0, total);
	if (pooled)
		at_pool_put(p.iov);
	errno = saved;
	if (rc < 0 && saved == ENOTSOCK && !base)
		return not_a_socket(fd, iov, count);
	at_thread_leave();
	if (rc < 0)
		return rc;
	return app == 0 && total ? nothing_taken(fd, flags) : (ssize_t)app;
}
