/*
 * What can be said of one process that is, or should be, traced: as one JSON object, from which the
 * report for people is printed too. For the programs; one thread.
 */
#ifndef AT_CLI_GLANCE_H
#define AT_CLI_GLANCE_H

#include "cli/peek.h"
#include "cli/process.h"

#include <jansson.h>

/*
 * All that is known of process pid; never NULL, the caller gives it up with json_decref. library:
 * --lib, or NULL. Its members: pid, program, command, user; traced (whether it is at this moment),
 * state (why, or why not, in words), hints (list of sentences: what to do about it); and, when its
 * board could be read, version, library, service, settings, warnings, connections, requests,
 * parents, spans, exporter, memory, counters.
 */
json_t *at_glance(pid_t pid, const char *library);

/* The same in short for a list: NULL when the library is not mapped in pid or there is no such
 * process. *hidden is counted up when that cannot be told. */
json_t *at_glance_brief(pid_t pid, unsigned *hidden);

/* Unsigned members of objects: at_glance_number(glance, "spans", "lost"); 0 when there is none. */
uint64_t at_glance_number(const json_t *glance, const char *object, const char *member);

#endif
