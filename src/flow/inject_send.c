/*
 * The changed write: one sendmsg of the application's pieces with ours between them, and the way
 * back from what the kernel took to what the application is told. Fed by the shore with the edits
 * that inject.c made.
 *
 *   application   |---- a ----|------- b -------|-- c --|
 *   on the wire   |---- a ----|=ours=|---- b ---|=over==|-- c --|     "=over=": as many bytes replaced
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
		p->iov[p->count++] = (struct iovec){ (void *)base, n };
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
	struct walk w = { .iov = iov, .count = count };
	for (uint32_t i = 0; i < e->count; i++) {
		const struct at_edit *edit = &e->edit[i];
		walk_to(&w, edit->at, p);
		size_t n = reach(edit, total);
		piece_add(p, e->text.p + edit->text_at, n);
		if (edit->replaces)
			walk_to(&w, edit->at + n, NULL);
	}
	walk_to(&w, SIZE_MAX, p);
}

/* ---- what the kernel took ---- */

static void keep(struct at_talk *t, const struct at_edit *edit, const char *text, size_t taken)
{
	if (!t || taken >= edit->text_len)
		return;
	struct at_buf *to = edit->replaces ? &t->overlay : &t->tail;
	at_buf_add(to, text + taken, edit->text_len - taken, AT_POOL_MAX);
}

static void mark_injected(const struct at_edit *edit)
{
	if (!edit->owner.exchange || !at_exchange_valid(edit->owner))
		return;
	if (!edit->owner.exchange->injected)
		at_count(injected, 1);
	edit->owner.exchange->injected = true;
}

/* From bytes on the wire to bytes of the application; left-overs go to the talk. Lock held. */
static size_t account(struct at_talk *t, const struct at_edits *e, size_t wire, size_t total)
{
	size_t app = 0;
	for (uint32_t i = 0; i < e->count; i++) {
		const struct at_edit *edit = &e->edit[i];
		const char *text = e->text.p + edit->text_at;
		size_t before = edit->at - app;
		if (wire < before || (wire == before && !edit->left_over)) {
			app += wire;
			for (; i < e->count; i++)
				if (e->edit[i].left_over)
					keep(t, &e->edit[i], e->text.p + e->edit[i].text_at, 0);
			return app;
		}
		wire -= before;
		app = edit->at;
		size_t whole = reach(edit, total);
		size_t taken = wire < whole ? wire : whole;
		if (taken || edit->left_over) {
			mark_injected(edit);
			keep(t, edit, text, taken);
		}
		wire -= taken;
		if (edit->replaces)
			app += taken;
	}
	return app + wire < total ? app + wire : total;
}

static ssize_t call(int fd, const struct iovec *iov, size_t count, const struct msghdr *base,
		    int flags)
{
	struct msghdr msg = { 0 };
	if (base)
		msg = *base;
	msg.msg_iov = (struct iovec *)iov;
	msg.msg_iovlen = count < IOV_MAX ? count : IOV_MAX;
	return at_libc.sendmsg(fd, &msg, flags);
}

/* Only bytes of ours went out: the application is told that nothing of its own did. */
static ssize_t nothing_taken(int fd, int flags)
{
	bool waits = !(flags & MSG_DONTWAIT) &&
		     !(at_sys(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK);
	errno = waits ? EINTR : EAGAIN;
	return -1;
}

static size_t settle(int fd, const struct at_edits *e, size_t wire, size_t total)
{
	struct at_conn *c = at_conn_lock_known(fd);
	size_t app = account(c ? c->talk : NULL, e, wire, total);
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
	struct pieces p = { .room = (size_t)count + 2 * edits->count + 1 };
	at_thread_enter();
	p.iov = at_pool_get(p.room * sizeof(struct iovec), NULL);
	bool pooled = p.iov != NULL;
	if (!pooled) {
		p.iov = few;
		p.room = sizeof(few) / sizeof(few[0]);
	}
	build(&p, iov, count, edits, total);
	at_thread_leave();
	ssize_t rc = call(fd, p.iov, p.count, base, flags);
	int saved = errno;
	at_thread_enter();
	size_t app = settle(fd, edits, rc > 0 ? (size_t)rc : 0, total);
	if (pooled)
		at_pool_put(p.iov);
	at_inject_free(edits);
	errno = saved;
	if (rc < 0 && saved == ENOTSOCK && !base)
		return not_a_socket(fd, iov, count);
	at_thread_leave();
	if (rc < 0)
		return rc;
	return app == 0 && total ? nothing_taken(fd, flags) : (ssize_t)app;
}
