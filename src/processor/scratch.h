/*
 * Memory for the new texts of one span, all given back at once. The exporter's thread only.
 */
#ifndef AT_PROCESSOR_SCRATCH_H
#define AT_PROCESSOR_SCRATCH_H

#include "base/bytes.h"

/* Text of one span at most. */
#define AT_SCRATCH_MAX (512u << 10)

struct at_scratch {
	char *p;  /* one block of AT_SCRATCH_MAX, made when first needed */
	size_t n; /* bytes taken */
};

/* n bytes that stay where they are, or NULL. */
char *at_scratch_take(struct at_scratch *s, size_t n);

/* Gives back the end of the latest at_scratch_take, of which only `used` bytes are needed. */
void at_scratch_trim(struct at_scratch *s, const char *taken, size_t used);

void at_scratch_free(struct at_scratch *s);

#endif
