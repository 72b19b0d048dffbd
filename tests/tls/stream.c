/*
 * A client that speaks HTTP/1 with itself through TLS, and looks at every byte: what the server's
 * end reads must be what the client's end wrote, but for whole lines "traceparent: ...", and each
 * call of the library must tell the client of its own bytes.
 *
 *   stream LIBRARY TRANSPORT CERTIFICATE KEY [PATTERN]...
 *
 *   LIBRARY    openssl or gnutls
 *   TRANSPORT  tcp: sockets with small buffers; or a number: memory, that many bytes each way
 *   PATTERN    ex: SSL_write_ex; partial, moving: OpenSSL's modes; more: a retry offers more bytes;
 *              null: GnuTLS's retry without bytes; send2, cork: GnuTLS's other ways to send;
 *              small: writes of 7 bytes at most
 *
 * Prints how many requests it made and how many lines it found. Exit code 1 with a word on stderr:
 * a byte or a count is wrong.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (4u << 20)

static struct {
	bool gnutls, tcp, ex, partial, moving, more, null, send2, cork, small;
	int memory;
} how;

static void die(const char *why)
{
	fprintf(stderr, "%s\n", why);
	ERR_print_errors_fp(stderr);
	exit(1);
}

/* ---- the two ends ---- */

/* Bytes on their way between GnuTLS's ends. */
struct pipe {
	char bytes[1 << 16];
	size_t n;
};

struct end {
	SSL *ssl;
	gnutls_session_t session;
	struct pipe *in, *out; /* of GnuTLS in memory */
};

static struct end client, server;

static ssize_t push(gnutls_transport_ptr_t p, const void *bytes, size_t n)
{
	struct end *e = p;
	size_t room = (size_t)how.memory - e->out->n;
	if (!room) {
		gnutls_transport_set_errno(e->session, EAGAIN);
		return -1;
	}
	n = n < room ? n : room;
	memcpy(e->out->bytes + e->out->n, bytes, n);
	e->out->n += n;
	return (ssize_t)n;
}

static ssize_t pull(gnutls_transport_ptr_t p, void *bytes, size_t n)
{
	struct end *e = p;
	if (!e->in->n) {
		gnutls_transport_set_errno(e->session, EAGAIN);
		return -1;
	}
	n = n < e->in->n ? n : e->in->n;
	memcpy(bytes, e->in->bytes, n);
	e->in->n -= n;
	memmove(e->in->bytes, e->in->bytes + n, e->in->n);
	return (ssize_t)n;
}

static void sockets(int fds[2])
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t len = sizeof(at);
	int small = 4096, one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &len))
		die("no listener");
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fds[0], (struct sockaddr *)&at, len))
		die("no connection");
	fds[1] = accept(listener, NULL, NULL);
	setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(listener);
	for (int i = 0; i < 2; i++)
		fcntl(fds[i], F_SETFL, O_NONBLOCK);
}

static void make_openssl(const char *certificate, const char *key)
{
	SSL_CTX *c = SSL_CTX_new(TLS_client_method()), *s = SSL_CTX_new(TLS_server_method());
	int fds[2];
	if (SSL_CTX_use_certificate_file(s, certificate, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(s, key, SSL_FILETYPE_PEM) != 1)
		die("no certificate");
	client.ssl = SSL_new(c);
	server.ssl = SSL_new(s);
	SSL_set_connect_state(client.ssl);
	SSL_set_accept_state(server.ssl);
	SSL_clear_mode(client.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_AUTO_RETRY);
	if (how.partial)
		SSL_set_mode(client.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
	if (how.moving)
		SSL_set_mode(client.ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (how.tcp) {
		sockets(fds);
		SSL_set_fd(client.ssl, fds[0]);
		SSL_set_fd(server.ssl, fds[1]);
	} else {
		BIO *a, *b;
		BIO_new_bio_pair(&a, (size_t)how.memory, &b, (size_t)how.memory);
		SSL_set_bio(client.ssl, a, a);
		SSL_set_bio(server.ssl, b, b);
	}
}

static void make_gnutls(const char *certificate, const char *key)
{
	static struct pipe to, fro;
	gnutls_certificate_credentials_t c, s;
	int fds[2];
	gnutls_certificate_allocate_credentials(&c);
	gnutls_certificate_allocate_credentials(&s);
	if (gnutls_certificate_set_x509_key_file(s, certificate, key, GNUTLS_X509_FMT_PEM) < 0)
		die("no certificate");
	gnutls_init(&client.session, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
	gnutls_init(&server.session, GNUTLS_SERVER | GNUTLS_NONBLOCK);
	gnutls_set_default_priority(client.session);
	gnutls_set_default_priority(server.session);
	gnutls_credentials_set(client.session, GNUTLS_CRD_CERTIFICATE, c);
	gnutls_credentials_set(server.session, GNUTLS_CRD_CERTIFICATE, s);
	client.out = server.in = &to;
	client.in = server.out = &fro;
	if (how.tcp) {
		sockets(fds);
		gnutls_transport_set_int(client.session, fds[0]);
		gnutls_transport_set_int(server.session, fds[1]);
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct end *e = i ? &server : &client;
		gnutls_transport_set_ptr(e->session, e);
		gnutls_transport_set_push_function(e->session, push);
		gnutls_transport_set_pull_function(e->session, pull);
	}
}

/* ---- calls: bytes, 0 when it must be tried again ---- */

static size_t again_openssl(SSL *ssl, int rc)
{
	int error = SSL_get_error(ssl, rc);
	if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		die("OpenSSL failed");
	if (ERR_peek_error())
		die("something is left in the queue of errors");
	return 0;
}

static size_t again_gnutls(ssize_t rc)
{
	if (rc != GNUTLS_E_AGAIN && rc != GNUTLS_E_INTERRUPTED)
		die(gnutls_strerror((int)rc));
	return 0;
}

static bool handshake(struct end *e)
{
	if (how.gnutls) {
		int rc = gnutls_handshake(e->session);
		return rc == 0 || again_gnutls(rc);
	}
	int rc = SSL_do_handshake(e->ssl);
	return rc == 1 || again_openssl(e->ssl, rc);
}

static size_t get(struct end *e, char *to, size_t room)
{
	if (how.gnutls) {
		ssize_t rc = gnutls_record_recv(e->session, to, room);
		return rc > 0 ? (size_t)rc : again_gnutls(rc);
	}
	if (how.ex) {
		size_t n = 0;
		int rc = SSL_read_ex(e->ssl, to, room, &n);
		return rc == 1 ? n : again_openssl(e->ssl, rc);
	}
	int rc = SSL_read(e->ssl, to, (int)room);
	return rc > 0 ? (size_t)rc : again_openssl(e->ssl, rc);
}

static size_t put_gnutls(struct end *e, const char *bytes, size_t n)
{
	ssize_t rc = how.send2 ? gnutls_record_send2(e->session, bytes, n, 0, 0)
			       : gnutls_record_send(e->session, bytes, n);
	return rc > 0 ? (size_t)rc : again_gnutls(rc);
}

static size_t put_openssl(struct end *e, const char *bytes, size_t n)
{
	if (how.ex) {
		size_t taken = 0;
		int rc = SSL_write_ex(e->ssl, bytes, n, &taken);
		return rc == 1 ? taken : again_openssl(e->ssl, rc);
	}
	int rc = SSL_write(e->ssl, bytes, (int)n);
	return rc > 0 ? (size_t)rc : again_openssl(e->ssl, rc);
}

static size_t put(struct end *e, const char *bytes, size_t n)
{
	return how.gnutls ? put_gnutls(e, bytes, n) : put_openssl(e, bytes, n);
}

/* ---- what is written ---- */

static char sent[ROOM];      /* the application's stream */
static size_t ends[4096];    /* where each of its writes ends */
static size_t writes, total; /* how many; bytes */
static size_t requests;

static void mark(void)
{
	if (total > (writes ? ends[writes - 1] : 0))
		ends[writes++] = total;
}

static void text(const char *s)
{
	memcpy(sent + total, s, strlen(s));
	total += strlen(s);
}

static void body(size_t n)
{
	for (size_t i = 0; i < n; i++)
		sent[total + i] = (char)('a' + (i * 7 + (total + i) / 251) % 26);
	total += n;
}

/* A request; `pieces`: its head is written in so many, its body with the last of them. */
static void request(size_t length, int pieces)
{
	char line[64];
	snprintf(line, sizeof(line), "%s /%zu HTTP/1.1\r\n", length ? "POST" : "GET", requests++);
	text(line);
	if (pieces > 2)
		mark();
	text("Host: localhost\r\nX-Some: thing\r\n");
	if (pieces > 1)
		mark();
	snprintf(line, sizeof(line), "Content-Length: %zu\r\n", length);
	text(line);
	text("\r\n");
	body(length);
}

static void make_stream(void)
{
	static const size_t lengths[] = {0, 5, 1000, 16200, 16384, 40000, 65500, 200000};
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int pieces = 1; pieces <= 3; pieces++) {
			request(lengths[i], pieces);
			mark();
		}
	for (int i = 0; i < 5; i++)
		request(i == 2 ? 300 : 0, 1);
	mark();
}

/* ---- the server's end ---- */

static char came[ROOM + (1 << 16)]; /* all that it read */
static size_t came_n, parsed;
static char answers[1 << 16]; /* not written yet */
static size_t answers_n;
static size_t answered; /* requests */

static void take_requests(void)
{
	for (;;) {
		char *end = memmem(came + parsed, came_n - parsed, "\r\n\r\n", 4);
		if (!end)
			return;
		char *length = memmem(came + parsed, (size_t)(end - came) - parsed,
				      "Content-Length: ", 16);
		size_t head = (size_t)(end - came) + 4 - parsed;
		size_t all = head + (length ? strtoul(length + 16, NULL, 10) : 0);
		if (came_n - parsed < all)
			return;
		parsed += all;
		answered++;
		answers_n += (size_t)sprintf(answers + answers_n,
					     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	}
}

static bool serve(void)
{
	char bytes[5000];
	size_t n = get(&server, bytes, how.small ? 11 : sizeof(bytes));
	memcpy(came + came_n, bytes, n);
	came_n += n;
	take_requests();
	size_t m = answers_n ? put(&server, answers, answers_n) : 0;
	answers_n -= m;
	memmove(answers, answers + m, answers_n);
	return n || m;
}

/* ---- the client's end ---- */

static size_t put_n, put_write; /* bytes and writes that were taken */
static bool again;              /* the last write must be tried again */
static size_t heard;

/* A write as its pattern has it: where from, how many. */
static size_t offer(const char **ret_bytes)
{
	static char *copy;
	size_t n = ends[put_write] - put_n;
	static size_t last;
	if (how.small && n > 7)
		n = 7;
	if (again && how.more && put_write + 1 < writes && !how.small)
		n = ends[put_write + 1] - put_n;
	if (again && last > n)
		n = last;
	last = n;
	*ret_bytes = sent + put_n;
	if (!how.moving)
		return n;
	/* Another place each time, and the former one wiped. */
	char *fresh = malloc(n + 1);
	memcpy(fresh, sent + put_n, n);
	if (copy) {
		memset(copy, '#', 1);
		free(copy);
	}
	copy = fresh;
	*ret_bytes = fresh;
	return n;
}

static bool ask(void)
{
	const char *bytes;
	if (put_n == total)
		return false;
	size_t n = offer(&bytes), taken;
	if (how.null && again)
		taken = put(&client, NULL, 0);
	else
		taken = put(&client, bytes, n);
	if (taken > n)
		die("more was taken than was given");
	if (taken && taken < n && !how.gnutls && !how.partial)
		die("a part was taken, which is not allowed");
	again = taken == 0;
	put_n += taken;
	while (put_write < writes && put_n >= ends[put_write])
		put_write++;
	return taken;
}

static bool hear(void)
{
	char bytes[600];
	size_t n = get(&client, bytes, sizeof(bytes));
	heard += n;
	return n;
}

/* ---- what came of it ---- */

/* The stream that came, without lines of ours; returns how many these were. */
static size_t compare(void)
{
	static const char name[] = "traceparent: 00-";
	size_t at = 0, from = 0, lines = 0;
	while (from < came_n) {
		if (came_n - from >= 71 && memcmp(came + from, name, sizeof(name) - 1) == 0 &&
		    memcmp(came + from + 68, "\r\n", 2) == 0) {
			from += 70;
			lines++;
		} else if (at >= total || came[from] != sent[at]) {
			fprintf(stderr, "byte %zu of %zu differs\n", at, total);
			exit(1);
		} else {
			from++;
			at++;
		}
	}
	if (at != total)
		die("bytes are missing");
	return lines;
}

static void read_pattern(const char *name)
{
	const struct {
		const char *name;
		bool *flag;
	} patterns[] = {{"ex", &how.ex},     {"partial", &how.partial}, {"moving", &how.moving},
			{"more", &how.more}, {"null", &how.null},       {"send2", &how.send2},
			{"cork", &how.cork}, {"small", &how.small}};
	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
		if (strcmp(name, patterns[i].name) == 0) {
			*patterns[i].flag = true;
			return;
		}
	die("no such pattern");
}

static void speak(void)
{
	static const size_t answer = sizeof("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") - 1;
	time_t moved_at = time(NULL);
	while (heard < requests * answer && time(NULL) - moved_at < 10) {
		bool moved = ask();
		if (how.cork) {
			gnutls_record_uncork(client.session, 0);
			gnutls_record_cork(client.session);
		}
		moved = serve() || moved;
		moved = hear() || moved;
		if (moved)
			moved_at = time(NULL);
		else
			usleep(200);
	}
	if (heard != requests * answer || answered != requests)
		die("it stands still");
}

int main(int argc, char **argv)
{
	bool done[2] = {false, false};
	signal(SIGPIPE, SIG_IGN);
	if (argc < 5)
		die("usage: stream LIBRARY TRANSPORT CERTIFICATE KEY [PATTERN]...");
	how.gnutls = strcmp(argv[1], "gnutls") == 0;
	how.tcp = strcmp(argv[2], "tcp") == 0;
	how.memory = atoi(argv[2]);
	for (int i = 5; i < argc; i++)
		read_pattern(argv[i]);
	make_stream();
	if (how.gnutls)
		make_gnutls(argv[3], argv[4]);
	else
		make_openssl(argv[3], argv[4]);
	while (!done[0] || !done[1]) {
		done[0] = done[0] || handshake(&client);
		done[1] = done[1] || handshake(&server);
	}
	if (how.cork)
		gnutls_record_cork(client.session);
	speak();
	size_t lines = compare();
	printf("requests %zu lines %zu\n", requests, lines);
	if (how.gnutls) {
		gnutls_deinit(client.session);
		gnutls_deinit(server.session);
	} else {
		SSL_free(client.ssl);
		SSL_free(server.ssl);
	}
	return 0;
}
