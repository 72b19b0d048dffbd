/*
 * Memory for the traced program's threads: fixed size classes out of anonymous mappings, free lists
 * without locks (safe in signal handlers and after fork), a hard cap on the whole. Never malloc.
 * Blocks are not given back to the kernel: a pointer into a freed block stays readable, which is
 * what lets a reference with a generation be checked after its object is gone.
 */
#ifndef AT_BASE_POOL_H
#define AT_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

/* The largest block there is, bytes. */
#define AT_POOL_MAX 131072u

/* Sets the cap in bytes on all mappings together. Before the first allocation; default 64 MiB. */
void at_pool_limit(size_t bytes);

/* A block of at least n bytes, 64-byte aligned, its content undefined (zero the first time);
 * *ret_room is its true size (may be NULL). NULL when n > AT_POOL_MAX or the cap is reached
 * (counted as pool_full). Any thread, any context. */
void *at_pool_get(size_t n, uint32_t *ret_room);

/* Gives back a block of at_pool_get; NULL is welcome. */
void at_pool_put(void *block);

/* Bytes mapped so far. */
size_t at_pool_mapped(void);

#endif
