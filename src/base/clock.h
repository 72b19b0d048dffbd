/*
 * Time. Spans are measured on the monotonic clock and told in Unix time by one anchor per process,
 * so a step of the wall clock never bends a duration. All of it is the kernel's time, also where
 * the program is given another by a preload. Any thread, any context.
 */
#ifndef AT_BASE_CLOCK_H
#define AT_BASE_CLOCK_H

#include <stdint.h>

/* An instant that does not come. */
#define AT_CLOCK_NEVER UINT64_MAX

/* Nanoseconds on CLOCK_MONOTONIC. */
uint64_t at_clock_now(void);

/* Nanoseconds on CLOCK_REALTIME: Unix time, as it stands now. */
uint64_t at_clock_wall(void);

/* Nanoseconds on CLOCK_BOOTTIME. */
uint64_t at_clock_since_boot(void);

/* Unix time in nanoseconds of a monotonic instant. */
uint64_t at_clock_unix(uint64_t monotonic_ns);

/* Takes the anchor (CLOCK_REALTIME - CLOCK_MONOTONIC) anew: at start, and now and then by the
 * exporter's thread so that it follows the wall clock. */
void at_clock_anchor(void);

#endif
