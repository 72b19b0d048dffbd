/*
 * This process's spool file: the memory of the queue's ring as a file that outlives the process.
 * Whoever holds a lock (flock) on the file owns it. Ours hangs on the mapping, so it needs no
 * descriptor and ends exactly when this process's memory does: at exit, at exec, by SIGKILL.
 */
#ifndef AT_EXPORT_SPOOL_H
#define AT_EXPORT_SPOOL_H

#include "export/spool_file.h"

struct at_config;
struct at_resource;

/* Makes the file and returns its zeroed ring of ring_bytes (a power of two). NULL: it cannot be,
 * which was said in one line; then it is not tried again, also not in children. Hook context: raw
 * system calls, no malloc; takes a descriptor for a moment. One thread at a time. */
void *at_spool_create(const struct at_config *c, uint64_t ring_bytes);

/* Whether there is a file, and it is this process's: a child that was forked past our handlers sees
 * its parent's memory and must not touch it. */
bool at_spool_is_ours(void);

/* The seal of a record; any thread. */
uint64_t at_spool_seal(uint64_t position, const void *record, size_t n);

/* Notes that all before `position` is settled; then that it is zeroed, before producers may have
 * the room. The exporter's thread. */
void at_spool_mark(uint64_t position);
void at_spool_wiped(uint64_t position);

/* Notes that a batch that ends at `position` is about to be sent. The exporter's thread. */
void at_spool_flight(uint64_t position);

/* Writes the resource down, once known. The exporter's thread. */
void at_spool_describe(const struct at_resource *r);
bool at_spool_described(void);

/* The instance id that the file was given. */
const uint8_t *at_spool_instance(void);

/* Takes the file away: everything in it is settled, and the process ends. */
void at_spool_remove(void);

/* In a forked child: its memory no longer shows the parent's file. */
void at_spool_after_fork(void);

#endif
