/*
 * Words to valgrind, which may run the program: memcheck is not to report what we do on purpose
 * with memory that nobody may have written. On a real processor they are six instructions without
 * effect; the sequence is valgrind's, as is the request's number
 * (VALGRIND_DISABLE_ERROR_REPORTING).
 */
#ifndef AT_BASE_MEMCHECK_H
#define AT_BASE_MEMCHECK_H

#include <stdint.h>

/* level 1: nothing is reported of this thread from here; -1: it is again. They nest. */
static inline void at_memcheck_quiet(int64_t level)
{
	volatile uint64_t request[6] = {0x1801, (uint64_t)level, 0, 0, 0, 0};
	uint64_t answer = 0;
	__asm__ volatile("rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(&request[0])
			 : "cc", "memory");
}

#endif
