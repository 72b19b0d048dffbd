/*
 * What a span costs the exporter's thread.
 *
 *   bench_export            nanoseconds per span of each stage, and of protobuf-c for comparison
 *   bench_export SPANS      sends that many spans to a sink on this machine, the exporter's thread
 *                           alone on core 0, producer and sink on core 1: spans per second, and CPU
 *   bench_export SPANS RATE as above, but RATE spans a second are finished and none waits for room:
 *                           how many are dropped
 *
 * Configured by the environment like the library.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/ring.h"
#include "config/config.h"
#include "export/export.h"
#include "export/otlp_encode.h"
#include "export/otlp_frame.h"
#include "libc/libc.h"
#include "processor/chain.h"
#include "support/reference.h"
#include "support/sample.h"
#include "trace/resource.h"

#define BATCH  512u
#define ROUNDS 400u
#define RECORD 2048u

static struct at_config config;
static char arena[AT_CONFIG_ARENA];
static char records[BATCH][RECORD];
static size_t sizes[BATCH];
static struct at_out out = {.cap = 64u << 20};
static struct at_otlp_frame frame;
static struct at_chain chain;
static struct at_span span;

/* ---- stages ---- */

enum stage { READ, PROCESS, ENCODE, ENCODE_PROTOBUF_C };

static void encode_reference(const struct at_span *s)
{
	static struct reference r;
	reference_make(&r, s);
	size_t n = protobuf_c_message_get_packed_size(&r.span.base);
	char *p = at_out_place(&out, n + 4);
	protobuf_c_message_pack(&r.span.base, (uint8_t *)p);
	out.n += n;
}

static void run_batch(enum stage last)
{
	at_out_reset(&out, SIZE_MAX);
	at_otlp_begin(&frame, &out);
	for (unsigned i = 0; i < BATCH; i++) {
		if (!at_span_read(&span, records[i], sizes[i]))
			abort();
		if (last >= PROCESS)
			at_chain_run(&chain, &span);
		if (last == ENCODE)
			at_otlp_add(&out, &span);
		if (last == ENCODE_PROTOBUF_C)
			encode_reference(&span);
	}
	if (last == ENCODE)
		at_otlp_close(&frame, &out);
}

static void measure(const char *name, enum stage last)
{
	double best = 1e9;
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t before = at_clock_now();
		run_batch(last);
		double took = (double)(at_clock_now() - before) / BATCH;
		best = took < best ? took : best;
	}
	printf("%-52s %8.0f ns/span\n", name, best);
}

static void measure_ring(void)
{
	struct at_ring ring;
	struct sample s;
	double best = 1e9;
	sample_make(&s, 1, NULL);
	if (!at_ring_init(&ring, 2u << 20, 2048))
		abort();
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t before = at_clock_now();
		for (unsigned i = 0; i < BATCH; i++) {
			void *p = at_ring_reserve(&ring, at_record_size(&s.head));
			sample_record(&s, p);
			at_ring_commit(&ring, p);
		}
		double took = (double)(at_clock_now() - before) / BATCH;
		best = took < best ? took : best;
		size_t n;
		while (at_ring_peek(&ring, &n))
			at_ring_release(&ring);
	}
	printf("%-52s %8.0f ns/span\n", "a producer: record into the ring", best);
}

static void measure_stages(void)
{
	struct at_resource_user user = {.service_name = config.service_name};
	bool bad;
	for (unsigned i = 0; i < BATCH; i++) {
		struct sample s;
		sample_make(&s, i, NULL);
		sizes[i] = sample_record(&s, records[i]);
	}
	at_chain_open(&chain, &config);
	at_otlp_frame_open(&frame, at_resource_build(&user, &bad));
	measure_ring();
	measure("the worker: record read", READ);
	measure("  + redacted, route found", PROCESS);
	measure("  + encoded", ENCODE);
	measure("  + encoded by protobuf-c instead", ENCODE_PROTOBUF_C);
	printf("%-52s %8zu bytes\n", "a span in the body", out.n / BATCH);
}

/* ---- throughput ---- */

static void pin(unsigned core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fprintf(stderr, "bench_export: cannot use core %u alone\n", core);
}

/* Reads requests and answers each with an empty 200; counts nothing. */
static void serve(int listener)
{
	static char buf[1 << 18];
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	int fd = accept(listener, NULL, NULL);
	size_t have = 0;
	size_t body = 0;
	for (;;) {
		ssize_t n = recv(fd, buf + have, sizeof(buf) - 1 - have, 0);
		if (n <= 0)
			_exit(0);
		have += (size_t)n;
		while (have) {
			size_t take = body < have ? body : have;
			body -= take;
			memmove(buf, buf + take, have - take);
			have -= take;
			if (take && !body && send(fd, answer, sizeof(answer) - 1, 0) < 0)
				_exit(0);
			buf[have] = 0;
			char *end = have && !body ? strstr(buf, "\r\n\r\n") : NULL;
			char *length = end ? strcasestr(buf, "content-length:") : NULL;
			if (!length)
				break;
			body = strtoul(length + 15, NULL, 10);
			take = (size_t)(end + 4 - buf);
			memmove(buf, buf + take, have - take);
			have -= take;
		}
	}
}

static pid_t start_sink(unsigned *ret_port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(fd, (struct sockaddr *)&a, n) || listen(fd, 4) ||
	    getsockname(fd, (struct sockaddr *)&a, &n))
		abort();
	*ret_port = ntohs(a.sin_port);
	pid_t pid = fork();
	if (pid == 0) {
		pin(1);
		serve(fd);
	}
	close(fd);
	return pid;
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double cpu(int who)
{
	struct rusage r;
	getrusage(who, &r);
	return seconds(r.ru_utime) + seconds(r.ru_stime);
}

static bool offer(const struct sample *s)
{
	return at_export_offer(&s->head, s->name, s->state, s->attrs.p, NULL);
}

/* Finishes spans; rate 0: as many as there is room for. */
static void produce(unsigned long count, unsigned long rate)
{
	struct sample s;
	uint64_t start = at_clock_now();
	sample_make(&s, 1, NULL);
	for (unsigned long i = 0; i < count; i++) {
		s.head.span_id[0] = (uint8_t)(i | 1);
		while (!offer(&s) && !rate) {
			at_counter_add(AT_COUNT_spans_finished, (uint64_t)-1);
			at_counter_add(AT_COUNT_drop_queue_full, (uint64_t)-1);
			usleep(100);
		}
		while (rate && (double)(at_clock_now() - start) < (double)i * 1e9 / (double)rate)
			usleep(200);
	}
}

static void measure_throughput(unsigned long count, unsigned long rate)
{
	struct sample s;
	pin(0);
	sample_make(&s, 0, NULL);
	offer(&s);
	pin(1);
	usleep(50000);
	double own = cpu(RUSAGE_THREAD);
	double all = cpu(RUSAGE_SELF);
	uint64_t before = at_clock_now();
	produce(count, rate);
	if (at_export_flush(30000) != 0)
		printf("not everything was delivered\n");
	double took = (double)(at_clock_now() - before) / 1e9;
	double worker = cpu(RUSAGE_SELF) - all - (cpu(RUSAGE_THREAD) - own);
	printf("%-52s %8.0f spans/s\n", "delivered", (double)(count + 1) / took);
	printf("%-52s %8.0f ns/span\n", "CPU of the exporter's thread",
	       worker * 1e9 / (double)count);
	printf("%-52s %8.1f %%\n", "its share of a core", 100 * worker / took);
	printf("%-52s %8lu of %lu\n", "dropped", (unsigned long)at_counter_lost(), count + 1);
}

int main(int argc, char **argv)
{
	unsigned port;
	char url[64];
	at_libc_resolve();
	at_clock_anchor();
	if (argc < 2) {
		at_config_load(&config, (const char *const *)environ, arena, sizeof(arena));
		measure_stages();
		return 0;
	}
	pid_t sink = start_sink(&port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url, 1);
	at_config_load(&config, (const char *const *)environ, arena, sizeof(arena));
	at_export_boot(&config);
	measure_throughput(strtoul(argv[1], NULL, 10), argc > 2 ? strtoul(argv[2], NULL, 10) : 0);
	kill(sink, SIGTERM);
	waitpid(sink, NULL, 0);
	return 0;
}
