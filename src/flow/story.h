/*
 * The story of each connection, for people who set AUTOTRACE_LOG_LEVEL=debug: one line for each
 * step, "fd 7: …", at most AT_STORY_MAX in a second. Otherwise a step costs one comparison that
 * never holds. Query strings, credentials and bodies are never shown. Any thread, any context.
 */
#ifndef AT_FLOW_STORY_H
#define AT_FLOW_STORY_H

#include "base/log.h"
#include "conn/conn.h"
#include "flow/exchange.h"
#include "wire/message.h"

/* Lines in a second; further ones are left out and counted in a line of their own. */
#define AT_STORY_MAX 500

/* Tells a step of a connection in the words of at_log. */
#define AT_STORY(fd, format, ...)                                                    \
	do {                                                                         \
		if (at_log_on(AT_LOG_DEBUG) && at_story_turn())                      \
			at_log(AT_LOG_DEBUG, "fd %d: " format, (fd), ##__VA_ARGS__); \
	} while (0)

/* Whether one more line may be written in this second. */
bool at_story_turn(void);

/* The steps that need more than a line of code; call them when at_log_on(AT_LOG_DEBUG). Lock held.
 * `what` has happened with this peer. */
void at_story_peer(int fd, struct at_conn *c, const char *what);
/* The observation has ended at these bytes; `counter`: as what it is counted. */
void at_story_over(int fd, unsigned counter);
/* The head of a request: who caused it, and whether a span is made of it. */
void at_story_request(int fd, const struct at_exchange *x, const struct at_message *m);
/* It has ended; `refused`: its span found no place. */
void at_story_end(const struct at_exchange *x, const char *error_type, bool refused);

#endif
