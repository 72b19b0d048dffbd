/*
 * Two clocks, one anchor between them. Owns the anchor.
 */
#include "base/clock.h"

#include "libc/vdso.h"

static uint64_t anchor; /* Unix time minus monotonic time, ns (atomic) */

static uint64_t read_clock(clockid_t id)
{
	struct timespec t;
	at_vdso_clock(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t at_clock_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t at_clock_wall(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t at_clock_since_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

uint64_t at_clock_unix(uint64_t monotonic_ns)
{
	return monotonic_ns + __atomic_load_n(&anchor, __ATOMIC_RELAXED);
}

void at_clock_anchor(void)
{
	uint64_t wall = read_clock(CLOCK_REALTIME);
	__atomic_store_n(&anchor, wall - read_clock(CLOCK_MONOTONIC), __ATOMIC_RELAXED);
}
