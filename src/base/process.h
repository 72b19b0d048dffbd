/*
 * Which process this memory belongs to, and whether tracing is on in it. Both stand on a page that
 * the kernel empties in every forked child (MADV_WIPEONFORK): so a child made by a bare system
 * call, which no fork handler has seen, finds tracing off and is woken by the first hook it calls.
 * Before Linux 4.14 such a child goes on with what it inherited and reports nothing.
 */
#ifndef AT_BASE_PROCESS_H
#define AT_BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#define AT_PROCESS_PAGE 4096u

union at_process {
	struct {
		uint32_t live; /* 0 until the constructor is through, and when tracing is off */
		uint32_t pid;  /* whose memory this is, once live */
	} is;
	char page[AT_PROCESS_PAGE];
};

extern union at_process at_process;

static inline bool at_process_is_live(void)
{
	return __atomic_load_n(&at_process.is.live, __ATOMIC_RELAXED);
}

/* Tracing is on from here. `reborn` is called, once, on the only thread of a child that no fork
 * handler has seen, before its first hook does anything; it is to end with at_process_begin_again.
 * Called by the constructor. */
void at_process_begin(void (*reborn)(void));

/* The same in a forked child. */
void at_process_begin_again(void);

/* Tracing is off from here, in all children too. */
void at_process_end(void);

/* Out of the way of the hooks: tracing is off as far as it can be seen. True when it is; false when
 * this is a child that no fork handler had seen, which it is no longer. errno is kept. */
bool at_process_sleeps(void);

/* Whether the caller is another process in this memory (a child by CLONE_VM that vfork did not
 * make): it must leave our knowledge of descriptors and requests as it is. One system call. */
bool at_process_is_guest(void);

#endif
