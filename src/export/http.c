/*
 * Fed by the exporters that speak HTTP, feeds the network. Owns libcurl: the multi handle and an
 * easy handle for each client. Not my job: whether and when to try again (post.c).
 *
 * libcurl and OpenSSL work inside the gate (gate.h); we wait for the network and for names outside.
 * A forked child leaves the parent's handles as they are (to close them would end the parent's TLS
 * sessions) and makes its own.
 */
#include "export/http.h"

#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "export/gate.h"
#include "export/http_header.h"
#include "export/out.h"
#include "export/resolve.h"
#include "export/socket.h"
#include "libc/floor.h"

#define ANSWER_MAX (4u << 20)
/* Memory that the body of an answer keeps. */
#define ANSWER_KEEP (64u << 10)
#define NS_PER_MS   1000000u
#define CONNECTIONS 4
#define HEADER_MAX  8192

struct at_http {
	CURL *easy;     /* NULL: make one */
	unsigned epoch; /* of the multi handle that easy belongs to */
	struct at_http_options options;
	struct curl_slist *plain;     /* headers of a plain body */
	struct curl_slist *gzip;      /* and of a compressed one */
	struct curl_slist *addresses; /* CURLOPT_RESOLVE */
	bool look_again;              /* the last transfer failed: addresses may have changed */
	bool flying;                  /* a transfer is under way */
	struct at_out body;           /* of the answer */
	char error[CURL_ERROR_SIZE];  /* libcurl's words */
	struct at_http_answer answer;
};

static struct {
	CURLM *multi;   /* all transfers */
	unsigned epoch; /* counts multi handles: older ones are left behind */
	bool ready;     /* libcurl is initialised */
} state;

/* The lists of authorities of the distributions. */
static const char *const authorities[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL, Amazon */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",
};

static const struct {
	CURLcode code;
	enum at_http_fault fault;
} faults[] = {
	{CURLE_OK, AT_HTTP_ANSWERED},
	{CURLE_COULDNT_RESOLVE_PROXY, AT_HTTP_UNREACHABLE},
	{CURLE_COULDNT_RESOLVE_HOST, AT_HTTP_UNREACHABLE},
	{CURLE_COULDNT_CONNECT, AT_HTTP_UNREACHABLE},
	{CURLE_OPERATION_TIMEDOUT, AT_HTTP_BROKEN},
	{CURLE_SEND_ERROR, AT_HTTP_BROKEN},
	{CURLE_RECV_ERROR, AT_HTTP_BROKEN},
	{CURLE_GOT_NOTHING, AT_HTTP_BROKEN},
	{CURLE_PARTIAL_FILE, AT_HTTP_BROKEN},
	{CURLE_SSL_CONNECT_ERROR, AT_HTTP_BROKEN},
	{CURLE_PEER_FAILED_VERIFICATION, AT_HTTP_UNTRUSTED},
	{CURLE_SSL_CERTPROBLEM, AT_HTTP_UNTRUSTED},
	{CURLE_SSL_CACERT_BADFILE, AT_HTTP_UNTRUSTED},
	{CURLE_SSL_ISSUER_ERROR, AT_HTTP_UNTRUSTED},
	{CURLE_URL_MALFORMAT, AT_HTTP_BAD_SETTING},
	{CURLE_OUT_OF_MEMORY, AT_HTTP_BROKEN},
};

static enum at_http_fault fault_of(CURLcode code)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (faults[i].code == code)
			return faults[i].fault;
	return AT_HTTP_GARBAGE;
}

/* ---- what libcurl calls ---- */

static curl_socket_t open_socket(void *unused, curlsocktype purpose, struct curl_sockaddr *a)
{
	(void)unused;
	(void)purpose;
	int fd = at_socket_open(a->family, a->socktype, a->protocol);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int close_socket(void *unused, curl_socket_t fd)
{
	(void)unused;
	at_socket_close(fd);
	return 0;
}

static size_t take_body(char *p, size_t size, size_t n, void *client)
{
	struct at_http *h = client;
	at_out_bytes(&h->body, p, size * n);
	return h->body.failed ? 0 : size * n;
}

/* ---- setting up ---- */

static bool start_curl(bool tls)
{
	if (!state.ready) {
		OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT | OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
		state.ready = curl_global_init(tls ? CURL_GLOBAL_SSL : CURL_GLOBAL_NOTHING) == 0;
	}
	if (state.ready && !state.multi) {
		state.multi = curl_multi_init();
		state.epoch++;
		if (state.multi)
			curl_multi_setopt(state.multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
	}
	return state.multi != NULL;
}

static void set_tls(CURL *e, const struct at_http_options *o)
{
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++)
		if (access(authorities[i], R_OK) == 0) {
			curl_easy_setopt(e, CURLOPT_CAINFO, authorities[i]);
			break;
		}
	if (o->certificate.n)
		curl_easy_setopt(e, CURLOPT_CAINFO, o->certificate.p);
	if (o->client_certificate.n)
		curl_easy_setopt(e, CURLOPT_SSLCERT, o->client_certificate.p);
	if (o->client_key.n)
		curl_easy_setopt(e, CURLOPT_SSLKEY, o->client_key.p);
}

static bool set_easy(struct at_http *h)
{
	CURL *e = curl_easy_init();
	h->easy = e;
	h->epoch = state.epoch;
	if (!e)
		return false;
	curl_easy_setopt(e, CURLOPT_URL, h->options.url.p);
	curl_easy_setopt(e, CURLOPT_PRIVATE, h);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_USERAGENT, h->options.user_agent);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->error);
	set_tls(e, &h->options);
	return true;
}

/* A descriptor of ours has become somebody else's: everything that may use it is left behind. */
static void check_sockets(void)
{
	if (!state.multi || at_socket_all_ours())
		return;
	at_socket_forget();
	state.multi = NULL;
	start_curl(false);
}

static struct curl_slist *plain_headers(const struct at_http_options *o)
{
	char line[HEADER_MAX] = "Content-Type: ";
	struct at_str list = o->headers;
	strncat(line, o->content_type, sizeof(line) - strlen(line) - 1);
	struct curl_slist *s = curl_slist_append(NULL, line);
	s = curl_slist_append(s, "Expect:");
	while (at_http_header_next(&list, line, sizeof(line)))
		s = curl_slist_append(s, line);
	return s;
}

static struct curl_slist *gzip_headers(const struct curl_slist *plain)
{
	struct curl_slist *s = curl_slist_append(NULL, "Content-Encoding: gzip");
	for (; plain; plain = plain->next)
		s = curl_slist_append(s, plain->data);
	return s;
}

struct at_http *at_http_open(const struct at_http_options *o)
{
	struct at_http *h = calloc(1, sizeof(*h));
	struct at_resolve_target e;
	bool tls = at_resolve_read_url(&e, o->url) &&
		   (at_resolve_proxy(e.scheme) || at_str_eq_nocase(e.scheme, AT_STR("https")));
	if (!h)
		return NULL;
	h->options = *o;
	h->body.cap = ANSWER_MAX;
	bool ok = start_curl(tls);
	if (ok) {
		h->plain = plain_headers(o);
		h->gzip = gzip_headers(h->plain);
		ok = set_easy(h);
	}
	if (ok)
		return h;
	curl_slist_free_all(h->plain);
	curl_slist_free_all(h->gzip);
	free(h);
	return NULL;
}

/* ---- addresses ---- */

static void add_address(struct at_http *h, struct at_str text)
{
	if (text.n)
		h->addresses = curl_slist_append(h->addresses, text.p);
}

/* Looks up the destination and the proxy; false when neither has an address. */
static bool find_addresses(struct at_http *h)
{
	struct at_resolve_target e;
	struct at_str text;
	const char *error = "malformed URL";
	curl_slist_free_all(h->addresses);
	h->addresses = NULL;
	if (!at_resolve_read_url(&e, h->options.url))
		return false;
	const char *proxy = at_resolve_proxy(e.scheme);
	bool found = at_resolve(&e, h->look_again, &text, &error);
	add_address(h, text);
	if (proxy && at_resolve_read_url(&e, at_str_c(proxy)) &&
	    at_resolve(&e, h->look_again, &text, &error)) {
		found = true;
		add_address(h, text);
	}
	h->look_again = false;
	h->answer.error = error;
	return found;
}

/* ---- transfers ---- */

static void fail(struct at_http *h, enum at_http_fault fault, const char *error)
{
	h->flying = false;
	h->look_again = true;
	h->answer = (struct at_http_answer){.fault = fault, .error = error};
}

static void launch(struct at_http *h, struct at_str body, bool gzip, uint64_t timeout_ms)
{
	check_sockets();
	if (!h->easy || h->epoch != state.epoch)
		set_easy(h);
	if (!h->easy || !state.multi) {
		fail(h, AT_HTTP_BROKEN, "no memory");
		return;
	}
	CURL *e = h->easy;
	long limit = timeout_ms > INT32_MAX ? INT32_MAX : (long)timeout_ms;
	h->error[0] = 0;
	at_out_reset(&h->body, ANSWER_KEEP);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, gzip ? h->gzip : h->plain);
	curl_easy_setopt(e, CURLOPT_RESOLVE, h->addresses);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, body.p);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, limit);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, limit);
	if (curl_multi_add_handle(state.multi, e) == CURLM_OK)
		h->flying = true;
	else
		fail(h, AT_HTTP_BROKEN, "no memory");
}

void at_http_start(struct at_http *h, struct at_str body, bool gzip, uint64_t timeout_ms)
{
	if (!find_addresses(h)) {
		fail(h, AT_HTTP_UNREACHABLE, h->answer.error);
		return;
	}
	launch(h, body, gzip, timeout_ms);
}

static void land(struct at_http *h, CURLcode code)
{
	struct at_http_answer *a = &h->answer;
	struct curl_header *header;
	char *type = NULL;
	h->flying = false;
	*a = (struct at_http_answer){.fault = fault_of(code)};
	if (code != CURLE_OK) {
		a->error = h->error[0] ? h->error : curl_easy_strerror(code);
		if (h->body.failed)
			a->error = "the answer is larger than 4 MiB";
		h->look_again = true;
		return;
	}
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &a->status);
	curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	a->type = at_str_c(type);
	a->body = at_str(h->body.p, h->body.n);
	if (curl_easy_header(h->easy, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
		a->retry_after = at_str_c(header->value);
}

static void perform(void)
{
	CURLMsg *m;
	int running;
	int left;
	curl_multi_perform(state.multi, &running);
	while ((m = curl_multi_info_read(state.multi, &left))) {
		char *client = NULL;
		CURLcode code = m->data.result;
		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &client);
		curl_multi_remove_handle(state.multi, m->easy_handle);
		land((struct at_http *)client, code);
	}
}

const struct at_http_answer *at_http_step(struct at_http *h)
{
	if (!h->flying)
		return &h->answer;
	check_sockets();
	if (h->epoch != state.epoch)
		fail(h, AT_HTTP_BROKEN, "the connection's descriptor was closed by the program");
	else
		perform();
	return h->flying ? NULL : &h->answer;
}

void at_http_wait(uint64_t timeout_ns)
{
	uint64_t ms = timeout_ns / NS_PER_MS + 1;
	bool inside = at_gate_pause();
	if (state.multi)
		curl_multi_poll(state.multi, NULL, 0, ms > INT32_MAX ? INT32_MAX : (int)ms, NULL);
	at_gate_resume(inside);
}

/* ---- fork ---- */

void at_http_fork_child(void)
{
	state.multi = NULL;
	at_socket_forget();
	at_resolve_after_fork();
}
