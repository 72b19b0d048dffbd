/*
 * Asked by http.c, sets libcurl's handles up. Owns what we want of libcurl and what we do not.
 */
#include "export/http_easy.h"

#include <openssl/ssl.h>
#include <unistd.h>

#include "export/http_header.h"
#include "export/socket.h"

#define HEADER_MAX 8192

/* The lists of authorities of the distributions. */
static const char *const authorities[] = {
	"/etc/ssl/certs/ca-certificates.crt", /* Debian, Ubuntu, Alpine, Arch */
	"/etc/pki/tls/certs/ca-bundle.crt",   /* Fedora, RHEL, Amazon */
	"/etc/ssl/ca-bundle.pem",             /* SUSE */
	"/etc/ssl/cert.pem",
};

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

static const char *authorities_of(const struct at_http_options *o)
{
	if (o->certificate.n)
		return o->certificate.p;
	for (size_t i = 0; i < sizeof(authorities) / sizeof(authorities[0]); i++)
		if (access(authorities[i], R_OK) == 0)
			return authorities[i];
	return authorities[0];
}

static CURLcode trust(CURL *unused, void *context, void *roots)
{
	(void)unused;
	SSL_CTX_set1_cert_store(context, ((struct at_roots *)roots)->store);
	return CURLE_OK;
}

void at_http_easy_trust(CURL *e, const struct at_http_options *o, struct at_roots *roots)
{
	const char *path = authorities_of(o);
	bool read = at_roots_read(roots, path);
	curl_easy_setopt(e, CURLOPT_CAINFO, read ? NULL : path);
	curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, read ? trust : NULL);
	curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, roots);
	curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 0L); /* it would keep the first store */
}

static void set_tls(CURL *e, const struct at_http_options *o)
{
	curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (o->client_certificate.n)
		curl_easy_setopt(e, CURLOPT_SSLCERT, o->client_certificate.p);
	if (o->client_key.n)
		curl_easy_setopt(e, CURLOPT_SSLKEY, o->client_key.p);
}

/* gRPC has no version 1: over TLS ALPN asks for 2, else both sides know it, through a proxy too. */
static void set_version(CURL *e, const struct at_http_options *o)
{
	bool tls = at_str_eq_nocase(at_str_head(o->url, 6), AT_STR("https:"));
	long version = !o->grpc ? CURL_HTTP_VERSION_1_1
		       : tls    ? CURL_HTTP_VERSION_2TLS
				: CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, version);
	curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, (long)o->grpc);
}

CURL *at_http_easy_open(const struct at_http_options *o, struct at_http_take *take, char *error,
			void *client)
{
	CURL *e = curl_easy_init();
	if (!e)
		return NULL;
	curl_easy_setopt(e, CURLOPT_URL, o->url.p);
	curl_easy_setopt(e, CURLOPT_PRIVATE, client);
	curl_easy_setopt(e, CURLOPT_POST, 1L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, at_http_take_line);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, take);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, at_http_take_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, take);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, error);
	set_version(e, o);
	set_tls(e, o);
	return e;
}

struct curl_slist *at_http_easy_headers(const struct at_http_options *o)
{
	char line[HEADER_MAX] = "Content-Type: ";
	struct at_str list = o->headers;
	strncat(line, o->content_type, sizeof(line) - strlen(line) - 1);
	struct curl_slist *s = curl_slist_append(NULL, line);
	s = curl_slist_append(s, "Expect:");
	if (o->grpc)
		s = curl_slist_append(s, "TE: trailers");
	while (at_http_header_next(&list, line, sizeof(line)))
		s = curl_slist_append(s, line);
	return s;
}

struct curl_slist *at_http_easy_gzip(const struct at_http_options *o,
				     const struct curl_slist *plain)
{
	struct curl_slist *s =
		curl_slist_append(NULL, o->grpc ? "grpc-encoding: gzip" : "Content-Encoding: gzip");
	for (; plain; plain = plain->next)
		s = curl_slist_append(s, plain->data);
	return s;
}
