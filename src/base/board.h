/*
 * The notice board: what this process shows to `autotrace status`, which reads it out of our memory
 * (process_vm_readv) while we go on and know nothing of it. So it costs no descriptor, no thread,
 * no file and no system call, is there before the first span, and is gone with the process.
 *
 * It is a page of addresses: each row names a value and says where it lies. The reader copies the
 * page, then the values; it may be of another version than we are, so the rows are found by name,
 * and only what this header says is fixed (AT_BOARD_LAYOUT).
 */
#ifndef AT_BASE_BOARD_H
#define AT_BASE_BOARD_H

#include <stddef.h>
#include <stdint.h>

/* The first bytes of the board, which lies at the start of a page of our writable data. */
#define AT_BOARD_MAGIC  "autotrace board"
#define AT_BOARD_LAYOUT 1u
#define AT_BOARD_PAGE   4096u
#define AT_BOARD_ROWS   120u

/* What lies at a row's address. */
enum at_board_kind {
	AT_BOARD_NUMBER, /* an unsigned number of 1, 4 or 8 bytes */
	AT_BOARD_CHARS,  /* text that ends with a NUL, or with the room */
	AT_BOARD_LIST,   /* several texts, each with its NUL */
	AT_BOARD_STRING, /* a pointer to text that ends with a NUL, or NULL */
	AT_BOARD_STR,    /* struct at_str, one or several in a row */
	AT_BOARD_NUMBERS /* several numbers of 8 bytes */
};

struct at_board_row {
	const char *name;  /* static text */
	const void *value; /* where it lies, as long as the process lives */
	uint32_t kind;     /* enum at_board_kind */
	uint32_t size;     /* bytes at value */
};

struct at_board {
	char magic[16];    /* AT_BOARD_MAGIC */
	uint32_t layout;   /* AT_BOARD_LAYOUT */
	uint32_t size;     /* of a row, bytes */
	uint32_t rows;     /* that are filled (atomic) */
	uint32_t unused;   /* 0 */
	char version[32];  /* of the library */
	const char *state; /* for people: what the process does; never NULL */
	struct at_board_row row[AT_BOARD_ROWS];
};

extern struct at_board at_board;

/* Adds a row, or turns the one of this name to another place; a full board leaves it out. The
 * constructor, then the exporter's thread: never two at once. */
void at_board_show(const char *name, enum at_board_kind kind, const void *value, size_t size);

/* The row of a variable: its name, kind, the variable. */
#define AT_BOARD_SHOW(name, kind, variable) \
	at_board_show((name), (kind), &(variable), sizeof(variable))

#endif
