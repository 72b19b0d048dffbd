/*
 * When to send again, by the rules of OTLP/HTTP and OTLP/gRPC (failures, throttling). Pure.
 */
#ifndef AT_EXPORT_RETRY_H
#define AT_EXPORT_RETRY_H

#include "export/http.h"

enum at_retry {
	AT_RETRY_NONE,  /* delivered: a 2xx */
	AT_RETRY_AGAIN, /* the same batch may be sent again later */
	AT_RETRY_NEVER  /* the batch is to be dropped */
};

enum at_retry at_retry_judge(const struct at_http_answer *a);

/* Nanoseconds that a Retry-After value asks for (RFC 9110: seconds, or a date in one of the three
 * HTTP forms), 0 when there is none or it is malformed. unix_now in seconds. At most an hour. */
uint64_t at_retry_after(struct at_str value, int64_t unix_now);

/* Nanoseconds that an answer asks for, by Retry-After or gRPC's RetryInfo; 0: it does not. */
uint64_t at_retry_asked(const struct at_http_answer *a, int64_t unix_now);

/* Nanoseconds to wait before attempt `attempt` (1: the second one): 1 s, growing by half up to 5 s,
 * each changed by up to a fifth as `random` says. */
uint64_t at_retry_backoff(unsigned attempt, uint64_t random);

#endif
