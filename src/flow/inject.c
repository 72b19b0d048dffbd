/*
 * Injection. Fed by the shore with writes on client connections; has the protocol look for heads in
 * them and say what is to be changed. Owns the edits of a call.
 */
#include "flow/inject.h"

#include <limits.h>

#include "base/memory.h"
#include "base/pool.h"

static void edit_add(struct at_edits *e, struct at_edit edit)
{
	if (e->count < e->room)
		e->edit[e->count++] = edit;
}

static bool edit_new(struct at_edits *e, enum at_edit_text which, struct at_exchange *x, size_t at,
		     const char *text, size_t n, bool replaces)
{
	struct at_buf *to = &e->text[which];
	struct at_edit edit = {.at = at,
			       .text = (uint8_t)which,
			       .text_at = to->n,
			       .text_len = (uint32_t)n,
			       .replaces = replaces,
			       .owner = at_exchange_ref(x)};
	if (e->count == e->room || !at_buf_add(to, text, n, AT_POOL_MAX))
		return false;
	edit_add(e, edit);
	return true;
}

bool at_inject_edit(struct at_edits *e, struct at_exchange *x, size_t at, const char *text,
		    size_t n, bool replaces)
{
	return edit_new(e, AT_EDIT_NEW, x, at, text, n, replaces);
}

static size_t size_of(uint32_t edits)
{
	return sizeof(struct at_edits) + edits * sizeof(struct at_edit);
}

/* Room for two more. */
static bool make_room(struct at_edits **e)
{
	uint32_t room = (*e)->room * 4;
	if ((*e)->count + 2 <= (*e)->room)
		return true;
	if (room > AT_INJECT_EDITS_HTTP2)
		room = AT_INJECT_EDITS_HTTP2;
	if ((*e)->count + 2 > room)
		return false;
	struct at_edits *to = at_pool_get(size_of(room), NULL);
	if (!to)
		return false;
	memcpy(to, *e, size_of((*e)->count));
	to->room = room;
	at_pool_put(*e);
	*e = to;
	return true;
}

bool at_inject_grow(struct at_edits **e, struct at_exchange *x, size_t length_at,
		    const char length[3], size_t at, const char *text, size_t n)
{
	if (!make_room(e))
		return false;
	if (!edit_new(*e, AT_EDIT_LENGTH, x, length_at, length, 3, true))
		return false;
	if (!edit_new(*e, AT_EDIT_NEW, x, at, text, n, false)) {
		(*e)->count--;
		return false;
	}
	(*e)->edit[(*e)->count - 1].bound = true;
	return true;
}

static struct at_edits *edits_make(struct at_talk *t)
{
	struct at_edits *e = t->spare ? t->spare : at_pool_get(size_of(AT_INJECT_EDITS), NULL);
	t->spare = NULL;
	if (!e)
		return NULL;
	e->room = AT_INJECT_EDITS;
	e->count = 0;
	memset(e->text, 0, sizeof(e->text));
	return e;
}

void at_inject_free(struct at_talk *t, struct at_edits *e)
{
	for (int i = 0; i < AT_EDIT_TEXTS; i++)
		at_buf_free(&e->text[i]);
	if (t && !t->spare && (t->tail.n || t->overlay.n))
		t->spare = e;
	else
		at_pool_put(e);
}

static void take_left_over(struct at_edits *e, struct at_buf *from, enum at_edit_text which,
			   uint64_t at, bool swallows)
{
	if (!from->n)
		return;
	edit_add(e, (struct at_edit){.at = at,
				     .swallows = swallows,
				     .text = (uint8_t)which,
				     .text_len = from->n,
				     .replaces = which == AT_EDIT_OVERLAY,
				     .left_over = true});
	e->text[which] = *from;
	*from = (struct at_buf){0};
}

/* Whether what will be looked at, behind the first `skip` bytes, can be read. */
static bool can_read(const struct iovec *iov, int count, uint64_t skip)
{
	uintptr_t known = 0;
	size_t at = 0;
	for (int i = 0; i < count && at < AT_HTTP1_HEAD_MAX; i++) {
		size_t n = iov[i].iov_len, from = skip > at ? skip - at : 0;
		if (n > AT_HTTP1_HEAD_MAX - at)
			n = AT_HTTP1_HEAD_MAX - at;
		if (from < n &&
		    !at_memory_readable((const char *)iov[i].iov_base + from, n - from, &known))
			return false;
		at += n;
	}
	return true;
}

/* The first bytes in one piece: as they are, or copied together when there are several pieces. */
static const char *gather(const struct iovec *iov, int count, size_t n, char **ret_block)
{
	*ret_block = count == 1 ? NULL : at_pool_get(n, NULL);
	if (count == 1)
		return iov[0].iov_base;
	for (size_t at = 0; *ret_block && at < n; iov++) {
		size_t piece = iov->iov_len < n - at ? iov->iov_len : n - at;
		memcpy(*ret_block + at, iov->iov_base, piece);
		at += piece;
	}
	return *ret_block;
}

/* Bytes in all pieces; SIZE_MAX when no call could take them. */
static size_t length_of(const struct iovec *iov, int count)
{
	size_t n = 0;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > SSIZE_MAX - n)
			return SIZE_MAX;
		n += iov[i].iov_len;
	}
	return n;
}

struct at_edits *at_inject_plan(struct at_conn *c, int fd, const struct iovec *iov, int count)
{
	struct at_talk *t = at_talk_of(c, fd);
	size_t n = length_of(iov, count);
	if (!t || n == SIZE_MAX)
		return NULL;
	bool owed = t->tail.n || t->overlay.n;
	/* On a lost connection nothing is looked at, but what is owed still leaves. */
	uint64_t skip = at_conn_is_lost(c) ? UINT64_MAX : t->protocol->unread(t);
	if ((skip >= n && !owed) || !can_read(iov, count, owed ? 0 : skip))
		return NULL;
	struct at_edits *e = edits_make(t);
	if (!e)
		return NULL;
	if (!t->tail_at)
		take_left_over(e, &t->tail, AT_EDIT_TAIL, 0, t->swallow);
	take_left_over(e, &t->overlay, AT_EDIT_OVERLAY, 0, false);
	take_left_over(e, &t->tail, AT_EDIT_TAIL, t->tail_at, false);
	t->tail_at = 0;
	t->swallow = false;
	if (skip < n) {
		char *block;
		size_t part = n < AT_HTTP1_HEAD_MAX ? n : AT_HTTP1_HEAD_MAX;
		const char *data = gather(iov, count, part, &block);
		if (data)
			t->protocol->look(t, &e, data, part);
		at_pool_put(block);
	}
	if (e->count)
		return e;
	at_inject_free(t, e);
	return NULL;
}
