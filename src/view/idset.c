/*
 * Counts traces. Fed by the viewer with the trace id of each accepted span, on the program's one
 * thread. Owns the tables.
 */
#include "view/idset.h"

#include <stdlib.h>
#include <sys/random.h>

#define SIZE_FIRST 1024

void at_idset_init(struct at_idset *set)
{
	*set = (struct at_idset){0};
	if (getrandom(&set->seed, sizeof(set->seed), GRND_NONBLOCK) < 0)
		set->seed = (uintptr_t)set;
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93u;
	return x ^ (x >> 32);
}

static uint64_t fingerprint(const struct at_idset *set, const void *id)
{
	uint64_t half[2], print;

	memcpy(half, id, sizeof(half));
	print = mix(mix(half[0] ^ set->seed) ^ half[1]);
	return print ? print : 1;
}

/* The slot that holds the fingerprint or would. */
static uint64_t *find(const struct at_idset_table *table, uint64_t print)
{
	size_t i = print & (table->size - 1);

	while (table->slots[i] && table->slots[i] != print)
		i = (i + 1) & (table->size - 1);
	return &table->slots[i];
}

static bool grow(struct at_idset_table *table)
{
	struct at_idset_table larger = {.size = table->size ? table->size * 2 : SIZE_FIRST,
					.n = table->n};

	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < table->size; i++) {
		if (table->slots[i])
			*find(&larger, table->slots[i]) = table->slots[i];
	}
	free(table->slots);
	*table = larger;
	return true;
}

void at_idset_add(struct at_idset *set, const void *id)
{
	uint64_t print, *slot;

	if (memcmp(set->last, id, sizeof(set->last)) == 0)
		return;
	memcpy(set->last, id, sizeof(set->last));
	print = fingerprint(set, id);
	if (set->old.size && *find(&set->old, print))
		return;
	if (set->young.n == AT_IDSET_MAX) {
		free(set->old.slots);
		set->old = set->young;
		set->young = (struct at_idset_table){0};
	}
	if (set->young.n * 2 >= set->young.size && !grow(&set->young))
		return;
	slot = find(&set->young, print);
	if (*slot)
		return;
	*slot = print;
	set->young.n++;
	set->count++;
}

void at_idset_free(struct at_idset *set)
{
	free(set->young.slots);
	free(set->old.slots);
	*set = (struct at_idset){0};
}
