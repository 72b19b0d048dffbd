/*
 * See fault.h. Fed by whoever finds something wrong. Owns the word; a forked child inherits it with
 * the memory that is in doubt.
 */
#include "base/fault.h"

#include "base/board.h"
#include "base/counter.h"
#include "base/log.h"

uint32_t at_fault_word;

#define OFF "turned itself off after an internal error: "

static const struct {
	const char *text;  /* what is wrong */
	const char *state; /* the same for the notice board */
} rows[AT_FAULTS] = {
#define AT_FAULT(name, text) {text, OFF text},
#include "base/fault.def"
#undef AT_FAULT
};

void at_fault(enum at_fault which)
{
	at_count(faults, 1);
	if (__atomic_exchange_n(&at_fault_word, 1, __ATOMIC_RELAXED))
		return;
	at_board.state = rows[which].state;
	at_log(AT_LOG_ERROR,
	       "internal error: %s; tracing is off in this process, the program runs on",
	       rows[which].text);
}
