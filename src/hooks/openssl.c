/*
 * OpenSSL: what goes in and out of its sessions, handshakes, and their end. What was peeked at is
 * no data: SSL_read gives it once more.
 */
#include "hooks/tls_hook.h"

static bool enter(struct at_secure *s, const struct at_tls *t, void *ssl)
{
	return at_secure_enter(s, &at_dialect_openssl, t, ssl);
}

/* ---- bytes that come in ---- */

int AT_TLS_HOOK(SSL_read)(void *ssl, void *buf, int n)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_read(ssl, buf, n);
	int rc = t->SSL_read(ssl, buf, n);
	at_secure_read(&s, buf, rc > 0 ? (size_t)rc : 0, rc);
	return rc;
}

int AT_TLS_HOOK(SSL_read_ex)(void *ssl, void *buf, size_t n, size_t *ret_n)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_read_ex(ssl, buf, n, ret_n);
	int rc = t->SSL_read_ex(ssl, buf, n, ret_n);
	at_secure_read(&s, buf, rc > 0 ? *ret_n : 0, rc);
	return rc;
}

/* 0 is a failure, 1 gave bytes, 2 is their end: not the end of anything else. */
int AT_TLS_HOOK(SSL_read_early_data)(void *ssl, void *buf, size_t n, size_t *ret_n)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_read_early_data(ssl, buf, n, ret_n);
	int rc = t->SSL_read_early_data(ssl, buf, n, ret_n);
	if (rc && !*ret_n)
		at_secure_leave(&s);
	else
		at_secure_read(&s, buf, rc ? *ret_n : 0, rc);
	return rc;
}

/* ---- bytes that go out ---- */

static size_t send_write(const struct at_secure *s, void *call, const void *bytes, size_t n,
			 long *ret_rc)
{
	(void)call;
	int rc = s->tls->SSL_write(s->session, bytes, n > INT32_MAX ? INT32_MAX : (int)n);
	*ret_rc = rc;
	return rc > 0 ? (size_t)rc : 0;
}

int AT_TLS_HOOK(SSL_write)(void *ssl, const void *buf, int n)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	long rc = -1;
	if (n <= 0 || !enter(&s, t, ssl))
		return t->SSL_write(ssl, buf, n);
	size_t taken = at_secure_write(&s, buf, (size_t)n, send_write, NULL, &rc);
	return taken ? (int)taken : (int)rc;
}

static size_t send_write_ex(const struct at_secure *s, void *call, const void *bytes, size_t n,
			    long *ret_rc)
{
	size_t taken = 0;
	(void)call;
	*ret_rc = s->tls->SSL_write_ex(s->session, bytes, n, &taken);
	return *ret_rc > 0 ? taken : 0;
}

int AT_TLS_HOOK(SSL_write_ex)(void *ssl, const void *buf, size_t n, size_t *ret_n)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	long rc = 0;
	if (!n || !enter(&s, t, ssl))
		return t->SSL_write_ex(ssl, buf, n, ret_n);
	size_t taken = at_secure_write(&s, buf, n, send_write_ex, NULL, &rc);
	if (!taken)
		return (int)rc;
	*ret_n = taken;
	return 1;
}

static size_t send_early(const struct at_secure *s, void *call, const void *bytes, size_t n,
			 long *ret_rc)
{
	size_t taken = 0;
	(void)call;
	*ret_rc = s->tls->SSL_write_early_data(s->session, bytes, n, &taken);
	return *ret_rc > 0 ? taken : 0;
}

/* A client's early bytes may be refused, which shows later, and then they are written once more: so
 * nobody can tell how the requests of such a session follow each other. A server's are its answer.
 */
int AT_TLS_HOOK(SSL_write_early_data)(void *ssl, const void *buf, size_t n, size_t *ret_n)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	long rc = 0;
	if (!n || !t->SSL_is_server || !enter(&s, t, ssl))
		return t->SSL_write_early_data(ssl, buf, n, ret_n);
	if (!t->SSL_is_server(ssl)) {
		int early = t->SSL_write_early_data(ssl, buf, n, ret_n);
		at_secure_unseen(&s);
		return early;
	}
	size_t taken = at_secure_write(&s, buf, n, send_early, NULL, &rc);
	if (!taken)
		return (int)rc;
	*ret_n = taken;
	return 1;
}

ssize_t AT_TLS_HOOK(SSL_sendfile)(void *ssl, int fd, off_t offset, size_t n, int flags)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_sendfile(ssl, fd, offset, n, flags);
	ssize_t rc = t->SSL_sendfile(ssl, fd, offset, n, flags);
	at_secure_wrote_unseen(&s, rc > 0 ? (size_t)rc : 0, rc);
	return rc;
}

/* ---- beginning and end ---- */

int AT_TLS_HOOK(SSL_do_handshake)(void *ssl)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_do_handshake(ssl);
	int rc = t->SSL_do_handshake(ssl);
	at_secure_handshake(&s, rc == 1, rc);
	return rc;
}

int AT_TLS_HOOK(SSL_connect)(void *ssl)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_connect(ssl);
	int rc = t->SSL_connect(ssl);
	at_secure_handshake(&s, rc == 1, rc);
	return rc;
}

int AT_TLS_HOOK(SSL_accept)(void *ssl)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_accept(ssl);
	int rc = t->SSL_accept(ssl);
	at_secure_handshake(&s, rc == 1, rc);
	return rc;
}

int AT_TLS_HOOK(SSL_shutdown)(void *ssl)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	struct at_secure s;
	if (!enter(&s, t, ssl))
		return t->SSL_shutdown(ssl);
	int rc = t->SSL_shutdown(ssl);
	if (rc >= 0)
		at_secure_shut(&s);
	else
		at_secure_leave(&s);
	return rc;
}

int AT_TLS_HOOK(SSL_clear)(void *ssl)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	at_secure_gone(ssl);
	return t->SSL_clear(ssl);
}

void AT_TLS_HOOK(SSL_free)(void *ssl)
{
	const struct at_tls *t = AT_LIBRARY_OPENSSL(ssl);
	if (ssl)
		at_secure_gone(ssl);
	t->SSL_free(ssl);
}
