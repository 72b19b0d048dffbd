/*
 * Writes into TLS sessions, and what is changed in them. Fed by the hooks. A library that cannot
 * finish a write wants the same bytes again, and may want them in the same place: so a changed
 * write has a buffer of its own, which stays with the session until all of it was taken. The
 * application is told of its own bytes, when they have left with ours: its retries come here again.
 *
 *   application   |---- a ----|--- b ---|.... rest ....|
 *   buffer        |---- a ----|=ours=|--- b ---|           the rest is written from where it is
 */
#include <errno.h>
#include <string.h>

#include "base/pool.h"
#include "flow/boot.h"
#include "flow/inject.h"
#include "flow/secure_priv.h"
#include "flow/talk.h"

/* Of one write, what goes through the buffer: all heads that are changed lie in it. */
#define COVER_MAX AT_HTTP1_HEAD_MAX

/* A changed write under way; pool memory. */
struct kept {
	struct at_edits *edits; /* what was changed; owned; NULL: nothing */
	uint32_t cover;         /* the application's bytes that are in it */
	uint32_t n;             /* bytes */
	uint32_t done;          /* of these, taken by the library */
	bool told;              /* the talk has them */
	char bytes[];
};

void at_secure_forget(void *kept)
{
	struct kept *k = kept;
	if (!k)
		return;
	if (k->edits)
		at_inject_free(NULL, k->edits);
	at_pool_put(k);
}

static void append(struct kept *k, const char *bytes, size_t n)
{
	memcpy(k->bytes + k->n, bytes, n);
	k->n += (uint32_t)n;
}

/* The application's bytes that an edit replaces, kept in place of those that replace them, which
 * are in the buffer by now. */
static void keep_replaced(struct at_edits *e, const struct at_edit *edit, const char *app)
{
	if (edit->replaces)
		memcpy(e->text[edit->text].p + edit->text_at, app + edit->at, edit->text_len);
}

static struct kept *merge(struct at_edits *e, const char *app, size_t n)
{
	size_t cover = n < COVER_MAX ? n : COVER_MAX, ours = 0, at = 0;
	for (uint32_t i = 0; i < e->count; i++)
		ours += e->edit[i].text_len;
	struct kept *k = at_pool_get(sizeof(*k) + cover + ours, NULL);
	if (!k)
		return NULL;
	*k = (struct kept){.edits = e, .cover = (uint32_t)cover};
	for (uint32_t i = 0; i < e->count; i++) {
		const struct at_edit *edit = &e->edit[i];
		append(k, app + at, edit->at - at);
		append(k, e->text[edit->text].p + edit->text_at, edit->text_len);
		keep_replaced(e, edit, app);
		at = edit->at + (edit->replaces ? edit->text_len : 0);
	}
	append(k, app + at, cover - at);
	return k;
}

/* A write as it is, for who goes on with it without its bytes. */
static struct kept *copy(const char *app, size_t n)
{
	size_t cover = n < COVER_MAX ? n : COVER_MAX;
	struct kept *k = at_pool_get(sizeof(*k) + cover, NULL);
	if (!k)
		return NULL;
	*k = (struct kept){.cover = (uint32_t)cover};
	append(k, app, cover);
	return k;
}

/* The application's bytes out of the buffer, to the talk. */
static void tell(struct at_conn *c, const struct kept *k)
{
	size_t app = 0, at = 0;
	for (uint32_t i = 0; k->edits && i < k->edits->count && !c->over; i++) {
		const struct at_edit *edit = &k->edits->edit[i];
		size_t n = edit->at - app;
		if (n)
			at_talk_out(c, c->fd, k->bytes + at, n);
		app += n;
		at += n + edit->text_len;
		if (!edit->replaces || c->over)
			continue;
		at_talk_out(c, c->fd, k->edits->text[edit->text].p + edit->text_at, edit->text_len);
		app += edit->text_len;
	}
	if (at < k->n && !c->over)
		at_talk_out(c, c->fd, k->bytes + at, k->n - at);
}

/* A write was not taken: the library may have its beginning already, and wants it again from the
 * same place. Until it is taken nothing of it is changed, nor more written than was offered then.
 */
static void note_waiting(const struct at_secure *s, size_t n)
{
	struct at_session e = {.unknown = true};
	bool known = at_session_get(s->session, &e);
	if (e.waits == n || (!known && !n) || (known && !e.unknown && !e.c.conn))
		return;
	e.waits = n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
	at_session_put(s->session, e);
}

/* The same where the next try may come without the bytes. */
static void keep_waiting(const struct at_secure *s, const void *bytes, size_t n)
{
	struct at_session e;
	bool seen = at_session_get(s->session, &e) && e.c.conn;
	struct kept *k = seen && bytes ? copy(bytes, n) : NULL;
	if (k)
		at_secure_forget(at_session_keep(s->session, k));
}

/* What is to be changed in the bytes about to be written. */
static struct kept *plan(const struct at_secure *s, const void *bytes, size_t n)
{
	const struct iovec iov = {(void *)bytes, n};
	struct at_edits *edits = NULL;
	struct kept *k = NULL;
	bool own = false;
	struct at_conn *c = at_secure_find(s, AT_CONN_CLIENT, true, &own);
	if (!c)
		return NULL;
	if (c->role == AT_CONN_CLIENT && !c->over)
		edits = at_inject_plan(c, c->fd, &iov, 1);
	if (edits)
		k = merge(edits, bytes, n);
	if (edits && !k)
		at_inject_free(NULL, edits);
	at_secure_let_go(s, c, own);
	return k;
}

/* n bytes of the application were taken; 0: none, and the library returned rc. `k`: they are in its
 * buffer. */
static void settle(const struct at_secure *s, const struct kept *k, const void *bytes, size_t n,
		   long rc)
{
	bool own = false;
	struct at_conn *c = at_secure_find(s, AT_CONN_CLIENT, n > 0, &own);
	if (!c)
		return;
	const char *why = n ? NULL : s->dialect->broken(s->tls, s->session, rc);
	if (k) {
		if (k->edits)
			at_inject_mark(k->edits);
		tell(c, k);
	} else if (n) {
		at_talk_out(c, c->fd, bytes, n);
	} else if (why) {
		at_talk_broken(c, c->fd, why);
	}
	at_secure_let_go(s, c, own);
}

/* From where the buffer's write is, on. False: the library could not go on; *ret_rc says why. */
static bool send_kept(const struct at_secure *s, struct kept *k, size_t n, at_secure_send *send,
		      void *call, long *ret_rc)
{
	/* Who comes back with less than before makes a mistake, and hears of it from the library:
	 * one byte is less than what it waits for. */
	bool less = n && n < k->cover;
	while (k->done < k->n) {
		size_t left = less ? 1 : k->n - k->done;
		size_t taken = send(s, call, k->bytes + k->done, left, ret_rc);
		if (!taken)
			return false;
		k->done += (uint32_t)taken;
	}
	return true;
}

/* Behind the buffer: the rest from where the application has it, unless the library may take less
 * than it is given, as an application must expect then. */
static size_t send_rest(const struct at_secure *s, const struct kept *k, const char *bytes,
			size_t n, at_secure_send *send, void *call, long *ret_rc)
{
	if (n <= k->cover || s->dialect->partial(s->tls, s->session))
		return k->cover;
	size_t taken = send(s, call, bytes + k->cover, n - k->cover, ret_rc);
	int saved = errno;
	at_thread_enter();
	settle(s, NULL, bytes + k->cover, taken, *ret_rc);
	at_thread_leave();
	errno = saved;
	return taken ? k->cover + taken : 0;
}

static size_t write_kept(const struct at_secure *s, struct kept *k, const void *bytes, size_t n,
			 at_secure_send *send, void *call, long *ret_rc)
{
	size_t told = 0;
	bool whole = send_kept(s, k, n, send, call, ret_rc);
	int saved = errno;
	at_thread_enter();
	if (whole && !k->told)
		settle(s, k, NULL, k->cover, 0);
	else if (!whole)
		settle(s, NULL, NULL, 0, *ret_rc);
	k->told = whole;
	at_thread_leave();
	errno = saved;
	if (whole)
		told = send_rest(s, k, bytes, n, send, call, ret_rc);
	saved = errno;
	at_thread_enter();
	bool done = told || !s->dialect->again(s->tls, s->session, *ret_rc);
	at_secure_forget(done ? k : at_session_keep(s->session, k));
	at_thread_leave();
	errno = saved;
	return told;
}

size_t at_secure_write(struct at_secure *s, const void *bytes, size_t n, at_secure_send *send,
		       void *call, long *ret_rc)
{
	int saved = errno;
	struct at_session e = {0};
	struct kept *k = NULL;
	size_t taken;
	at_thread_enter();
	if (at_session_get(s->session, &e) && e.keeps)
		k = at_session_keep(s->session, NULL);
	else if (n && !e.waits)
		k = plan(s, bytes, n);
	else if (n > e.waits && e.waits && s->dialect->partial(s->tls, s->session))
		n = e.waits;
	at_thread_leave();
	errno = saved;
	if (k) {
		taken = write_kept(s, k, bytes, n, send, call, ret_rc);
		saved = errno;
		at_secure_leave(s);
	} else {
		taken = send(s, call, bytes, n, ret_rc);
		saved = errno;
		at_secure_leave(s);
		at_thread_enter();
		settle(s, NULL, bytes, taken, *ret_rc);
		bool again = !taken && s->dialect->again(s->tls, s->session, *ret_rc);
		if (again && s->dialect->resumes)
			keep_waiting(s, bytes, n);
		else
			note_waiting(s, again ? n : 0);
		at_thread_leave();
	}
	at_thread_enter();
	at_boot_leave(saved);
	return taken;
}
