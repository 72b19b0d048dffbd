/*
 * Random numbers for ids: xoshiro256** per thread, seeded by getrandom, seeded anew after fork. Not
 * for secrets. Any thread, any context.
 */
#ifndef AT_BASE_ENTROPY_H
#define AT_BASE_ENTROPY_H

#include <stdint.h>

uint64_t at_entropy_u64(void);

/* In a forked child: every thread's generator is seeded anew before its next number. */
void at_entropy_after_fork(void);

#endif
