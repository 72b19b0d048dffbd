/*
 * The cells behind counter.h and their words.
 */
#include "base/counter.h"

#include "base/board.h"

uint64_t at_counter_cells[AT_COUNTERS];

static const struct {
	const char *text; /* for people */
	bool is_loss;     /* a finished span was lost */
} rows[AT_COUNTERS] = {
#define AT_COUNTER(name, loss, words) [AT_COUNT_##name] = {(words), (loss)},
#include "base/counter.def"
#undef AT_COUNTER
};

const char *at_counter_text(enum at_counter which)
{
	return rows[which].text;
}

bool at_counter_is_loss(enum at_counter which)
{
	return rows[which].is_loss;
}

uint64_t at_counter_lost(void)
{
	uint64_t sum = 0;
	for (int i = 0; i < AT_COUNTERS; i++)
		if (rows[i].is_loss)
			sum += at_counter_get((enum at_counter)i);
	return sum;
}

/* For the board: one behind the other, each with its NUL. */
static const char names[] =
#define AT_COUNTER(name, loss, words) #name "\0"
#include "base/counter.def"
#undef AT_COUNTER
	;
static const char texts[] =
#define AT_COUNTER(name, loss, words) words "\0"
#include "base/counter.def"
#undef AT_COUNTER
	;
static const uint64_t losses[] = {
#define AT_COUNTER(name, loss, words) (loss),
#include "base/counter.def"
#undef AT_COUNTER
};

void at_counter_show(void)
{
	AT_BOARD_SHOW("counters", AT_BOARD_NUMBERS, at_counter_cells);
	AT_BOARD_SHOW("counters.names", AT_BOARD_LIST, names);
	AT_BOARD_SHOW("counters.texts", AT_BOARD_LIST, texts);
	AT_BOARD_SHOW("counters.losses", AT_BOARD_NUMBERS, losses);
}

void at_counter_reset(void)
{
	for (int i = 0; i < AT_COUNTERS; i++)
		__atomic_store_n(&at_counter_cells[i], 0, __ATOMIC_RELAXED);
}
