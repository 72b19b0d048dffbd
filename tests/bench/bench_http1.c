/*
 * What the HTTP/1 engine costs, without any system call: nanoseconds per message, the best of
 * several rounds.
 *
 *   gcc -O2 -std=gnu11 -D_GNU_SOURCE -Isrc tests/bench/bench_http1.c build/core.a -pthread -o
 * bench_http1
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "wire/http1.h"

#define ROUNDS 15

static const char short_request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";

static const char browser_request[] =
	"GET /shop/category/shoes?sort=price&page=3 HTTP/1.1\r\n"
	"Host: www.example.com\r\n"
	"Connection: keep-alive\r\n"
	"Cache-Control: max-age=0\r\n"
	"sec-ch-ua: \"Chromium\";v=\"124\", \"Google Chrome\";v=\"124\", "
	"\"Not-A.Brand\";v=\"99\"\r\n"
	"sec-ch-ua-mobile: ?0\r\n"
	"sec-ch-ua-platform: \"Linux\"\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/124.0.0.0 Safari/537.36\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
	"Sec-Fetch-Site: same-origin\r\n"
	"Sec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-User: ?1\r\n"
	"Sec-Fetch-Dest: document\r\n"
	"Referer: https://www.example.com/shop/category/shoes?sort=price&page=2\r\n"
	"Accept-Encoding: gzip, deflate, br, zstd\r\n"
	"Accept-Language: en-US,en;q=0.9\r\n"
	"Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n"
	"\r\n";

static const char nginx_response[] = "HTTP/1.1 200 OK\r\n"
				     "Server: nginx/1.22.1\r\n"
				     "Date: Tue, 14 May 2024 10:11:12 GMT\r\n"
				     "Content-Type: text/html\r\n"
				     "Content-Length: 0\r\n"
				     "Last-Modified: Tue, 14 May 2024 09:00:00 GMT\r\n"
				     "Connection: keep-alive\r\n"
				     "ETag: \"66432f90-267\"\r\n"
				     "Accept-Ranges: bytes\r\n"
				     "\r\n";

static const char chunk[] = "400\r\n";

/* One thing to measure: a message, fed in pieces of a size. */
struct row {
	const char *name;       /* as printed */
	enum at_wire_half half; /* direction */
	const char *data;       /* the message */
	size_t n;               /* its bytes */
	size_t piece;           /* bytes per call */
	bool look;              /* look ahead before each feed */
};

static void on_begin(void *ctx)
{
	(void)ctx;
}

static enum at_http1_then on_head(void *ctx, const struct at_message *m)
{
	*(uint64_t *)ctx += m->head_bytes;
	return AT_HTTP1_THEN_BODY;
}

static void on_end(void *ctx, uint64_t body_bytes, uint64_t wire_bytes)
{
	*(uint64_t *)ctx += body_bytes + wire_bytes;
}

static const struct at_http1_sink sink = {on_begin, on_head, on_end};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void feed_once(struct at_http1 *h, const struct row *r, uint64_t *sum)
{
	struct at_http1_plan plan;
	for (size_t at = 0; at < r->n; at += r->piece) {
		size_t n = r->n - at < r->piece ? r->n - at : r->piece;
		if (r->look) {
			at_http1_look(h, r->data + at, n, 0, &plan);
			at_http1_plan_free(&plan);
		}
		at_http1_feed(h, r->data + at, n, &sink, sum);
	}
}

static void measure(const struct row *r)
{
	struct at_http1 h;
	uint64_t sum = 0, best = UINT64_MAX,
		 count = 20000000 / (r->n + 100) / (r->piece < 64 ? 10 : 1) + 100;
	at_http1_init(&h, r->half);
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t before = now_ns();
		for (uint64_t i = 0; i < count; i++)
			feed_once(&h, r, &sum);
		uint64_t took = now_ns() - before;
		best = took < best ? took : best;
	}
	if (h.messages != ROUNDS * count) {
		fprintf(stderr, "%s: %u messages instead of %llu\n", r->name, h.messages,
			(unsigned long long)(ROUNDS * count));
		exit(1);
	}
	printf("%-44s %8zu bytes %10.1f ns\n", r->name, r->n, (double)best / (double)count);
}

/* A response head and n bytes of body; chunked in pieces of 1 KiB when asked. */
static char *with_body(size_t body, bool chunked, size_t *ret_n)
{
	char *s = malloc(body * 2 + 1000);
	if (!s)
		exit(1);
	int head = chunked ? sprintf(s, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			   : sprintf(s, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", body);
	char *p = s + head;
	for (size_t left = body; chunked && left; left -= 1024) {
		p = mempcpy(p, chunk, sizeof(chunk) - 1);
		p = (char *)memset(p, 'x', 1024) + 1024;
		p = mempcpy(p, "\r\n", 2);
	}
	if (chunked)
		p = mempcpy(p, "0\r\n\r\n", 5);
	else
		p = (char *)memset(p, 'x', body) + body;
	*ret_n = (size_t)(p - s);
	return s;
}

int main(void)
{
	size_t plain_n, chunked_n;
	char *plain = with_body(1 << 20, false, &plain_n);
	char *chunked = with_body(1 << 20, true, &chunked_n);
#define TEXT(s) s, sizeof(s) - 1
	const struct row rows[] = {
		{"wrk request", AT_WIRE_REQUEST, TEXT(short_request), 65536, false},
		{"browser request", AT_WIRE_REQUEST, TEXT(browser_request), 65536, false},
		{"nginx response", AT_WIRE_RESPONSE, TEXT(nginx_response), 65536, false},
		{"browser request, looked at and fed", AT_WIRE_REQUEST, TEXT(browser_request),
		 65536, true},
		{"browser request in pieces of 300", AT_WIRE_REQUEST, TEXT(browser_request), 300,
		 false},
		{"browser request byte by byte", AT_WIRE_REQUEST, TEXT(browser_request), 1, false},
		{"1 MiB by length, calls of 64 KiB", AT_WIRE_RESPONSE, plain, plain_n, 65536,
		 false},
		{"1 MiB in chunks of 1 KiB, calls of 64 KiB", AT_WIRE_RESPONSE, chunked, chunked_n,
		 65536, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		measure(&rows[i]);
	free(plain);
	free(chunked);
	return 0;
}
