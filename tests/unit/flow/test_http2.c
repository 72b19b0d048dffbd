/*
 * HTTP/2 in the corridor: streams as spans on both sides, how they end, who made them, and the
 * changed bytes for every way in which the kernel may take them.
 */
#include "corridor.h"

#include "../wire/http2_play.h"
#include "base/counter.h"
#include "libc/libc.h"

/* ---- frames ---- */

struct bytes {
	char p[20000];
	size_t n;
};

static void add(struct bytes *b, const void *p, size_t n)
{
	assert_true(b->n + n <= sizeof(b->p));
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void frame(struct bytes *b, unsigned type, unsigned flags, uint32_t stream, const void *p,
		  size_t n)
{
	const char head[9] = {(char)(n >> 16),      (char)(n >> 8),      (char)n,
			      (char)type,           (char)flags,         (char)(stream >> 24),
			      (char)(stream >> 16), (char)(stream >> 8), (char)stream};
	add(b, head, 9);
	add(b, p, n);
}

enum { DATA, HEADERS, PRIORITY, RST, SETTINGS, PROMISE, PING, GOAWAY, WINDOW, CONTINUATION };
enum { END = 1, WHOLE = 4, PADDED = 8 };

/* A field that no table keeps. */
static size_t field(char *to, const char *name, const char *value)
{
	return at_http2_write_field(to, 4000, at_str_c(name), at_str_c(value));
}

static void request(struct bytes *b, uint32_t stream, unsigned flags, const char *method,
		    const char *path, const char *traceparent)
{
	char block[4096];
	size_t n = field(block, ":method", method);
	n += field(block + n, ":scheme", "http");
	n += field(block + n, ":path", path);
	n += field(block + n, ":authority", "h:81");
	if (traceparent)
		n += field(block + n, "traceparent", traceparent);
	frame(b, HEADERS, WHOLE | flags, stream, block, n);
}

static void answer(struct bytes *b, uint32_t stream, unsigned flags, const char *status)
{
	char block[64];
	frame(b, HEADERS, WHOLE | flags, stream, block, field(block, ":status", status));
}

/* What each side begins with. */
static void begin(struct bytes *b, bool client)
{
	b->n = 0;
	if (client)
		add(b, AT_HTTP2_PREFACE, AT_HTTP2_PREFACE_LEN);
	frame(b, SETTINGS, 0, 0, "", 0);
}

static void go(int fd, struct bytes *b)
{
	assert_int_equal(hook_write(fd, b->p, b->n), b->n);
	b->n = 0;
}

static void come(int peer, int fd, struct bytes *b)
{
	char buf[20000];
	assert_int_equal(write(peer, b->p, b->n), b->n);
	for (size_t got = 0; got < b->n;) {
		ssize_t rc = hook_read(fd, buf, sizeof(buf));
		assert_true(rc > 0);
		got += (size_t)rc;
	}
	b->n = 0;
}

static int client(int *peer)
{
	struct bytes b;
	int fd = called(peer);
	begin(&b, true);
	go(fd, &b);
	begin(&b, false);
	come(*peer, fd, &b);
	return fd;
}

static int server(int *peer)
{
	struct bytes b;
	int fd = served(peer);
	begin(&b, true);
	come(*peer, fd, &b);
	begin(&b, false);
	go(fd, &b);
	return fd;
}

static void over(int fd, int peer)
{
	closing(fd);
	close(peer);
}

static struct at_span *span_of(const char *key, const char *text)
{
	return span_with(key, text);
}

/* ---- streams as spans ---- */

static void each_stream_is_a_call_of_its_own(void **state)
{
	struct bytes b = {.n = 0};
	uint64_t known = at_counter_get(AT_COUNT_conns_http2);
	int peer, fd = client(&peer);
	(void)state;
	assert_int_equal(at_counter_get(AT_COUNT_conns_http2), known + 1);
	request(&b, 1, END, "GET", "/one?q=1", NULL);
	request(&b, 3, 0, "POST", "/two", NULL);
	go(fd, &b);
	frame(&b, DATA, END, 3, "body", 4);
	go(fd, &b);
	answer(&b, 3, 0, "404");
	answer(&b, 1, 0, "200");
	frame(&b, DATA, 0, 3, "not ", 4);
	frame(&b, DATA, END, 1, "one", 3);
	frame(&b, DATA, END, 3, "there", 5);
	come(peer, fd, &b);
	assert_int_equal(finished, 2);
	struct at_span *one = span_of("url.full", "http://h:81/one?q=1");
	struct at_span *two = span_of("url.full", "http://h:81/two");
	assert_string_equal(value(one, "http.response.status_code"), "200");
	assert_string_equal(value(two, "http.response.status_code"), "404");
	assert_string_equal(value(two, "error.type"), "404");
	assert_string_equal(value(one, "network.protocol.version"), "2");
	assert_string_equal(value(one, "server.port"), "81");
	assert_true(at_str_eq(two->name, AT_STR("POST")));
	over(fd, peer);
	assert_int_equal(finished, 2);
}

static void a_server_s_streams_are_spans(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer);
	static const char *const more[] = {"AUTOTRACE_HTTP_SIZES=true", NULL};
	(void)state;
	settings(more);
	request(&b, 1, 0, "POST", "/a?x",
		"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	request(&b, 3, END, "HEAD", "/b", NULL);
	frame(&b, DATA, PADDED, 1, "\2abc\0\0", 6);
	frame(&b, HEADERS, WHOLE | END, 1, "\0\1t\1v", 5); /* trailers */
	come(peer, fd, &b);
	answer(&b, 3, END, "200");
	answer(&b, 1, 0, "103");
	answer(&b, 1, 0, "500");
	frame(&b, DATA, 0, 1, "oh", 2);
	frame(&b, HEADERS, WHOLE | END, 1, "\0\1t\1v", 5);
	go(fd, &b);
	assert_int_equal(finished, 2);
	struct at_span *a = span_of("url.path", "/a");
	struct at_span *head = span_of("url.path", "/b");
	assert_string_equal(value(a, "url.query"), "x");
	assert_string_equal(value(a, "url.scheme"), "http");
	assert_string_equal(value(a, "server.address"), "h");
	assert_string_equal(value(a, "http.response.status_code"), "500");
	assert_string_equal(value(a, "network.protocol.version"), "2");
	assert_int_equal(a->parent_id[0], 0xb7);
	assert_int_equal(a->trace_id[0], 0x0a);
	assert_string_equal(value(head, "http.response.status_code"), "200");
	assert_true(is_root(head));
	over(fd, peer);
}

static void sizes_are_those_on_the_wire(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer);
	(void)state;
	at_boot.config.sizes = true;
	request(&b, 1, 0, "POST", "/a", NULL);
	size_t head = b.n;
	frame(&b, DATA, PADDED | END, 1, "\2abc\0\0", 6);
	size_t all = b.n;
	char text[32];
	come(peer, fd, &b);
	answer(&b, 1, 0, "200");
	frame(&b, DATA, END, 1, "12345", 5);
	size_t back = b.n;
	go(fd, &b);
	assert_int_equal(finished, 1);
	assert_string_equal(value(&spans[0], "http.request.body.size"), "3");
	snprintf(text, sizeof(text), "%zu", all);
	assert_true(all > head);
	assert_string_equal(value(&spans[0], "http.request.size"), text);
	assert_string_equal(value(&spans[0], "http.response.body.size"), "5");
	snprintf(text, sizeof(text), "%zu", back);
	assert_string_equal(value(&spans[0], "http.response.size"), text);
	over(fd, peer);
}

/* ---- ends ---- */

static const char *error_of(const char *path)
{
	for (int i = 0; i < finished; i++)
		if (strcmp(value(&spans[i], "url.path"), path) == 0 ||
		    strstr(value(&spans[i], "url.full"), path))
			return value(&spans[i], "error.type");
	fail_msg("no span of %s", path);
	return "";
}

static void resets_and_goaway_end_calls(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = client(&peer);
	(void)state;
	for (uint32_t i = 0; i < 7; i++) {
		char path[] = {'/', (char)('a' + i), '\0'};
		request(&b, 1 + 2 * i, END, "GET", path, NULL);
	}
	go(fd, &b);
	frame(&b, RST, 0, 1, "\0\0\0\7", 4);
	frame(&b, RST, 0, 3, "\0\0\0\10", 4);
	answer(&b, 5, 0, "200");
	frame(&b, GOAWAY, 0, 0, "\0\0\0\13\0\0\0\0", 8); /* streams above 11 */
	come(peer, fd, &b);
	assert_string_equal(error_of("/a"), "REFUSED_STREAM");
	assert_string_equal(error_of("/b"), "CANCEL");
	assert_string_equal(error_of("/g"), "REFUSED_STREAM");
	assert_int_equal(finished, 3);
	frame(&b, RST, 0, 5, "\0\0\0\10", 4); /* answered: given up without a failure */
	frame(&b, RST, 0, 7, "\0\0\0\10", 4);
	frame(&b, RST, 0, 9, "\0\0\0\3", 4);
	go(fd, &b);
	assert_string_equal(error_of("/c"), "");
	assert_string_equal(error_of("/d"), "abandoned");
	assert_string_equal(error_of("/e"), "FLOW_CONTROL_ERROR");
	assert_int_equal(finished, 6);
	shutdown(peer, SHUT_WR);
	char buf[16];
	assert_int_equal(hook_read(fd, buf, sizeof(buf)), 0);
	assert_string_equal(error_of("/f"), "connection_closed");
	over(fd, peer);
	assert_int_equal(finished, 7);
}

static void resets_and_the_end_close_what_is_served(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer);
	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		char path[] = {'/', (char)('a' + i), '\0'};
		request(&b, 1 + 2 * i, END, "GET", path, NULL);
	}
	frame(&b, RST, 0, 1, "\0\0\0\10", 4);
	come(peer, fd, &b);
	frame(&b, RST, 0, 3, "\0\0\0\2", 4);
	frame(&b, GOAWAY, 0, 0, "\0\0\0\5\0\0\0\0", 8);
	go(fd, &b);
	request(&b, 9, END, "GET", "/never", NULL); /* nobody works on it */
	come(peer, fd, &b);
	assert_string_equal(error_of("/a"), "CANCEL");
	assert_string_equal(error_of("/b"), "INTERNAL_ERROR");
	assert_string_equal(error_of("/d"), "REFUSED_STREAM");
	assert_int_equal(finished, 3);
	over(fd, peer);
	assert_int_equal(finished, 4);
	assert_string_equal(error_of("/c"), "connection_closed");
}

static void a_tunnel_ends_at_its_answer(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer);
	(void)state;
	request(&b, 1, 0, "CONNECT", "/chat", NULL);
	come(peer, fd, &b);
	answer(&b, 1, 0, "200");
	go(fd, &b);
	assert_int_equal(finished, 1);
	frame(&b, DATA, END, 1, "frames of another protocol", 26);
	go(fd, &b);
	assert_int_equal(finished, 1);
	assert_string_equal(value(&spans[0], "http.request.method"), "CONNECT");
	over(fd, peer);
}

static void malformed_bytes_end_the_observation_alone(void **state)
{
	struct bytes b = {.n = 0};
	uint64_t bad = at_counter_get(AT_COUNT_conns_malformed);
	int peer, fd = server(&peer);
	(void)state;
	request(&b, 1, END, "GET", "/a", NULL);
	frame(&b, CONTINUATION, 4, 1, "x", 1);
	come(peer, fd, &b);
	assert_int_equal(at_fdmap_get(fd), AT_FD_BORING);
	assert_int_equal(at_counter_get(AT_COUNT_conns_malformed), bad + 1);
	assert_int_equal(finished, 1);
	over(fd, peer);
}

static void streams_above_the_cap_are_counted(void **state)
{
	struct bytes b = {.n = 0};
	uint64_t before = at_counter_get(AT_COUNT_streams_unobserved);
	int peer, fd = server(&peer);
	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		request(&b, 1 + 2 * i, END, "GET", "/a", NULL);
		come(peer, fd, &b);
	}
	assert_int_equal(at_counter_get(AT_COUNT_streams_unobserved), before + 44);
	for (uint32_t i = 300; i-- > 0;) {
		answer(&b, 1 + 2 * i, END, "200");
		go(fd, &b);
	}
	assert_int_equal(finished, 256);
	request(&b, 601, END, "GET", "/b", NULL);
	come(peer, fd, &b);
	answer(&b, 601, END, "204");
	go(fd, &b);
	assert_string_equal(value(&spans[256], "http.response.status_code"), "204");
	over(fd, peer);
}

/* ---- beginnings ---- */

static void a_server_may_speak_first(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = served(&peer);
	(void)state;
	begin(&b, false);
	go(fd, &b);
	begin(&b, true);
	request(&b, 1, END, "GET", "/a", NULL);
	for (size_t i = 0; i < b.n; i++) {
		struct bytes one = {.n = 0};
		add(&one, b.p + i, 1);
		come(peer, fd, &one);
	}
	b.n = 0;
	answer(&b, 1, END, "200");
	go(fd, &b);
	assert_int_equal(finished, 1);
	over(fd, peer);
}

static void what_only_begins_like_the_preface_is_http1(void **state)
{
	int peer, fd = served(&peer);
	(void)state;
	comes(peer, fd, "P");
	comes(peer, fd, "OST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	goes(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(finished, 1);
	assert_true(at_str_eq(spans[0].name, AT_STR("POST")));
	over(fd, peer);
	fd = called(&peer);
	goes(fd, "P");
	goes(fd, "UT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
	comes(peer, fd, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(finished, 2);
	assert_true(at_str_eq(spans[1].name, AT_STR("PUT")));
	over(fd, peer);
}

#define UPGRADE                                                                  \
	"GET /up HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\n" \
	"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
#define GRANTED "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"

static void an_upgrade_goes_on_as_stream_1(void **state)
{
	(void)state;
	for (int role = 0; role < 2; role++) {
		struct bytes b = {.n = 0};
		int peer, fd = role ? called(&peer) : served(&peer);
		finished = 0;
		if (role)
			goes(fd, UPGRADE);
		else
			comes(peer, fd, UPGRADE);
		/* The answer's first frames come with the 101. */
		add(&b, GRANTED, strlen(GRANTED));
		frame(&b, SETTINGS, 0, 0, "", 0);
		answer(&b, 1, 0, "202");
		if (role)
			come(peer, fd, &b);
		else
			go(fd, &b);
		assert_int_equal(finished, 0);
		begin(&b, true);
		request(&b, 3, END, "GET", "/next", NULL);
		if (role)
			go(fd, &b);
		else
			come(peer, fd, &b);
		answer(&b, 3, END, "203");
		frame(&b, DATA, END, 1, "x", 1);
		if (role)
			come(peer, fd, &b);
		else
			go(fd, &b);
		assert_int_equal(finished, 2);
		assert_string_equal(value(&spans[0], "http.response.status_code"), "203");
		assert_string_equal(value(&spans[1], "http.response.status_code"), "202");
		over(fd, peer);
	}
}

/* ---- who made them ---- */

static void call_over(int fd, int peer, uint32_t stream, const char *path)
{
	struct bytes b = {.n = 0};
	request(&b, stream, END, "GET", path, NULL);
	go(fd, &b);
	answer(&b, stream, END, "200");
	come(peer, fd, &b);
}

static void a_call_belongs_to_the_one_request_that_was_read(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer), there, out = client(&there);
	(void)state;
	request(&b, 1, END, "GET", "/in", NULL);
	come(peer, fd, &b);
	call_over(out, there, 1, "/out");
	answer(&b, 1, END, "200");
	go(fd, &b);
	assert_true(is_child(span_of("url.full", "http://h:81/out"), span_of("url.path", "/in")));
	over(fd, peer);
	over(out, there);
}

/* Two requests in one read, and a call: whose it is nobody knows. */
static void with_two_requests_in_a_read_nobody_is_parent(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer), there, out = client(&there);
	(void)state;
	for (int looped = 0; looped < 2; looped++) {
		finished = 0;
		if (looped)
			at_shore_wait(true);
		request(&b, 1 + 4 * looped, looped ? 0 : END, "POST", "/a", NULL);
		request(&b, 3 + 4 * looped, looped ? 0 : END, "POST", "/b", NULL);
		come(peer, fd, &b);
		call_over(out, there, 1 + 2 * looped, "/out");
		answer(&b, 1 + 4 * looped, END, "200");
		answer(&b, 3 + 4 * looped, END, "200");
		go(fd, &b);
		assert_int_equal(finished, 3);
		assert_true(is_root(span_of("url.full", "http://h:81/out")));
	}
	over(fd, peer);
	over(out, there);
}

/* Two calls at once on a connection: whose they are nobody knows, then and later. */
static void a_shared_connection_tells_nothing(void **state)
{
	struct bytes b = {.n = 0};
	int peer, fd = server(&peer), there, out = client(&there);
	(void)state;
	request(&b, 1, END, "GET", "/in", NULL);
	come(peer, fd, &b);
	request(&b, 1, END, "GET", "/x", NULL);
	request(&b, 3, END, "GET", "/y", NULL);
	go(out, &b);
	answer(&b, 1, END, "200");
	answer(&b, 3, END, "200");
	come(there, out, &b);
	call_over(out, there, 5, "/z");
	answer(&b, 1, END, "200");
	go(fd, &b);
	assert_true(is_root(span_of("url.full", "http://h:81/x")));
	assert_true(is_root(span_of("url.full", "http://h:81/y")));
	assert_true(is_root(span_of("url.full", "http://h:81/z")));
	over(fd, peer);
	over(out, there);
}

/* ---- changed bytes ---- */

/* All that the client's side wrote. */
static size_t all_of(int fd, int peer, char *to, size_t room)
{
	size_t n = 0;
	shutdown(fd, SHUT_WR);
	for (ssize_t rc; (rc = read(peer, to + n, room - n)) > 0;)
		n += (size_t)rc;
	return n;
}

static void the_context_leaves_with_each_request(void **state)
{
	static struct bytes b;
	static struct play got;
	static char all[20000];
	int peer, fd = called(&peer);
	(void)state;
	begin(&b, true);
	for (uint32_t i = 0; i < 40; i++)
		request(&b, 1 + 2 * i, END, "GET", "/a", NULL);
	go(fd, &b);
	size_t n = all_of(fd, peer, all, sizeof(all));
	play(&got, AT_WIRE_REQUEST, all, n, n, n);
	int with = 0;
	for (const char *p = got.text; (p = strstr(p, " traceparent:1")); p++)
		with++;
	assert_int_equal(with, 40);
	over(fd, peer);
	assert_int_equal(finished, 40);
}

static void an_application_s_own_context_is_kept(void **state)
{
	struct bytes b, sent;
	char all[2000];
	int peer, fd = called(&peer);
	(void)state;
	begin(&b, true);
	request(&b, 1, END, "GET", "/a", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
	sent = b;
	go(fd, &b);
	assert_int_equal(all_of(fd, peer, all, sizeof(all)), sent.n);
	assert_memory_equal(all, sent.p, sent.n);
	over(fd, peer);
	assert_int_equal(finished, 0);
}

/* What came with a request and is passed on is written over where it stands. */
static void a_context_passed_on_is_written_over(void **state)
{
	static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	struct bytes b = {.n = 0};
	static struct bytes sent;
	char all[2000];
	int peer, fd = server(&peer), there, out = called(&there);
	(void)state;
	request(&b, 1, END, "GET", "/in", parent);
	come(peer, fd, &b);
	begin(&b, true);
	request(&b, 1, END, "GET", "/out", parent);
	sent = b;
	go(out, &b);
	assert_int_equal(all_of(out, there, all, sizeof(all)), sent.n);
	size_t differ = 0, first = 0;
	for (size_t i = sent.n; i-- > 0;)
		if (all[i] != sent.p[i]) {
			differ++;
			first = i;
		}
	assert_true(differ > 3 && differ <= 16);
	assert_true(first >= sent.n - 19);
	over(out, there);
	answer(&b, 1, END, "200");
	go(fd, &b);
	assert_true(is_child(span_of("url.full", "http://h:81/out"), span_of("url.path", "/in")));
	over(fd, peer);
}

static void limits_of_the_peer_are_kept(void **state)
{
	struct bytes b, sent;
	static char all[40000], big[16400];
	uint64_t skipped = at_counter_get(AT_COUNT_inject_skipped);
	int peer, fd = called(&peer);
	(void)state;
	begin(&b, true);
	go(fd, &b);
	memset(big, 'p', sizeof(big));
	size_t n = 0;
	char block[16400];
	memcpy(block, "\x82\x86\x84\x00\x01x\x7f\x81\x7e", 9);
	n = 9 + 16256;
	memcpy(block + 9, big, 16256);
	frame(&b, HEADERS, WHOLE | END, 1, block, n + (size_t)0);
	sent = b;
	go(fd, &b);
	b.n = 0;
	frame(&b, SETTINGS, 0, 0, "\0\6\0\0\0\x80", 6); /* a list of 128 bytes */
	come(peer, fd, &b);
	request(&b, 3, END, "GET", "/", NULL);
	add(&sent, b.p, b.n);
	go(fd, &b);
	n = all_of(fd, peer, all, sizeof(all));
	/* The first is too long for the frame by then: 16,265 + 71 is not, the second has no room.
	 */
	assert_true(n >= sent.n);
	assert_int_equal(at_counter_get(AT_COUNT_inject_skipped) - skipped, 1);
	over(fd, peer);
}

/* ---- what the kernel takes ---- */

static ssize_t (*true_sendmsg)(int fd, const struct msghdr *msg, int flags);
static size_t first_takes, then_takes; /* bytes of each write */
static unsigned writes;                /* so far */

/* Takes no more than it should, and every third time nothing. */
static ssize_t little(int fd, const struct msghdr *msg, int flags)
{
	size_t limit = writes++ ? then_takes : first_takes;
	struct msghdr part = *msg;
	struct iovec iov[64];
	if (!limit || (then_takes < 100 && writes % 3 == 0)) {
		errno = EAGAIN;
		return -1;
	}
	part.msg_iov = iov;
	part.msg_iovlen = 0;
	for (size_t i = 0; i < msg->msg_iovlen && limit && i < 64; i++) {
		iov[i] = msg->msg_iov[i];
		if (iov[i].iov_len > limit)
			iov[i].iov_len = limit;
		limit -= iov[i].iov_len;
		part.msg_iovlen++;
	}
	return true_sendmsg(fd, &part, flags);
}

static ssize_t little_write(int fd, const char *p, size_t n)
{
	struct iovec iov = {(void *)p, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct at_edits *edits = at_shore_plan(fd, &iov);
	ssize_t rc = edits ? at_shore_send(fd, &iov, 1, NULL, 0, edits) : little(fd, &msg, 0);
	int saved = errno;
	at_shore_wrote(fd, &iov, 1, rc);
	errno = saved;
	return rc;
}

/* Three requests, one of them padded, as a program sends them that goes on where it was told. */
static void play_little(struct bytes *b)
{
	static char all[20000];
	static struct play got;
	int peer, fd = called(&peer);
	writes = 0;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (size_t at = 0; at < b->n;) {
		ssize_t rc = little_write(fd, b->p + at, b->n - at);
		assert_true(rc > 0 || (rc < 0 && errno == EAGAIN));
		at += rc > 0 ? (size_t)rc : 0;
		assert_true(writes < 5000);
	}
	size_t n = all_of(fd, peer, all, sizeof(all));
	play(&got, AT_WIRE_REQUEST, all, n, n, n);
	if (!strstr(got.text, "block 1 ends") || !strstr(got.text, "data 3 bytes=4") ||
	    !strstr(got.text, "block 5 ends") || strstr(got.text, "stop"))
		fail_msg("%zu, then %zu: %s", first_takes, then_takes, got.text);
	over(fd, peer);
	assert_int_equal(finished, 3);
	finished = 0;
}

static void every_way_in_which_the_kernel_takes_them(void **state)
{
	static struct bytes b;
	char block[200];
	(void)state;
	true_sendmsg = at_libc.sendmsg;
	begin(&b, true);
	request(&b, 1, END, "GET", "/a", NULL);
	block[0] = 3;
	size_t n = 1 + field(block + 1, ":method", "POST");
	n += field(block + n, ":path", "/b");
	memset(block + n, 0, 3);
	frame(&b, HEADERS, WHOLE | PADDED, 3, block, n + 3);
	frame(&b, DATA, END, 3, "data", 4);
	request(&b, 5, END, "GET", "/c", NULL);
	at_libc.sendmsg = little;
	then_takes = 100000;
	for (first_takes = 0; first_takes < b.n + 220; first_takes++)
		play_little(&b);
	for (then_takes = 1; then_takes < 40; then_takes++) {
		first_takes = then_takes;
		play_little(&b);
		first_takes = 40;
		play_little(&b);
	}
	at_libc.sendmsg = true_sendmsg;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_stream_is_a_call_of_its_own, clean_corridor),
		cmocka_unit_test_setup(a_server_s_streams_are_spans, clean_corridor),
		cmocka_unit_test_setup(sizes_are_those_on_the_wire, clean_corridor),
		cmocka_unit_test_setup(resets_and_goaway_end_calls, clean_corridor),
		cmocka_unit_test_setup(resets_and_the_end_close_what_is_served, clean_corridor),
		cmocka_unit_test_setup(a_tunnel_ends_at_its_answer, clean_corridor),
		cmocka_unit_test_setup(malformed_bytes_end_the_observation_alone, clean_corridor),
		cmocka_unit_test_setup(streams_above_the_cap_are_counted, clean_corridor),
		cmocka_unit_test_setup(a_server_may_speak_first, clean_corridor),
		cmocka_unit_test_setup(what_only_begins_like_the_preface_is_http1, clean_corridor),
		cmocka_unit_test_setup(an_upgrade_goes_on_as_stream_1, clean_corridor),
		cmocka_unit_test_setup(a_call_belongs_to_the_one_request_that_was_read,
				       clean_corridor),
		cmocka_unit_test_setup(with_two_requests_in_a_read_nobody_is_parent,
				       clean_corridor),
		cmocka_unit_test_setup(a_shared_connection_tells_nothing, clean_corridor),
		cmocka_unit_test_setup(the_context_leaves_with_each_request, clean_corridor),
		cmocka_unit_test_setup(an_application_s_own_context_is_kept, clean_corridor),
		cmocka_unit_test_setup(a_context_passed_on_is_written_over, clean_corridor),
		cmocka_unit_test_setup(limits_of_the_peer_are_kept, clean_corridor),
		cmocka_unit_test_setup(every_way_in_which_the_kernel_takes_them, clean_corridor),
	};
	return cmocka_run_group_tests(tests, start_corridor, NULL);
}
