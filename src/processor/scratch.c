/*
 * See scratch.h.
 */
#include "processor/scratch.h"

#include <stdlib.h>

char *at_scratch_take(struct at_scratch *s, size_t n)
{
	if (!s->p)
		s->p = malloc(AT_SCRATCH_MAX);
	if (!s->p || n > AT_SCRATCH_MAX - s->n)
		return NULL;
	char *p = s->p + s->n;
	s->n += n;
	return p;
}

void at_scratch_trim(struct at_scratch *s, const char *taken, size_t used)
{
	s->n = (size_t)(taken - s->p) + used;
}

void at_scratch_free(struct at_scratch *s)
{
	free(s->p);
	*s = (struct at_scratch){NULL, 0};
}
