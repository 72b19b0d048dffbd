/*
 * Finds Node's count of hooks by what it does. Fed by node.c while node.js switches hooks of its
 * own on and off. In Node 18 to 22 the environment holds, by value, an array that C++ and
 * JavaScript share:
 *
 *   isolate | length | offset | address -> init, before, after, destroy, resolve, total, ...
 *
 * What looks like that and has counted twice what was done is it. Reads nothing that cannot be
 * read.
 */
#include "bridge/node_count.h"

#include <stddef.h>
#include <string.h>

#include "base/memory.h"

#define ENVIRONMENT 4096 /* bytes of it that are searched */
#define LENGTH_MIN  8    /* fields of the array, in all these versions */
#define LENGTH_MAX  12
#define TOTAL       5 /* place of the sum of the five before */

struct shared {
	const void *isolate; /* whose it is */
	size_t length;       /* fields */
	size_t offset;       /* of the first one in a larger array */
	uint32_t *field;     /* the first one */
};

/* No hooks but for `init`. */
static bool counts(const uint32_t *field, uint32_t init)
{
	for (unsigned i = 1; i < TOTAL; i++)
		if (field[i])
			return false;
	return field[0] == init && field[TOTAL] == init;
}

static bool fits(const struct shared *a, const void *isolate)
{
	return a->isolate == isolate && a->length >= LENGTH_MIN && a->length <= LENGTH_MAX &&
	       a->offset == 0 && (uintptr_t)a->field % sizeof(uint32_t) == 0 && a->field &&
	       at_memory_readable(a->field, LENGTH_MIN * sizeof(uint32_t), NULL);
}

bool at_node_count_seek(struct at_node_count *found, const char *environment, const void *isolate)
{
	uintptr_t known = 0;
	found->n = 0;
	for (size_t at = 0; at + sizeof(struct shared) <= ENVIRONMENT; at += sizeof(void *)) {
		struct shared a;
		if (!at_memory_readable(environment + at, sizeof(a), &known))
			break;
		memcpy(&a, environment + at, sizeof(a));
		if (!fits(&a, isolate) || !counts(a.field, 1))
			continue;
		if (found->n == sizeof(found->word) / sizeof(found->word[0]))
			return false;
		found->word[found->n++] = a.field;
	}
	return found->n > 0;
}

bool at_node_count_sift(struct at_node_count *found, uint32_t is)
{
	unsigned n = 0;
	for (unsigned i = 0; i < found->n; i++)
		if (counts(found->word[i], is))
			found->word[n++] = found->word[i];
	found->n = n;
	return n > 0;
}
