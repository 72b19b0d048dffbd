/*
 * See stream.h. Streams of one side are numbered by twos, so that half of the number is a good
 * place to begin. Fed and used by talk_http2.c.
 */
#include "flow/stream.h"

#include "base/pool.h"

#define ROOM_MIN 32u

static uint32_t place_of(const struct at_streams *s, uint32_t stream)
{
	return (stream >> 1) & (s->room - 1);
}

static uint32_t next(const struct at_streams *s, uint32_t i)
{
	return (i + 1) & (s->room - 1);
}

struct at_exchange *at_streams_find(const struct at_streams *s, uint32_t stream)
{
	if (!s->count)
		return NULL;
	for (uint32_t i = place_of(s, stream); s->slot[i]; i = next(s, i))
		if (s->slot[i]->stream == stream)
			return s->slot[i];
	return NULL;
}

static void put(struct at_streams *s, struct at_exchange *x)
{
	uint32_t i = place_of(s, x->stream);
	while (s->slot[i])
		i = next(s, i);
	s->slot[i] = x;
}

static bool grow(struct at_streams *s)
{
	struct at_streams to = {.room = s->room ? 2 * s->room : ROOM_MIN, .count = s->count};
	size_t bytes = to.room * sizeof(struct at_exchange *);
	to.slot = at_pool_get(bytes, NULL);
	if (!to.slot)
		return false;
	memset(to.slot, 0, bytes);
	for (uint32_t i = 0; i < s->room; i++)
		if (s->slot[i])
			put(&to, s->slot[i]);
	at_pool_put(s->slot);
	*s = to;
	return true;
}

bool at_streams_add(struct at_streams *s, struct at_exchange *x)
{
	if (2 * s->count >= s->room && !grow(s))
		return false;
	put(s, x);
	s->count++;
	return true;
}

/* Who stands behind a gap and could stand in it moves there. */
static void close_gap(struct at_streams *s, uint32_t gap)
{
	s->slot[gap] = NULL;
	for (uint32_t i = next(s, gap); s->slot[i]; i = next(s, i)) {
		uint32_t wanted = place_of(s, s->slot[i]->stream);
		if (((i - wanted) & (s->room - 1)) < ((i - gap) & (s->room - 1)))
			continue;
		s->slot[gap] = s->slot[i];
		s->slot[i] = NULL;
		gap = i;
	}
}

void at_streams_remove(struct at_streams *s, const struct at_exchange *x)
{
	if (!s->count)
		return;
	uint32_t i = place_of(s, x->stream);
	while (s->slot[i] && s->slot[i] != x)
		i = next(s, i);
	if (!s->slot[i])
		return;
	close_gap(s, i);
	s->count--;
}

void at_streams_free(struct at_streams *s)
{
	at_pool_put(s->slot);
	*s = (struct at_streams){0};
}
