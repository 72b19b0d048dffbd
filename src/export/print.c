/*
 * See print.h. Feeds sink.c. Owns nothing but the sink.
 */
#include "export/print.h"

#include <stdlib.h>

#include "config/config.h"
#include "export/sink.h"

struct at_print {
	struct at_sink *sink;
	const struct at_resource *resource; /* of this process */
	uint64_t timeout_ms;                /* a batch may take */
};

void *at_print_open(const struct at_exporter_env *env)
{
	struct at_print *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->resource = env->resource;
	p->timeout_ms = env->config->bsp_export_timeout_ms;
	p->sink = at_sink_open(env->config);
	if (p->sink)
		return p;
	free(p);
	return NULL;
}

void at_print_begin(void *self, struct at_batch *b)
{
	(void)self;
	(void)b;
}

void at_print_close(void *self, struct at_batch *b)
{
	(void)self;
	(void)b;
}

enum at_step at_print_step(void *self, struct at_batch *b, uint64_t now, struct at_result *ret)
{
	struct at_print *p = self;
	(void)now;
	if (at_sink_write(p->sink, at_str(b->out.p, b->out.n), p->timeout_ms))
		ret->delivered = b->spans;
	else
		ret->failed = b->spans;
	return AT_STEP_DONE;
}

uint64_t at_print_next(void *self)
{
	(void)self;
	return 1;
}

const struct at_resource *at_print_resource(const void *self)
{
	const struct at_print *p = self;
	return p->resource;
}

static void digits(char *dst, uint64_t v, int n)
{
	while (n--) {
		dst[n] = (char)('0' + v % 10);
		v /= 10;
	}
}

/* The date of a day number by the Gregorian calendar, counted from 0000-03-01. */
static void put_date(char *dst, uint64_t days)
{
	uint64_t d = days + 719468;
	uint64_t era = d / 146097;
	uint64_t of_era = d % 146097;
	uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * of_year + 2) / 153;
	digits(dst, year + era * 400 + (month >= 10), 4);
	digits(dst + 5, month < 10 ? month + 3 : month - 9, 2);
	digits(dst + 8, of_year - (153 * month + 2) / 5 + 1, 2);
}

void at_print_time(char dst[AT_PRINT_TIME], uint64_t unix_ns)
{
	uint64_t us = unix_ns / 1000;
	uint64_t s = us / 1000000;
	memcpy(dst, "0000-00-00T00:00:00.000000Z", AT_PRINT_TIME);
	put_date(dst, s / 86400);
	digits(dst + 11, s / 3600 % 24, 2);
	digits(dst + 14, s / 60 % 60, 2);
	digits(dst + 17, s % 60, 2);
	digits(dst + 20, us % 1000000, 6);
}

struct at_str at_print_kind(uint8_t kind)
{
	if (kind == AT_SPAN_SERVER)
		return AT_STR("SERVER");
	return kind == AT_SPAN_CLIENT ? AT_STR("CLIENT") : AT_STR("INTERNAL");
}
