/*
 * What the machine says about this process: process.*, host.*, os.*, container.*. Runs on the
 * exporter's thread; reads a handful of small files, none of which has to be there.
 */
#ifndef AT_TRACE_DETECT_H
#define AT_TRACE_DETECT_H

#include "trace/resource.h"

/* Where detectors look and what they found out for each other. */
struct at_detect {
	const char *root;         /* put before each path; "" but in tests */
	struct at_str command;    /* argv[0], or empty: /proc/self/cmdline */
	struct at_resource *into; /* attributes go here (at_resource_set) */
	bool in_container;        /* set by the container detector, read by the host's */
};

/* All of them; then service.name from the executable's name. */
void at_detect_all(struct at_detect *d);

/* One attribute each group. */
void at_detect_process(struct at_detect *d);   /* detect_process.c */
void at_detect_container(struct at_detect *d); /* detect_container.c */

/* process.executable.*, process.runtime.name and the fallback for service.name, from the path of an
 * executable (may be empty). */
void at_detect_names(struct at_detect *d, struct at_str path); /* detect_process.c */

/* Reads at most cap - 1 bytes of root + path into buf, NUL-terminated. Returns the length, 0 when
 * there is nothing to read. */
size_t at_detect_read(const struct at_detect *d, const char *path, char *buf, size_t cap);

/* Whether root + path is there. */
bool at_detect_exists(const struct at_detect *d, const char *path);

/* Sets text and number attributes, copied; empty text sets nothing. */
void at_resource_set(struct at_resource *r, const char *key, struct at_str value);
void at_resource_set_int(struct at_resource *r, const char *key, int64_t value);

#endif
