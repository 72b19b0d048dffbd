/*
 * The notice board: rows by name, one page, no more than fit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/board.h"
#include "base/counter.h"

static void it_is_one_page_that_can_be_found(void **state)
{
	(void)state;
	assert_int_equal((uintptr_t)&at_board % AT_BOARD_PAGE, 0);
	assert_true(sizeof(at_board) <= AT_BOARD_PAGE);
	assert_memory_equal(&at_board, AT_BOARD_MAGIC, sizeof(AT_BOARD_MAGIC));
	assert_int_equal(at_board.size, sizeof(struct at_board_row));
	assert_non_null(at_board.state);
}

static void a_name_has_one_row(void **state)
{
	static uint32_t one, two;
	uint32_t before = at_board.rows;
	(void)state;
	AT_BOARD_SHOW("one", AT_BOARD_NUMBER, one);
	AT_BOARD_SHOW("two", AT_BOARD_NUMBER, one);
	AT_BOARD_SHOW("one", AT_BOARD_NUMBER, two);
	assert_int_equal(at_board.rows, before + 2);
	assert_ptr_equal(at_board.row[before].value, &two);
	assert_int_equal(at_board.row[before].size, 4);
}

static void the_counters_have_names_and_words(void **state)
{
	uint32_t row = at_board.rows;
	(void)state;
	at_counter_show();
	assert_int_equal(at_board.row[row].size, AT_COUNTERS * 8);
	const char *name = at_board.row[row + 1].value, *text = at_board.row[row + 2].value;
	const uint64_t *loss = at_board.row[row + 3].value;
	for (int i = 0; i < AT_COUNTERS; i++) {
		assert_string_equal(text, at_counter_text((enum at_counter)i));
		assert_int_equal(loss[i], at_counter_is_loss((enum at_counter)i));
		name += strlen(name) + 1;
		text += strlen(text) + 1;
	}
	assert_int_equal(*name, 0);
}

static void a_full_board_takes_no_more(void **state)
{
	static char names[AT_BOARD_ROWS + 1][8];
	static uint64_t value;
	(void)state;
	for (unsigned i = 0; i <= AT_BOARD_ROWS; i++) {
		names[i][0] = 'n';
		names[i][1] = (char)('0' + i / 100);
		names[i][2] = (char)('0' + i / 10 % 10);
		names[i][3] = (char)('0' + i % 10);
		AT_BOARD_SHOW(names[i], AT_BOARD_NUMBER, value);
	}
	assert_int_equal(at_board.rows, AT_BOARD_ROWS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_one_page_that_can_be_found),
		cmocka_unit_test(a_name_has_one_row),
		cmocka_unit_test(the_counters_have_names_and_words),
		cmocka_unit_test(a_full_board_takes_no_more),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
