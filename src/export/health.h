/*
 * How a destination does, told to the user only when it changes: one line when it fails, one when
 * it works again; of one that goes to and fro, a line every ten seconds. While the program ends
 * nothing is said here; the first trouble is kept for the line at the end. The worker's thread, but
 * for at_health_trouble.
 */
#ifndef AT_EXPORT_HEALTH_H
#define AT_EXPORT_HEALTH_H

#include "base/bytes.h"

/* States beside these are HTTP status codes, or AT_HEALTH_GRPC and a status code of gRPC. */
#define AT_HEALTH_GOOD        0
#define AT_HEALTH_UNREACHABLE 1
#define AT_HEALTH_PARTIAL     2
#define AT_HEALTH_GRPC        1000

struct at_health {
	const char *name;    /* of the exporter; static */
	const bool *exiting; /* the program ends (atomic) */
	long state;          /* AT_HEALTH_…, or as said there */
	uint64_t failures;   /* since it was last good */
	uint64_t told_at;    /* when the last warning was written, monotonic ns; 0: never */
	uint64_t untold;     /* changes to a bad state since then */
	bool told;           /* the user knows of the present state */
	char where[160];     /* the destination, without credentials */
};

/* A destination that is well; `where` is cut to what fits. */
void at_health_open(struct at_health *h, const char *name, struct at_str where,
		    const bool *exiting);

/* What the latest batch met; text (may be empty) says more. */
void at_health_set(struct at_health *h, long state, const char *text);

/* The trouble met while the program ended, for people, or NULL. Any thread. */
const char *at_health_trouble(void);

/* In a forked child. */
void at_health_after_fork(void);

#endif
