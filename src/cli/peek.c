/*
 * Reading the notice board; see peek.h. Fed by status.c. Owns its copies. The process goes on while
 * we read, so numbers may be of slightly different moments. process_vm_readv asks for the same
 * rights as a debugger, but neither stops the process nor attaches to it.
 */
#include "cli/peek.h"

#include "base/board.h"
#include "base/bytes.h"
#include "cli/library.h"
#include "cli/path.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* Most bytes of one value, of one text, and most texts of a row: more is not believed. */
#define VALUE_MAX 65536u
#define TEXT_MAX  1024u
#define TEXTS_MAX 256u

/* A place in the other process. */
static bool copy(pid_t pid, uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size};
	struct iovec there = {(void *)(uintptr_t)from, size};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* As much text as can be read there, at most size bytes and to its NUL, without control bytes. */
static void copy_text(pid_t pid, uint64_t from, size_t size, struct at_text *text)
{
	char data[TEXT_MAX + 1];
	size_t end, got = 0;

	if (size > TEXT_MAX)
		size = TEXT_MAX;
	while (from && got < size) {
		size_t page = AT_BOARD_PAGE - (from + got) % AT_BOARD_PAGE;
		size_t piece = page < size - got ? page : size - got;

		if (!copy(pid, from + got, data + got, piece) || memchr(data + got, 0, piece)) {
			got += piece;
			break;
		}
		got += piece;
	}
	end = strnlen(data, from ? got : 0);
	for (size_t i = 0; i < end; i++)
		if ((unsigned char)data[i] < ' ' || data[i] == 0x7f)
			data[i] = '?';
	at_text_add(text, data, end);
	at_text_add(text, "", 1);
}

static void read_numbers(pid_t pid, const struct at_board_row *row, struct at_peek_row *ret)
{
	size_t width = row->kind == AT_BOARD_NUMBERS ? 8 : row->size;
	size_t count = row->size / (width ? width : 1);
	char *data = at_text_memory(NULL, row->size + 1);

	if ((width == 1 || width == 4 || width == 8) &&
	    copy(pid, (uintptr_t)row->value, data, row->size)) {
		ret->numbers = at_text_memory(NULL, (count + 1) * sizeof(uint64_t));
		memset(ret->numbers, 0, (count + 1) * sizeof(uint64_t));
		for (size_t i = 0; i < count; i++)
			memcpy(&ret->numbers[i], data + i * width, width);
		ret->count = (unsigned)count;
	}
	free(data);
}

/* Texts of the row's memory that follow each other. */
static void read_list(pid_t pid, const struct at_board_row *row, struct at_peek_row *ret)
{
	char *data = at_text_memory(NULL, row->size + 1);

	if (copy(pid, (uintptr_t)row->value, data, row->size)) {
		data[row->size] = 0;
		for (size_t at = 0; at < row->size && data[at]; at += strlen(data + at) + 1) {
			at_text_add(&ret->texts, data + at, strlen(data + at) + 1);
			ret->count++;
		}
	}
	free(data);
}

static void read_strs(pid_t pid, const struct at_board_row *row, struct at_peek_row *ret)
{
	struct at_str *strs = at_text_memory(NULL, row->size + sizeof(*strs));
	size_t count = row->size / sizeof(*strs);

	if (count > TEXTS_MAX || !copy(pid, (uintptr_t)row->value, strs, row->size))
		count = 0;
	for (size_t i = 0; i < count; i++)
		copy_text(pid, (uintptr_t)strs[i].p, strs[i].n, &ret->texts);
	ret->count = (unsigned)count;
	free(strs);
}

static void read_row(pid_t pid, const struct at_board_row *row, struct at_peek_row *ret)
{
	uint64_t string = 0;

	memset(ret, 0, sizeof(*ret));
	copy_text(pid, (uintptr_t)row->name, TEXT_MAX, &ret->name);
	if (row->size > VALUE_MAX)
		return;
	switch (row->kind) {
	case AT_BOARD_NUMBER:
	case AT_BOARD_NUMBERS:
		read_numbers(pid, row, ret);
		break;
	case AT_BOARD_LIST:
		read_list(pid, row, ret);
		break;
	case AT_BOARD_STR:
		read_strs(pid, row, ret);
		break;
	case AT_BOARD_STRING:
	case AT_BOARD_CHARS:
		if (row->kind == AT_BOARD_CHARS)
			string = (uintptr_t)row->value;
		else
			copy(pid, (uintptr_t)row->value, &string, sizeof(string));
		copy_text(pid, string, row->kind == AT_BOARD_CHARS ? row->size : TEXT_MAX,
			  &ret->texts);
		ret->count = 1;
		break;
	default:
		break;
	}
}

static void read_board(struct at_peek *peek, pid_t pid, const struct at_board *board)
{
	unsigned rows = board->rows < AT_BOARD_ROWS ? board->rows : AT_BOARD_ROWS;

	at_peek_close(peek);
	at_text_add(&peek->version, board->version,
		    strnlen(board->version, sizeof(board->version)));
	copy_text(pid, (uintptr_t)board->state, TEXT_MAX, &peek->state);
	peek->rows = at_text_memory(NULL, (rows + 1) * sizeof(*peek->rows));
	for (unsigned i = 0; i < rows; i++)
		read_row(pid, &board->row[i], &peek->rows[i]);
	peek->count = rows;
}

/* Looks for a board in the pages from start to end. 0 when one was found, else as at_peek_open. Of
 * several copies of the library the one that works counts. */
static int search(struct at_peek *peek, pid_t pid, uint64_t start, uint64_t end, int before)
{
	struct at_board board;

	for (uint64_t at = start; at + AT_BOARD_PAGE <= end; at += AT_BOARD_PAGE) {
		errno = 0;
		if (!copy(pid, at, &board, sizeof(board.magic))) {
			if (errno == EPERM || errno == EACCES || errno == ESRCH)
				return errno;
			continue;
		}
		if (memcmp(board.magic, AT_BOARD_MAGIC, sizeof(AT_BOARD_MAGIC)) != 0 ||
		    !copy(pid, at, &board, sizeof(board)))
			continue;
		if (board.layout != AT_BOARD_LAYOUT || board.size != sizeof(board.row[0])) {
			before = before == 0 ? 0 : EPROTO;
			continue;
		}
		if (before != 0 || board.rows > peek->count)
			read_board(peek, pid, &board);
		before = 0;
	}
	return before;
}

/* True for a line of maps that is writable data of the library: its range and path. */
static bool is_data(char *line, uint64_t *start, uint64_t *end, char **path)
{
	char mode[5];

	*path = strchr(line, '/');
	line[strcspn(line, "\n")] = '\0';
	return *path &&
	       strncmp(at_path_base(*path), AT_LIBRARY_NAME, strlen(AT_LIBRARY_NAME)) == 0 &&
	       sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s", start, end, mode) == 3 &&
	       mode[0] == 'r' && mode[1] == 'w';
}

int at_peek_open(struct at_peek *peek, pid_t pid)
{
	char *line = NULL, *path, name[64];
	struct at_text library = {0};
	size_t room = 0;
	uint64_t start, end;
	int found = ENOENT;
	FILE *maps;

	memset(peek, 0, sizeof(*peek));
	snprintf(name, sizeof(name), "/proc/%d/maps", (int)pid);
	maps = fopen(name, "re");
	if (!maps)
		return errno == ENOENT ? ESRCH : errno;
	while (getline(&line, &room, maps) > 0) {
		if (!is_data(line, &start, &end, &path))
			continue;
		found = search(peek, pid, start, end, found == ENOENT ? EPROTO : found);
		at_text_free(&library);
		at_text_addf(&library, "%s", path);
	}
	if (ferror(maps))
		found = errno;
	peek->library = library;
	free(line);
	fclose(maps);
	return found;
}

void at_peek_close(struct at_peek *peek)
{
	for (unsigned i = 0; i < peek->count; i++) {
		at_text_free(&peek->rows[i].name);
		at_text_free(&peek->rows[i].texts);
		free(peek->rows[i].numbers);
	}
	free(peek->rows);
	at_text_free(&peek->library);
	at_text_free(&peek->version);
	at_text_free(&peek->state);
	memset(peek, 0, sizeof(*peek));
}

static const struct at_peek_row *find(const struct at_peek *peek, const char *name)
{
	for (unsigned i = 0; i < peek->count; i++)
		if (strcmp(at_text_get(&peek->rows[i].name), name) == 0)
			return &peek->rows[i];
	return NULL;
}

uint64_t at_peek_number(const struct at_peek *peek, const char *name, unsigned i)
{
	const struct at_peek_row *row = find(peek, name);

	return row && row->numbers && i < row->count ? row->numbers[i] : 0;
}

const char *at_peek_text(const struct at_peek *peek, const char *name, unsigned i)
{
	const struct at_peek_row *row = find(peek, name);
	const char *text = row ? row->texts.data : NULL;

	if (!text || row->numbers || i >= row->count)
		return "";
	while (i-- > 0)
		text += strlen(text) + 1;
	return text;
}

unsigned at_peek_count(const struct at_peek *peek, const char *name)
{
	const struct at_peek_row *row = find(peek, name);

	return row ? row->count : 0;
}
