/*
 * See secure.h. Fed by the hooks of the TLS libraries with plaintext and by the shore with what is
 * on the wire; feeds the talk. Owns nothing but each thread's note of the session it is inside; the
 * changed writes are secure_write.c's.
 *
 *   NEW --a ClientHello begins--> HELLO --its random--> AWAITING --its session speaks--> SECURE
 *     \--anything else--> PLAIN --CONNECT answered--> TUNNEL --a ClientHello--> HELLO
 */
#include "flow/secure.h"

#include <errno.h>
#include <string.h>

#include "base/counter.h"
#include "flow/boot.h"
#include "flow/bridge.h"
#include "flow/causality.h"
#include "flow/client.h"
#include "flow/secure_priv.h"
#include "flow/story.h"
#include "flow/talk.h"
#include "wire/hello.h"

/* Calls that moved bytes on the wire while a session was waited for: more, and it is none we see.
 */
#define AWAITED_MAX 1024

/* ---- inside a library ---- */

/* The session whose true call the thread is in, and where that call's hook is on the stack: deeper
 * down the same session is the library calling itself. A handler's jump leaves a note behind that
 * no longer holds higher up. */
static __thread struct {
	const void *session;
	const struct at_tls *tls;
	uintptr_t frame;
} inside __attribute__((tls_model("initial-exec")));

const struct at_tls *at_secure_inside(const void *session)
{
	char here;
	bool is = session && inside.session == session && (uintptr_t)&here < inside.frame;
	return is ? inside.tls : NULL;
}

bool at_secure_enter(struct at_secure *s, const struct at_dialect *dialect,
		     const struct at_tls *tls, void *session)
{
	uintptr_t frame = (uintptr_t)s;
	if (!session || !tls->observable || at_thread_pass() || at_secure_inside(session))
		return false;
	*s = (struct at_secure){.dialect = dialect,
				.tls = tls,
				.session = session,
				.outer = inside.session,
				.outer_tls = inside.tls,
				.outer_frame = inside.frame};
	inside.session = session;
	inside.tls = tls;
	inside.frame = frame;
	return true;
}

void at_secure_leave(struct at_secure *s)
{
	inside.session = s->outer;
	inside.tls = s->outer_tls;
	inside.frame = s->outer_frame;
}

/* ---- a session and its connection ---- */

/* The connection of a descriptor, locked, if it can be this session's. */
static struct at_conn *by_descriptor(int fd, const uint8_t *random)
{
	struct at_conn *c = fd < 0 ? NULL : at_conn_lock(fd);
	if (!c)
		return NULL;
	const struct at_talk *t = c->talk;
	bool fits = c->way == AT_WAY_SECURE ? !t || !t->first
		    : c->way == AT_WAY_AWAITING
			    ? random && memcmp(c->random, random, sizeof(c->random)) == 0
			    : c->way == AT_WAY_NEW && !random;
	if (fits && !c->over)
		return c;
	at_conn_unlock(c);
	return NULL;
}

static struct at_conn *by_random(const uint8_t *random, enum at_conn_role role)
{
	struct at_conn_ref r = at_await_take(random, role);
	if (!r.conn)
		r = at_await_take(random, AT_CONN_UNDECIDED);
	return at_conn_lock_ref(r);
}

/* The session's connection, locked and for the first time; `apart`: one without a transport, if it
 * must be. */
static struct at_conn *seek(const struct at_secure *s, enum at_conn_role first, bool apart,
			    struct at_session *e)
{
	uint8_t random[32];
	bool told = s->dialect->random(s->tls, s->session, random);
	enum at_conn_role role = s->dialect->role(s->tls, s->session);
	int fd = s->dialect->fd(s->tls, s->session);
	if (role == AT_CONN_UNDECIDED)
		role = first;
	struct at_conn *c = told ? by_random(random, role) : NULL;
	if (!c)
		c = by_descriptor(fd, told ? random : NULL);
	/* Without a random no word can have come from it, and its transport may still show. */
	if (!c && apart && told) {
		c = at_conn_new_apart(role);
		e->own = true;
	}
	if (!c)
		return NULL;
	if (c->role == AT_CONN_UNDECIDED)
		c->role = (uint8_t)role;
	if (c->fd < 0)
		c->fd = fd;
	e->c = (struct at_conn_ref){c, c->life};
	return c;
}

struct at_conn *at_secure_find(const struct at_secure *s, enum at_conn_role first, bool moved,
			       bool *ret_own)
{
	struct at_session e = {0};
	if (at_session_get(s->session, &e) && !e.unknown) {
		struct at_conn *c = at_conn_lock_ref(e.c);
		if (!c && e.c.conn)
			at_session_put(s->session, (struct at_session){0});
		*ret_own = e.own;
		return c;
	}
	e.unknown = false;
	struct at_conn *c = seek(s, first, moved, &e);
	if (!c)
		return NULL;
	c->way = AT_WAY_SECURE;
	c->tls_version = s->dialect->version(s->tls, s->session);
	at_conn_unlock(c);
	*ret_own = e.own;
	if (at_session_put(s->session, e)) {
		at_count(conns_secure, 1);
		return at_conn_lock_ref(e.c);
	}
	at_count(conns_tls, 1);
	c = e.own ? at_conn_lock_ref(e.c) : NULL;
	if (c)
		at_conn_free(c);
	return NULL;
}

void at_secure_let_go(const struct at_secure *s, struct at_conn *c, bool own)
{
	bool over = c->over;
	if (over && own)
		at_conn_free(c);
	else
		at_conn_leave(c, c->fd);
	if (over)
		at_session_put(s->session, (struct at_session){0});
}

/* ---- what is said ---- */

/* A session that is broken ends what waits on it. */
static void broken(struct at_conn *c, const char *why)
{
	at_talk_broken(c, c->fd, c->error ? at_client_error_name(c->error) : why);
}

/* The peer's certificate, or ours, was refused, or there is no TLS there: the connection cannot be
 * made. */
static void cannot_connect(const struct at_secure *s, const char *why)
{
	struct at_session e = {0};
	if (at_session_get(s->session, &e) && !e.unknown) {
		struct at_conn *c = at_conn_lock_ref(e.c);
		if (!c)
			return;
		broken(c, why);
		at_secure_let_go(s, c, e.own);
		return;
	}
	struct at_conn *c = seek(s, AT_CONN_CLIENT, false, &e);
	if (!c)
		return;
	if (c->role == AT_CONN_CLIENT)
		at_client_handshake_failed(c, c->error ? at_client_error_name(c->error) : why);
	c->way = AT_WAY_SECURE;
	at_talk_over(c);
	at_conn_leave(c, c->fd);
}

void at_secure_read(struct at_secure *s, const void *bytes, size_t n, long rc)
{
	int saved = errno;
	bool own = false;
	at_secure_leave(s);
	at_thread_enter();
	struct at_session e;
	const char *why = n ? NULL : s->dialect->broken(s->tls, s->session, rc);
	if (n || (at_session_get(s->session, &e) && !e.unknown)) {
		struct at_conn *c = at_secure_find(s, AT_CONN_SERVER, n > 0, &own);
		if (c && n)
			at_talk_in(c, c->fd, bytes, n);
		else if (c && (c->eof || s->dialect->ended(s->tls, s->session, rc)))
			at_talk_eof(c, c->fd);
		else if (c && why)
			broken(c, why);
		if (c)
			at_secure_let_go(s, c, own);
	} else if (why) {
		cannot_connect(s, why);
	}
	at_boot_leave(saved);
}

void at_secure_wrote_unseen(struct at_secure *s, size_t n, long rc)
{
	int saved = errno;
	bool own = false;
	at_secure_leave(s);
	at_thread_enter();
	struct at_conn *c = at_secure_find(s, AT_CONN_CLIENT, n > 0, &own);
	const char *why = n ? NULL : s->dialect->broken(s->tls, s->session, rc);
	if (c && n)
		at_talk_out(c, c->fd, NULL, n);
	else if (c && why)
		broken(c, why);
	if (c)
		at_secure_let_go(s, c, own);
	at_boot_leave(saved);
}

/* GnuTLS does not say which side a session is: its first word does, later. */
void at_secure_handshake(struct at_secure *s, bool done, long rc)
{
	int saved = errno;
	bool own = false;
	at_secure_leave(s);
	at_thread_enter();
	enum at_conn_role role = s->dialect->role(s->tls, s->session);
	const char *why = done ? NULL : s->dialect->broken(s->tls, s->session, rc);
	if (done && role != AT_CONN_UNDECIDED) {
		struct at_conn *c = at_secure_find(s, role, false, &own);
		if (c)
			at_secure_let_go(s, c, own);
	} else if (why) {
		cannot_connect(s, why);
	}
	at_boot_leave(saved);
}

void at_secure_shut(struct at_secure *s)
{
	int saved = errno;
	struct at_session e;
	at_secure_leave(s);
	at_thread_enter();
	struct at_conn *c = at_session_get(s->session, &e) ? at_conn_lock_ref(e.c) : NULL;
	if (c) {
		at_talk_half_closed(c, c->fd);
		at_secure_let_go(s, c, e.own);
	}
	at_boot_leave(saved);
}

void at_secure_unseen(struct at_secure *s)
{
	int saved = errno;
	bool own = false;
	at_secure_leave(s);
	at_thread_enter();
	struct at_conn *c = at_secure_find(s, AT_CONN_CLIENT, false, &own);
	if (c) {
		at_count(conns_lost_sync, 1);
		at_talk_over(c);
		at_secure_let_go(s, c, own);
	} else {
		at_session_put(s->session, (struct at_session){0});
	}
	at_boot_leave(saved);
}

void at_secure_gone(const void *session)
{
	int saved = errno;
	struct at_session e;
	void *kept;
	if (at_thread_pass())
		return;
	at_thread_enter();
	if (at_session_drop(session, &e, &kept)) {
		at_secure_forget(kept);
		struct at_conn *c = e.own ? at_conn_lock_ref(e.c) : NULL;
		if (c) {
			at_talk_gone(c, c->fd);
			at_conn_free(c);
		}
	}
	at_boot_leave(saved);
}

/* ---- what is on the wire ---- */

static bool stop(struct at_conn *c, int fd, enum at_counter why)
{
	at_counter_add(why, 1);
	at_story_over(fd, why);
	at_talk_over(c);
	return true;
}

static bool greet(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	struct at_hello h = {.n = c->hello};
	memcpy(h.random, c->random, sizeof(h.random));
	enum at_hello_verdict verdict = bytes ? at_hello_feed(&h, bytes, n) : AT_HELLO_NO;
	c->hello = h.n;
	memcpy(c->random, h.random, sizeof(h.random));
	if (verdict == AT_HELLO_NO)
		return stop(c, fd, h.n >= 2 ? AT_COUNT_conns_tls : AT_COUNT_conns_opaque);
	if (verdict == AT_HELLO_MORE)
		return true;
	if (!at_tls_is_there())
		return stop(c, fd, AT_COUNT_conns_tls);
	c->way = AT_WAY_AWAITING;
	c->raw_calls = 0;
	return true;
}

/* Whether they can be TLS's: who answers a ClientHello in the clear has no session. */
static bool is_record(const char *bytes, size_t n)
{
	return !bytes || !n || (bytes[0] >= 0x14 && bytes[0] <= 0x17);
}

/* What a plan has made of a ClientHello before it was written is no conversation. */
static void begin_anew(struct at_conn *c)
{
	if (!c->talk)
		return;
	at_talk_over(c);
	c->over = false;
}

/* Bytes on the wire that may be TLS, in the direction that says hello or in the other one. */
static bool is_tls(struct at_conn *c, int fd, const char *bytes, size_t n, bool asks)
{
	bool begins = asks && bytes && n && bytes[0] == 0x16;
	c->fd = fd;
	switch ((enum at_conn_way)c->way) {
	case AT_WAY_NEW:
	case AT_WAY_TUNNEL:
		if (!begins && c->way == AT_WAY_TUNNEL) {
			at_talk_over(c);
			return true;
		}
		c->way = begins ? AT_WAY_HELLO : AT_WAY_PLAIN;
		c->hello = 0;
		if (begins)
			begin_anew(c);
		return begins && greet(c, fd, bytes, n);
	case AT_WAY_HELLO:
		return !asks || greet(c, fd, bytes, n);
	case AT_WAY_AWAITING:
		if (++c->raw_calls > AWAITED_MAX ||
		    (!asks && c->role == AT_CONN_SERVER && !is_record(bytes, n)))
			stop(c, fd, AT_COUNT_conns_tls);
		return true;
	case AT_WAY_SECURE:
		return true;
	case AT_WAY_PLAIN:
		break;
	}
	return false;
}

bool at_secure_in(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	if (!is_tls(c, fd, bytes, n, c->role != AT_CONN_CLIENT))
		return false;
	const struct at_talk *t = c->talk;
	if (!t || !t->first)
		at_causality_strange(c);
	if (c->over)
		return true;
	c->again = false;
	c->in_vain = false;
	c->connecting = false;
	if (c->role == AT_CONN_UNDECIDED)
		c->role = AT_CONN_SERVER;
	if (c->role != AT_CONN_CLIENT) {
		at_bridge_read(c, at_talk_only(t));
		return true;
	}
	if (!at_bridge_reads())
		at_bridge_event_over();
	at_talk_resume(t);
	return true;
}

bool at_secure_out(struct at_conn *c, int fd, const char *bytes, size_t n)
{
	if (!is_tls(c, fd, bytes, n, c->role != AT_CONN_SERVER))
		return false;
	c->in_vain = false;
	c->connecting = false;
	if (c->role == AT_CONN_UNDECIDED)
		c->role = AT_CONN_CLIENT;
	return true;
}

/* What came before it may still lie in the library, unread. */
bool at_secure_eof(struct at_conn *c)
{
	if (c->way < AT_WAY_HELLO)
		return false;
	const struct at_talk *t = c->talk;
	c->eof = true;
	if (c->role == AT_CONN_SERVER) {
		at_causality_left();
		at_causality_hung_up(at_talk_only(t));
	} else {
		at_talk_resume(t);
	}
	return true;
}

void at_secure_tunnel(struct at_conn *c)
{
	if (c->way != AT_WAY_PLAIN || c->role != AT_CONN_CLIENT || !c->over)
		return;
	c->over = false;
	c->way = AT_WAY_TUNNEL;
}
