/*
 * See await.h. Fed by flow; owns the table. A row of four places for each hash, a lock for many
 * rows.
 */
#include "conn/await.h"

#include <string.h>

#define ROWS   1024u /* a power of two */
#define PLACES 4u
#define LOCKS  64u

/* One that waits. */
struct waiting {
	uint8_t random[32];
	struct at_conn_ref c; /* conn NULL: a free place */
	uint8_t role;         /* enum at_conn_role */
};

static struct waiting rows[ROWS][PLACES]; /* the youngest first; under the row's lock */
static struct at_lock locks[LOCKS];       /* one for each LOCKS-th row */

static unsigned row_of(const uint8_t random[32])
{
	uint64_t hash;
	memcpy(&hash, random + 8, sizeof(hash));
	return (unsigned)(hash * 0x9e3779b97f4a7c15u >> 54) % ROWS;
}

/* A holder that will not come back has left a row that may be half written: it is emptied. */
static bool lock(unsigned row)
{
	enum at_lock_result got = at_lock(&locks[row % LOCKS]);
	if (got == AT_LOCK_STALE)
		for (unsigned i = row % LOCKS; i < ROWS; i += LOCKS)
			memset(rows[i], 0, sizeof(rows[i]));
	return got != AT_LOCK_BUSY;
}

void at_await_put(const uint8_t random[32], enum at_conn_role role, struct at_conn_ref c)
{
	unsigned at = row_of(random);
	struct waiting *row = rows[at];
	if (!lock(at))
		return;
	memmove(row + 1, row, (PLACES - 1) * sizeof(*row));
	memcpy(row[0].random, random, sizeof(row[0].random));
	row[0].c = c;
	row[0].role = (uint8_t)role;
	at_unlock(&locks[at % LOCKS]);
}

struct at_conn_ref at_await_take(const uint8_t random[32], enum at_conn_role role)
{
	unsigned at = row_of(random);
	struct waiting *row = rows[at];
	struct at_conn_ref found = {0};
	if (!lock(at))
		return found;
	for (unsigned i = 0; i < PLACES && !found.conn; i++) {
		if (!row[i].c.conn || memcmp(row[i].random, random, sizeof(row[i].random)) != 0 ||
		    (role != AT_CONN_UNDECIDED && row[i].role != role))
			continue;
		found = row[i].c;
		row[i].c.conn = NULL;
	}
	at_unlock(&locks[at % LOCKS]);
	return found;
}
