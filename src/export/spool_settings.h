/*
 * The settings that travel with a spool file: what later delivery needs to treat the spans as the
 * process itself would have (whose they are, what is redacted, how routes are named). No secrets.
 */
#ifndef AT_EXPORT_SPOOL_SETTINGS_H
#define AT_EXPORT_SPOOL_SETTINGS_H

#include "base/bytes.h"

struct at_config;

/* Writes NAME=VALUE, each with its NUL, for what is not empty; *ret_n are the bytes. False: there
 * is not enough room. Hook context: no malloc. */
bool at_spool_settings_write(const struct at_config *c, char *dst, size_t room, size_t *ret_n);

/* The settings back as a configuration; texts go to the arena (`room` bytes), which must live as
 * long as *c. Everything that is not among them has its default. */
void at_spool_settings_load(struct at_str settings, struct at_config *c, char *arena, size_t room);

/* The path of the executable that wrote them, or empty. */
struct at_str at_spool_settings_executable(struct at_str settings);

#endif
