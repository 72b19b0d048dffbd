/*
 * A file, stdout or stderr as a destination of text. The worker's thread, but for boot and fork.
 */
#ifndef AT_EXPORT_SINK_H
#define AT_EXPORT_SINK_H

#include "base/bytes.h"

struct at_config;
struct at_sink;

/* Whether an exporter prints: then stdout, stderr or a file of the program's table is written to.
 */
bool at_sink_is_the_programs(const struct at_config *c);

/* In the constructor: keeps a private copy of stdout or stderr, or the working directory for a
 * relative path, when an exporter writes there. */
void at_sink_boot(const struct at_config *c);

/* Opens what the configuration names; NULL when it cannot (it has said why). */
struct at_sink *at_sink_open(const struct at_config *c);

/* Writes everything, whole lines together where the destination may be shared. Waits timeout_ms at
 * most (0: no limit) for one that does not take it. False when something was not written. */
bool at_sink_write(struct at_sink *s, struct at_str text, uint64_t timeout_ms);

/* In a forked child: closes the files that the parent's thread had opened. */
void at_sink_after_fork(void);

#endif
