/*
 * See board.h. Fed by flow in the constructor and by the exporters when they open. Owns the page.
 */
#include "base/board.h"

#include <string.h>

struct at_board at_board __attribute__((aligned(AT_BOARD_PAGE))) = {
	.magic = AT_BOARD_MAGIC,
	.layout = AT_BOARD_LAYOUT,
	.size = sizeof(struct at_board_row),
	.version = AT_VERSION,
	.state = "not started: its constructor has not run, or it is a second copy",
};

_Static_assert(sizeof(at_board) <= AT_BOARD_PAGE, "the reader copies one page");

void at_board_show(const char *name, enum at_board_kind kind, const void *value, size_t size)
{
	uint32_t rows = at_board.rows;
	uint32_t i = 0;
	while (i < rows && strcmp(at_board.row[i].name, name) != 0)
		i++;
	if (i == AT_BOARD_ROWS)
		return;
	at_board.row[i] = (struct at_board_row){name, value, (uint32_t)kind, (uint32_t)size};
	if (i == rows)
		__atomic_store_n(&at_board.rows, rows + 1, __ATOMIC_RELEASE);
}
