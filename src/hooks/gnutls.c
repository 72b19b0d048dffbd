/*
 * GnuTLS: what goes in and out of its sessions, handshakes, and their end. It returns how many
 * bytes, or its error. Corked bytes were taken by the call that brought them.
 */
#include "hooks/tls_hook.h"

static bool enter(struct at_secure *s, const struct at_tls *t, void *session)
{
	return at_secure_enter(s, &at_dialect_gnutls, t, session);
}

static size_t or_none(ssize_t rc)
{
	return rc > 0 ? (size_t)rc : 0;
}

/* ---- bytes that come in ---- */

ssize_t AT_TLS_HOOK(gnutls_record_recv)(void *session, void *buf, size_t n)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_recv(session, buf, n);
	ssize_t rc = t->gnutls_record_recv(session, buf, n);
	at_secure_read(&s, buf, or_none(rc), rc);
	return rc;
}

ssize_t AT_TLS_HOOK(gnutls_record_recv_seq)(void *session, void *buf, size_t n,
					    unsigned char *ret_seq)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_recv_seq(session, buf, n, ret_seq);
	ssize_t rc = t->gnutls_record_recv_seq(session, buf, n, ret_seq);
	at_secure_read(&s, buf, or_none(rc), rc);
	return rc;
}

ssize_t AT_TLS_HOOK(gnutls_record_recv_packet)(void *session, void **ret_packet)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_tls_datum data = {0};
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_recv_packet(session, ret_packet);
	ssize_t rc = t->gnutls_record_recv_packet(session, ret_packet);
	if (rc > 0 && *ret_packet)
		t->gnutls_packet_get(*ret_packet, &data, NULL);
	at_secure_read(&s, data.data, data.size, rc);
	return rc;
}

ssize_t AT_TLS_HOOK(gnutls_record_recv_early_data)(void *session, void *buf, size_t n)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_recv_early_data(session, buf, n);
	ssize_t rc = t->gnutls_record_recv_early_data(session, buf, n);
	if (rc > 0)
		at_secure_read(&s, buf, (size_t)rc, rc);
	else
		at_secure_leave(&s);
	return rc;
}

/* ---- bytes that go out ---- */

static size_t send_plain(const struct at_secure *s, void *call, const void *bytes, size_t n,
			 long *ret_rc)
{
	(void)call;
	*ret_rc = s->tls->gnutls_record_send(s->session, bytes, n);
	return or_none(*ret_rc);
}

ssize_t AT_TLS_HOOK(gnutls_record_send)(void *session, const void *buf, size_t n)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	long rc = 0;
	if (!enter(&s, t, session))
		return t->gnutls_record_send(session, buf, n);
	size_t taken = at_secure_write(&s, buf, n, send_plain, NULL, &rc);
	return taken ? (ssize_t)taken : rc;
}

/* What the other two ways to send want with the bytes. */
struct how {
	size_t pad;
	unsigned flags;
	const void *range;
};

static size_t send_padded(const struct at_secure *s, void *call, const void *bytes, size_t n,
			  long *ret_rc)
{
	const struct how *how = call;
	*ret_rc = s->tls->gnutls_record_send2(s->session, bytes, n, how->pad, how->flags);
	return or_none(*ret_rc);
}

ssize_t AT_TLS_HOOK(gnutls_record_send2)(void *session, const void *buf, size_t n, size_t pad,
					 unsigned flags)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct how how = {.pad = pad, .flags = flags};
	struct at_secure s;
	long rc = 0;
	if (!enter(&s, t, session))
		return t->gnutls_record_send2(session, buf, n, pad, flags);
	size_t taken = at_secure_write(&s, buf, n, send_padded, &how, &rc);
	return taken ? (ssize_t)taken : rc;
}

static size_t send_hidden(const struct at_secure *s, void *call, const void *bytes, size_t n,
			  long *ret_rc)
{
	const struct how *how = call;
	*ret_rc = s->tls->gnutls_record_send_range(s->session, bytes, n, how->range);
	return or_none(*ret_rc);
}

ssize_t AT_TLS_HOOK(gnutls_record_send_range)(void *session, const void *buf, size_t n,
					      const void *range)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct how how = {.range = range};
	struct at_secure s;
	long rc = 0;
	if (!enter(&s, t, session))
		return t->gnutls_record_send_range(session, buf, n, range);
	size_t taken = at_secure_write(&s, buf, n, send_hidden, &how, &rc);
	return taken ? (ssize_t)taken : rc;
}

ssize_t AT_TLS_HOOK(gnutls_record_send_file)(void *session, int fd, off_t *offset, size_t n)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_send_file(session, fd, offset, n);
	ssize_t rc = t->gnutls_record_send_file(session, fd, offset, n);
	at_secure_wrote_unseen(&s, or_none(rc), rc);
	return rc;
}

/* Kept by the library until the handshake, and refused by the server or not: see OpenSSL's. */
ssize_t AT_TLS_HOOK(gnutls_record_send_early_data)(void *session, const void *buf, size_t n)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_send_early_data(session, buf, n);
	ssize_t rc = t->gnutls_record_send_early_data(session, buf, n);
	if (rc >= 0)
		at_secure_unseen(&s);
	else
		at_secure_leave(&s);
	return rc;
}

/* It sends by gnutls_record_send what the application has sent before: no news. */
int AT_TLS_HOOK(gnutls_record_uncork)(void *session, unsigned flags)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_record_uncork(session, flags);
	int rc = t->gnutls_record_uncork(session, flags);
	at_secure_leave(&s);
	return rc;
}

/* ---- beginning and end ---- */

int AT_TLS_HOOK(gnutls_handshake)(void *session)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_handshake(session);
	int rc = t->gnutls_handshake(session);
	at_secure_handshake(&s, rc == 0, rc);
	return rc;
}

int AT_TLS_HOOK(gnutls_bye)(void *session, int how)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	struct at_secure s;
	if (!enter(&s, t, session))
		return t->gnutls_bye(session, how);
	int rc = t->gnutls_bye(session, how);
	at_secure_shut(&s);
	return rc;
}

void AT_TLS_HOOK(gnutls_deinit)(void *session)
{
	const struct at_tls *t = AT_LIBRARY_GNUTLS(session);
	if (session)
		at_secure_gone(session);
	t->gnutls_deinit(session);
}
