/*
 * Internal inconsistencies. The first one turns tracing off in this process, for good: whoever
 * would observe something asks at_fault_raised() and leaves it alone. The program runs on. What was
 * finished before is still delivered, as far as it can be read.
 */
#ifndef AT_BASE_FAULT_H
#define AT_BASE_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum at_fault {
#define AT_FAULT(name, text) AT_FAULT_##name,
#include "base/fault.def"
#undef AT_FAULT
	AT_FAULTS
};

extern uint32_t at_fault_word;

/* Whether something was found to be wrong in this process. */
static inline bool at_fault_raised(void)
{
	return __builtin_expect(__atomic_load_n(&at_fault_word, __ATOMIC_RELAXED) != 0, false);
}

/* Something is wrong: counts it; the first time also says so in one line and on the notice board.
 * Any thread, any context; errno is kept. */
void at_fault(enum at_fault which);

#endif
