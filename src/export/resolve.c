/*
 * Fed by http.c, asks lookup.c. Owns the addresses known, a few entries that survive fork.
 */
#include "export/resolve.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "export/lookup.h"
#include "libc/bundle.h"

#define KNOWN         4
#define HOST_MAX      AT_LOOKUP_HOST_MAX
#define KEY_MAX       (HOST_MAX + 16)
#define TEXT_MAX      768
#define ADDRESSES_MAX 8

static struct known {
	bool valid;          /* written last, cleared first: a child may see us half-way (atomic) */
	char text[TEXT_MAX]; /* "host:port:addresses" NUL */
	size_t key;          /* bytes of "host:port:" */
	size_t n;            /* bytes of all */
} known[KNOWN];

static unsigned replaced; /* counts entries, to find the one to overwrite */

/* What the look-up that was last begun is for. */
static struct {
	char text[KEY_MAX]; /* "host:port:" */
	size_t n;           /* bytes of it */
} asked;

bool at_resolve_read_url(struct at_resolve_target *e, struct at_str url)
{
	uint64_t port = 0;
	e->scheme = AT_STR("http");
	for (size_t i = 0; i + 3 <= url.n; i++)
		if (memcmp(url.p + i, "://", 3) == 0) {
			e->scheme = at_str_head(url, i);
			url = at_str_from(url, i + 3);
			break;
		}
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] == '/' || url.p[i] == '?' || url.p[i] == '#')
			url.n = i;
	for (ptrdiff_t at; (at = at_str_find(url, '@')) >= 0;)
		url = at_str_from(url, (size_t)at + 1);
	if (url.n && url.p[0] == '[') {
		struct at_str rest = at_str_from(url, 1);
		e->host = at_str_cut(&rest, ']');
		url = rest;
		at_str_cut(&url, ':');
	} else {
		e->host = at_str_cut(&url, ':');
	}
	bool tls = at_str_eq_nocase(e->scheme, AT_STR("https"));
	e->port = tls ? 443 : 80;
	if (url.n && (!at_str_u64(url, &port) || port == 0 || port > 65535))
		return false;
	if (url.n)
		e->port = (unsigned)port;
	return e->host.n != 0 && e->host.n < HOST_MAX;
}

static bool is_address(const char *host)
{
	unsigned char address[16];
	return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* libcurl knows this name by itself, and asks nobody for it. */
static bool is_local(struct at_str host)
{
	struct at_str suffix = AT_STR(".localhost");
	return at_str_eq_nocase(host, AT_STR("localhost")) ||
	       (host.n > suffix.n &&
		at_str_eq_nocase(at_str_from(host, host.n - suffix.n), suffix));
}

static size_t add_text(struct known *k, size_t n, const char *s, size_t len)
{
	if (n + len + 1 > TEXT_MAX)
		return n;
	memcpy(k->text + n, s, len);
	k->text[n + len] = 0;
	return n + len;
}

static void remember(const struct addrinfo *list, const char *key, size_t key_len, struct known *k)
{
	unsigned count = 0;
	__atomic_store_n(&k->valid, false, __ATOMIC_RELEASE);
	k->n = k->key = add_text(k, 0, key, key_len);
	for (const struct addrinfo *a = list; a && count < ADDRESSES_MAX; a = a->ai_next) {
		char text[INET6_ADDRSTRLEN + 2];
		const void *raw =
			a->ai_family == AF_INET6
				? (const void *)&((struct sockaddr_in6 *)a->ai_addr)->sin6_addr
				: (const void *)&((struct sockaddr_in *)a->ai_addr)->sin_addr;
		if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) ||
		    !inet_ntop(a->ai_family, raw, text + 1, sizeof(text) - 1))
			continue;
		text[0] = ',';
		size_t skip = count++ ? 0 : 1;
		k->n = add_text(k, k->n, text + skip, strlen(text + skip));
	}
	__atomic_store_n(&k->valid, count != 0, __ATOMIC_RELEASE);
}

static struct known *find(const char *key, size_t key_len)
{
	for (int i = 0; i < KNOWN; i++)
		if (__atomic_load_n(&known[i].valid, __ATOMIC_ACQUIRE) && known[i].key == key_len &&
		    memcmp(known[i].text, key, key_len) == 0)
			return &known[i];
	return NULL;
}

/* Keeps what the look-up that is done has found; why it found nothing, or NULL. */
static const char *harvest(void)
{
	const char *error;
	struct addrinfo *list = at_lookup_take(&error);
	struct known *k = find(asked.text, asked.n);
	if (list)
		remember(list, asked.text, asked.n, k ? k : &known[replaced++ % KNOWN]);
	freeaddrinfo(list);
	return error;
}

/* Goes on looking up what `key` is for. False: it takes longer. True: it is over, *ret_error says
 * how (NULL: well). */
static bool look_up(const char *host, const char *key, size_t key_len, const char **ret_error)
{
	for (;;) {
		enum at_lookup now = at_lookup_state();
		if (now == AT_LOOKUP_BUSY)
			return false;
		if (now == AT_LOOKUP_DONE) {
			bool ours = asked.n == key_len && memcmp(asked.text, key, key_len) == 0;
			*ret_error = harvest();
			if (ours)
				return true;
		}
		asked.n = key_len;
		memcpy(asked.text, key, key_len);
		*ret_error = "no address known";
		if (!at_lookup_start(host))
			return true;
	}
}

enum at_resolve_state at_resolve(const struct at_resolve_target *e, bool again, struct at_str *ret,
				 const char **ret_error)
{
	char host[HOST_MAX];
	char key[KEY_MAX];
	*ret = AT_STR_NONE;
	memcpy(host, e->host.p, e->host.n);
	host[e->host.n] = 0;
	if (is_local(e->host) || is_address(host))
		return AT_RESOLVE_FOUND;
	size_t n = e->host.n;
	memcpy(key, host, n);
	key[n++] = ':';
	n += at_dec_encode(key + n, e->port);
	key[n++] = ':';
	struct known *k = find(key, n);
	if (!k || again) {
		if (!look_up(host, key, n, ret_error))
			return AT_RESOLVE_BUSY;
		k = find(key, n);
	}
	if (!k)
		return AT_RESOLVE_FAILED;
	*ret = at_str(k->text, k->n);
	return AT_RESOLVE_FOUND;
}

const char *at_resolve_proxy(struct at_str scheme)
{
	/* As libcurl asks for them. */
	static const char *const names[2][4] = {
		{"http_proxy", "all_proxy", "ALL_PROXY", NULL},
		{"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"},
	};
	bool tls = at_str_eq_nocase(scheme, AT_STR("https"));
	for (int i = 0; i < 4 && names[tls][i]; i++) {
		const char *value = at_bundle_getenv(names[tls][i]);
		if (value && *value)
			return value;
	}
	return NULL;
}
