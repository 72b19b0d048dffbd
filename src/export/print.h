/*
 * What the exporters that print have in common: a batch is text that goes to a sink in one step.
 * The worker's thread only.
 */
#ifndef AT_EXPORT_PRINT_H
#define AT_EXPORT_PRINT_H

#include "export/exporter.h"

/* State of a printing exporter. */
struct at_print;

/* at_exporter_ops: open, step, next; begin and close for text that needs none. */
void *at_print_open(const struct at_exporter_env *env);
void at_print_begin(void *self, struct at_batch *b);
void at_print_close(void *self, struct at_batch *b);
enum at_step at_print_step(void *self, struct at_batch *b, uint64_t now, struct at_result *ret);
uint64_t at_print_next(void *self);

const struct at_resource *at_print_resource(const void *self);

/* "2026-11-21T12:54:55.123456Z" (27 bytes) of Unix nanoseconds. */
#define AT_PRINT_TIME 27
void at_print_time(char dst[AT_PRINT_TIME], uint64_t unix_ns);

/* "SERVER", "CLIENT" or "INTERNAL". */
struct at_str at_print_kind(uint8_t kind);

#endif
