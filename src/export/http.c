/*
 * Fed by the exporters that speak HTTP, feeds the network. Owns libcurl: the multi handle and an
 * easy handle for each client (http_easy.c sets it up, http_take.c takes what comes). Not my job:
 * whether and when to try again (post.c).
 *
 * libcurl and OpenSSL work inside the gate (gate.h); we wait for the network and for names outside.
 * A forked child leaves the parent's handles as they are (to close them would end the parent's TLS
 * sessions) and makes its own.
 */
#include "export/http.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/gate.h"
#include "export/http_easy.h"
#include "export/http_take.h"
#include "export/lookup.h"
#include "export/resolve.h"
#include "export/socket.h"
#include "libc/floor.h"

#define NS_PER_MS   1000000u
#define CONNECTIONS 4
/* gRPC allows eight digits. */
#define GRPC_TIMEOUT_MAX 99999999

/* While a name is looked up, see this often whether the time for it is over. */
#define GLANCE (50u * NS_PER_MS)

#define NOT_HTTP2 "what answers is not HTTP/2 (OTLP over HTTP has a port of its own)"

/* What of a client's addresses wants to be looked up anew. */
#define DESTINATION 1u
#define PROXY       2u

/* rest --start--> looking --addresses known--> flying --answer, or none--> rest */
enum phase { AT_REST, LOOKING, FLYING };

struct at_http {
	CURL *easy;     /* NULL: make one */
	unsigned epoch; /* of the multi handle that easy belongs to */
	struct at_http_options options;
	struct curl_slist *plain;     /* headers of a plain body */
	struct curl_slist *gzip;      /* and of a compressed one */
	struct curl_slist timed;      /* for gRPC: what is left of the time, before one of them */
	char timeout[32];             /* its text */
	struct curl_slist *addresses; /* CURLOPT_RESOLVE */
	bool tls;                     /* the URL is https */
	struct at_roots roots;        /* then: whom it trusts */
	unsigned stale;               /* the last transfer failed: addresses may have changed */
	enum phase phase;             /* of the transfer */
	struct at_str out;            /* the body to send */
	bool packed;                  /* it is compressed */
	uint64_t until; /* when the transfer is given up, monotonic ns; UINT64_MAX: never */
	struct at_http_take take;    /* what came of the answer */
	char error[CURL_ERROR_SIZE]; /* libcurl's words */
	struct at_http_answer answer;
};

static struct {
	CURLM *multi;     /* all transfers */
	unsigned epoch;   /* counts multi handles: older ones are left behind */
	bool ready;       /* libcurl is initialised */
	unsigned lookers; /* clients in the phase looking */
} state;

static const struct fault {
	CURLcode code;
	enum at_http_fault fault;
	const char *words; /* better ones than libcurl's, or NULL */
} faults[] = {
	{CURLE_OK, AT_HTTP_ANSWERED, NULL},
	{CURLE_COULDNT_RESOLVE_PROXY, AT_HTTP_UNREACHABLE, NULL},
	{CURLE_COULDNT_RESOLVE_HOST, AT_HTTP_UNREACHABLE, NULL},
	{CURLE_COULDNT_CONNECT, AT_HTTP_UNREACHABLE, NULL},
	{CURLE_OPERATION_TIMEDOUT, AT_HTTP_BROKEN, NULL},
	{CURLE_SEND_ERROR, AT_HTTP_BROKEN, NULL},
	{CURLE_RECV_ERROR, AT_HTTP_BROKEN, NULL},
	{CURLE_GOT_NOTHING, AT_HTTP_BROKEN, NULL},
	{CURLE_PARTIAL_FILE, AT_HTTP_BROKEN, NULL},
	{CURLE_HTTP2, AT_HTTP_BROKEN, NULL},
	{CURLE_HTTP2_STREAM, AT_HTTP_BROKEN, NULL},
	{CURLE_SSL_CONNECT_ERROR, AT_HTTP_BROKEN, NULL},
	{CURLE_PEER_FAILED_VERIFICATION, AT_HTTP_UNTRUSTED, NULL},
	{CURLE_SSL_CERTPROBLEM, AT_HTTP_UNTRUSTED, NULL},
	{CURLE_SSL_CACERT_BADFILE, AT_HTTP_UNTRUSTED, NULL},
	{CURLE_SSL_ISSUER_ERROR, AT_HTTP_UNTRUSTED, NULL},
	{CURLE_URL_MALFORMAT, AT_HTTP_BAD_SETTING, NULL},
	{CURLE_OUT_OF_MEMORY, AT_HTTP_BROKEN, "no memory, or a line of its head that is too long"},
	{CURLE_UNSUPPORTED_PROTOCOL, AT_HTTP_GARBAGE,
	 "what answers is not HTTP/1.1 (OTLP over gRPC has a port of its own)"},
};

static const struct fault *fault_of(CURLcode code)
{
	static const struct fault other = {CURLE_OK, AT_HTTP_GARBAGE, NULL};
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (faults[i].code == code)
			return &faults[i];
	return &other;
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

static bool set_easy(struct at_http *h)
{
	h->easy = at_http_easy_open(&h->options, &h->take, h->error, h);
	h->epoch = state.epoch;
	return h->easy != NULL;
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

struct at_http *at_http_open(const struct at_http_options *o)
{
	struct at_http *h = calloc(1, sizeof(*h));
	struct at_resolve_target e;
	bool known = at_resolve_read_url(&e, o->url);
	if (!h)
		return NULL;
	h->options = *o;
	h->tls = known && at_str_eq_nocase(e.scheme, AT_STR("https"));
	bool ok = start_curl(h->tls || (known && at_resolve_proxy(e.scheme)));
	if (ok) {
		h->plain = at_http_easy_headers(o);
		h->gzip = at_http_easy_gzip(o, h->plain);
		ok = set_easy(h);
	}
	if (ok)
		return h;
	curl_slist_free_all(h->plain);
	curl_slist_free_all(h->gzip);
	free(h);
	return NULL;
}

/* ---- transfers ---- */

static void enter(struct at_http *h, enum phase phase)
{
	state.lookers += (phase == LOOKING) - (h->phase == LOOKING);
	h->phase = phase;
}

static void fail(struct at_http *h, enum at_http_fault fault, const char *error)
{
	enter(h, AT_REST);
	h->stale = DESTINATION | PROXY;
	h->answer = (struct at_http_answer){.fault = fault, .error = error};
}

/* Adds the addresses of a URL's host to the list. */
static enum at_resolve_state find(struct at_http *h, struct at_str url, unsigned which)
{
	struct at_resolve_target e;
	struct at_str text;
	h->answer.error = "malformed URL";
	if (!at_resolve_read_url(&e, url))
		return AT_RESOLVE_FAILED;
	enum at_resolve_state found =
		at_resolve(&e, (h->stale & which) != 0, &text, &h->answer.error);
	if (found != AT_RESOLVE_BUSY)
		h->stale &= ~which;
	if (found == AT_RESOLVE_FOUND && text.n)
		h->addresses = curl_slist_append(h->addresses, text.p);
	return found;
}

/* Of the destination and of the proxy; one of them is enough. */
static enum at_resolve_state find_addresses(struct at_http *h)
{
	struct at_resolve_target e;
	enum at_resolve_state found[2] = {AT_RESOLVE_FAILED, AT_RESOLVE_FAILED};
	const char *proxy = NULL;
	curl_slist_free_all(h->addresses);
	h->addresses = NULL;
	if (at_resolve_read_url(&e, h->options.url))
		proxy = at_resolve_proxy(e.scheme);
	if (proxy)
		found[0] = find(h, at_str_c(proxy), PROXY);
	if (found[0] != AT_RESOLVE_BUSY)
		found[1] = find(h, h->options.url, DESTINATION);
	if (found[0] == AT_RESOLVE_BUSY || found[1] == AT_RESOLVE_BUSY)
		return AT_RESOLVE_BUSY;
	return found[0] == AT_RESOLVE_FOUND ? AT_RESOLVE_FOUND : found[1];
}

/* Milliseconds, at least one; 0: no limit. */
static long time_left(const struct at_http *h, uint64_t now)
{
	if (h->until == UINT64_MAX)
		return 0;
	uint64_t ms = h->until > now ? (h->until - now) / NS_PER_MS : 0;
	return ms > INT32_MAX ? INT32_MAX : ms ? (long)ms : 1;
}

/* As at_http_take_line. Nothing was heard on a connection that is HTTP/2's: libcurl would keep it
 * after a time-out, and the next body would find nobody there either. */
static size_t take_line_grpc(char *p, size_t size, size_t n, void *client)
{
	struct at_http *h = client;
	curl_easy_setopt(h->easy, CURLOPT_FORBID_REUSE, 0L);
	return at_http_take_line(p, size, n, &h->take);
}

/* The headers of this attempt: the server of gRPC is told when nobody listens any more. */
static struct curl_slist *headers(struct at_http *h, long limit)
{
	struct curl_slist *list = h->packed ? h->gzip : h->plain;
	char *p = h->timeout;
	bool ms = limit <= GRPC_TIMEOUT_MAX;
	if (!h->options.grpc || !limit)
		return list;
	p = stpcpy(p, "grpc-timeout: ");
	p += at_dec_encode(p, (uint64_t)(ms ? limit : limit / 1000));
	stpcpy(p, ms ? "m" : "S");
	h->timed = (struct curl_slist){.data = h->timeout, .next = list};
	return &h->timed;
}

static void launch(struct at_http *h, uint64_t now)
{
	check_sockets();
	if (!h->easy || h->epoch != state.epoch)
		set_easy(h);
	if (!h->easy || !state.multi) {
		fail(h, AT_HTTP_BROKEN, "no memory");
		return;
	}
	CURL *e = h->easy;
	if (h->tls)
		at_http_easy_trust(e, &h->options, &h->roots);
	long limit = time_left(h, h->tls ? at_clock_now() : now);
	h->error[0] = 0;
	at_http_take_begin(&h->take);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, headers(h, limit));
	curl_easy_setopt(e, CURLOPT_RESOLVE, h->addresses);
	curl_easy_setopt(e, CURLOPT_POSTFIELDS, h->out.p);
	curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->out.n);
	if (h->options.grpc) {
		curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_line_grpc);
		curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
		curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	}
	curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, limit);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, limit);
	if (curl_multi_add_handle(state.multi, e) == CURLM_OK)
		enter(h, FLYING);
	else
		fail(h, AT_HTTP_BROKEN, "no memory");
}

/* Launches as soon as the addresses are known. */
static void look(struct at_http *h)
{
	uint64_t now = at_clock_now();
	enum at_resolve_state found = find_addresses(h);
	if (found == AT_RESOLVE_FOUND)
		launch(h, now);
	else if (found == AT_RESOLVE_FAILED)
		fail(h, AT_HTTP_UNREACHABLE, h->answer.error);
	else if (now >= h->until)
		fail(h, AT_HTTP_UNREACHABLE, "no answer to the look-up of its name");
}

void at_http_start(struct at_http *h, struct at_str body, bool gzip, uint64_t timeout_ms)
{
	h->out = body;
	h->packed = gzip;
	h->until = timeout_ms ? at_clock_now() + timeout_ms * NS_PER_MS : UINT64_MAX;
	enter(h, LOOKING);
	look(h);
}

/* Why the transfer is no answer, for people. */
static const char *words_of(const struct at_http *h, CURLcode code)
{
	const char *words = at_http_take_limit(&h->take);
	if (!words && h->options.grpc && code == CURLE_GOT_NOTHING)
		words = NOT_HTTP2;
	if (!words)
		words = fault_of(code)->words;
	if (!words)
		words = h->error[0] ? h->error : curl_easy_strerror(code);
	return words;
}

/* A field of the answer: a trailer, or of the head when there is no such trailer. */
static struct at_str field(const struct at_http *h, const char *name)
{
	struct curl_header *f;
	struct at_str value;
	if (curl_easy_header(h->easy, name, 0, CURLH_TRAILER, -1, &f) != CURLHE_OK &&
	    curl_easy_header(h->easy, name, 0, CURLH_HEADER, -1, &f) != CURLHE_OK)
		return AT_STR_NONE;
	value = at_str_c(f->value);
	while (value.n && (unsigned char)value.p[value.n - 1] <= ' ')
		value.n--;
	return value;
}

static bool is_http2(const struct at_http *h)
{
	long version = 0;
	curl_easy_getinfo(h->easy, CURLINFO_HTTP_VERSION, &version);
	return version == CURL_HTTP_VERSION_2_0;
}

static void land_grpc(struct at_http *h)
{
	struct at_http_answer *a = &h->answer;
	if (!is_http2(h)) {
		fail(h, AT_HTTP_GARBAGE, NOT_HTTP2);
		return;
	}
	a->grpc = true;
	a->grpc_status = field(h, "grpc-status");
	a->grpc_message = field(h, "grpc-message");
	a->grpc_details = field(h, "grpc-status-details-bin");
}

static void land(struct at_http *h, CURLcode code)
{
	struct at_http_answer *a = &h->answer;
	char *type = NULL;
	/* A server may say no before it has read all. */
	bool told = h->options.grpc && field(h, "grpc-status").p;
	if (code != CURLE_OK && !told) {
		fail(h, fault_of(code)->fault, words_of(h, code));
		return;
	}
	if (h->take.in_head) {
		fail(h, AT_HTTP_BROKEN, "the answer ended within its head");
		return;
	}
	enter(h, AT_REST);
	*a = (struct at_http_answer){.fault = AT_HTTP_ANSWERED};
	curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &a->status);
	curl_easy_getinfo(h->easy, CURLINFO_CONTENT_TYPE, &type);
	a->type = at_str_c(type);
	a->body = at_str(h->take.body.p, h->take.body.n);
	a->retry_after = field(h, "Retry-After");
	if (h->options.grpc)
		land_grpc(h);
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

static void fly(struct at_http *h)
{
	check_sockets();
	if (h->epoch != state.epoch)
		fail(h, AT_HTTP_BROKEN, "the connection's descriptor was closed by the program");
	else
		perform();
}

const struct at_http_answer *at_http_step(struct at_http *h)
{
	if (h->phase == LOOKING)
		look(h);
	else if (h->phase == FLYING)
		fly(h);
	return h->phase == AT_REST ? &h->answer : NULL;
}

void at_http_wait(uint64_t timeout_ns)
{
	if (state.lookers) {
		at_lookup_wait(timeout_ns < GLANCE ? timeout_ns : GLANCE);
		return;
	}
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
	state.lookers = 0;
	at_socket_forget();
	at_lookup_after_fork();
}
