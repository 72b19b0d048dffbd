/*
 * See dialect.h. Asked by secure.c on the thread that has just called the library, so the session
 * is its own. No state.
 */
#include "flow/dialect.h"

#include <string.h>

struct reason {
	int code;         /* the library's */
	const char *name; /* as error.type says it */
};

static const char *name_of(const struct reason *reasons, size_t n, long code)
{
	for (size_t i = 0; i < n; i++)
		if (reasons[i].code == code)
			return reasons[i].name;
	return "tls_error";
}

/* ---- OpenSSL ---- */

#define SSL_ERROR_SSL         1
#define SSL_ERROR_SYSCALL     5
#define SSL_ERROR_CLOSED      6
#define RECEIVED_SHUTDOWN     2
#define CTRL_MODE             33
#define MODE_PARTIAL_WRITE    1
#define REASON_BITS_1_1       0xfffu
#define REASON_BITS           0x7fffffu
#define LIBRARY_OF_1_1(error) ((error) >> 24 & 0xff)
#define LIBRARY_SSL           20

static bool openssl_random(const struct at_tls *t, void *session, uint8_t random[32])
{
	static const uint8_t none[32];
	return t->SSL_get_client_random(session, random, 32) == 32 &&
	       memcmp(random, none, sizeof(none)) != 0;
}

static enum at_conn_role openssl_role(const struct at_tls *t, void *session)
{
	if (!t->SSL_is_server)
		return AT_CONN_UNDECIDED;
	return t->SSL_is_server(session) ? AT_CONN_SERVER : AT_CONN_CLIENT;
}

static uint16_t openssl_version(const struct at_tls *t, void *session)
{
	return (uint16_t)t->SSL_version(session);
}

/* Without any transport SSL_get_fd would leave an error in the queue. */
static int openssl_fd(const struct at_tls *t, void *session)
{
	return t->SSL_get_rbio(session) ? t->SSL_get_fd(session) : -1;
}

static bool openssl_ended(const struct at_tls *t, void *session, long rc)
{
	(void)rc;
	return t->SSL_get_shutdown(session) & RECEIVED_SHUTDOWN;
}

static const char *openssl_broken(const struct at_tls *t, void *session, long rc)
{
	static const struct reason reasons[] = {
#define AT_REASON_OPENSSL(code, name) {code, name},
#include "flow/dialect.def"
#undef AT_REASON_OPENSSL
	};
	int error = t->SSL_get_error(session, (int)rc);
	if (error != SSL_ERROR_SSL && error != SSL_ERROR_SYSCALL)
		return NULL;
	unsigned long last = t->ERR_peek_last_error ? t->ERR_peek_last_error() : 0;
	/* 1.1 has twelve bits of reason, below twelve of the function and eight of the library. */
	bool old = LIBRARY_OF_1_1(last) == LIBRARY_SSL;
	return name_of(reasons, sizeof(reasons) / sizeof(reasons[0]),
		       (long)(last & (old ? REASON_BITS_1_1 : REASON_BITS)));
}

static bool openssl_again(const struct at_tls *t, void *session, long rc)
{
	int error = t->SSL_get_error(session, (int)rc);
	return error != SSL_ERROR_SSL && error != SSL_ERROR_SYSCALL && error != SSL_ERROR_CLOSED;
}

static bool openssl_partial(const struct at_tls *t, void *session)
{
	return t->SSL_ctrl && (t->SSL_ctrl(session, CTRL_MODE, 0, NULL) & MODE_PARTIAL_WRITE);
}

const struct at_dialect at_dialect_openssl = {
	.random = openssl_random,
	.role = openssl_role,
	.version = openssl_version,
	.fd = openssl_fd,
	.ended = openssl_ended,
	.broken = openssl_broken,
	.again = openssl_again,
	.partial = openssl_partial,
};

/* ---- GnuTLS ---- */

#define AGAIN                 (-28)
#define INTERRUPTED           (-52)
#define PREMATURE_TERMINATION (-110)
#define SSL3_ON_THE_WIRE      0x0300

static bool gnutls_random(const struct at_tls *t, void *session, uint8_t random[32])
{
	static const uint8_t none[32];
	struct at_tls_datum client = {0}, server = {0};
	t->gnutls_session_get_random(session, &client, &server);
	if (!client.data || client.size != 32 || memcmp(client.data, none, 32) == 0)
		return false;
	memcpy(random, client.data, 32);
	return true;
}

static enum at_conn_role gnutls_role(const struct at_tls *t, void *session)
{
	(void)t;
	(void)session;
	return AT_CONN_UNDECIDED;
}

static uint16_t gnutls_version(const struct at_tls *t, void *session)
{
	int version = t->gnutls_protocol_get_version(session);
	return version >= 1 && version <= 5 ? (uint16_t)(SSL3_ON_THE_WIRE + version - 1) : 0;
}

/* What the program gave as its transport may be a pointer: as an integer it is any number, and only
 * that of a connection that waits for a session is believed. */
static int gnutls_fd(const struct at_tls *t, void *session)
{
	return t->gnutls_transport_get_int ? t->gnutls_transport_get_int(session) : -1;
}

static bool gnutls_ended(const struct at_tls *t, void *session, long rc)
{
	(void)t;
	(void)session;
	return rc == 0 || rc == PREMATURE_TERMINATION;
}

static const char *gnutls_broken(const struct at_tls *t, void *session, long rc)
{
	static const struct reason reasons[] = {
#define AT_REASON_GNUTLS(code, name) {code, name},
#include "flow/dialect.def"
#undef AT_REASON_GNUTLS
	};
	(void)session;
	if (rc >= 0 || !t->gnutls_error_is_fatal((int)rc))
		return NULL;
	return name_of(reasons, sizeof(reasons) / sizeof(reasons[0]), rc);
}

static bool gnutls_again(const struct at_tls *t, void *session, long rc)
{
	(void)t;
	(void)session;
	return rc == AGAIN || rc == INTERRUPTED;
}

static bool gnutls_partial(const struct at_tls *t, void *session)
{
	(void)t;
	(void)session;
	return true;
}

const struct at_dialect at_dialect_gnutls = {
	.random = gnutls_random,
	.role = gnutls_role,
	.version = gnutls_version,
	.fd = gnutls_fd,
	.ended = gnutls_ended,
	.broken = gnutls_broken,
	.again = gnutls_again,
	.partial = gnutls_partial,
	.resumes = true,
};
