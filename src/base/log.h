/*
 * One clear line on stderr, "autotrace: PID: text\n", by one raw write. fd 2 can become somebody's
 * data file: when it is not the file it was at the start, and was not put there by dup2, nothing is
 * written. Nor is it when it is a connection to a client (inetd): a socket that is stdin too, or of
 * the internet families. No stdio, no malloc; any thread, any context; errno is kept. Lines are cut
 * at 512 bytes; foreign control characters are replaced by '?'.
 */
#ifndef AT_BASE_LOG_H
#define AT_BASE_LOG_H

#include <stdbool.h>

enum at_log_level { AT_LOG_NONE, AT_LOG_ERROR, AT_LOG_WARN, AT_LOG_INFO, AT_LOG_DEBUG };

/* Lines above this level are not written. Default AT_LOG_WARN. */
void at_log_set_level(enum at_log_level level);
enum at_log_level at_log_get_level(void);

extern enum at_log_level at_log_threshold;

/* Whether lines of this level are written: for work that only they need. */
static inline bool at_log_on(enum at_log_level level)
{
	return __builtin_expect(at_log_threshold >= level, 0);
}

/* Remembers which file stderr is, at the start inside a traced program; programs of our own may go
 * without. */
void at_log_open(void);

/* The program has put another file in its place by dup2: it is stderr from now on when it can be a
 * log, else nothing is said any more. */
void at_log_follow(void);

/* printf subset: %s %.*s %d %u %lu %llu %zu %x %c %%. */
void at_log(enum at_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
