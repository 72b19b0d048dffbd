/*
 * Changing the bytes a client sends, and nothing but: header lines are inserted in front of the
 * empty line of a request head, or a passed-on value is overwritten at its own length. The
 * application's byte count is what the call returns; what the kernel did not take of ours leaves
 * before the application's next bytes.
 */
#ifndef AT_FLOW_INJECT_H
#define AT_FLOW_INJECT_H

#include "flow/talk.h"

/* Changes of one write at most, for HTTP/1 and HTTP/2; further heads leave as they are, counted. */
#define AT_INJECT_EDITS       12
#define AT_INJECT_EDITS_HTTP2 512

/* Whose bytes an edit's are. Left-overs keep their memory, so that they can always be written. */
enum at_edit_text { AT_EDIT_NEW, AT_EDIT_LENGTH, AT_EDIT_TAIL, AT_EDIT_OVERLAY, AT_EDIT_TEXTS };

/* One change: at byte `at` of the application's bytes, `text_len` bytes of ours. */
struct at_edit {
	size_t at;         /* offset in the application's bytes */
	uint8_t text;      /* enum at_edit_text: where the bytes are */
	uint32_t text_at;  /* offset there */
	uint32_t text_len; /* how many */
	bool replaces;     /* overwrite as many of the application's bytes; false: insert */
	bool left_over;    /* from an earlier call: part of it has left already */
	bool bound;        /* an insertion that must leave once a byte of the edit before it has */
	bool swallows;     /* and one of the application's bytes, which has left before */
	struct at_ref owner; /* the exchange whose header this is */
};

/* All changes of one write, ascending by offset. In pool memory, owned by the call. */
struct at_edits {
	uint32_t count;                    /* how many */
	uint32_t room;                     /* places for them */
	struct at_buf text[AT_EDIT_TEXTS]; /* the bytes */
	struct at_edit edit[];
};

/* Looks at what is about to be written on a client's connection: at no more than its first
 * AT_HTTP1_HEAD_MAX bytes, and at none that cannot be read. NULL: write it as it is. Lock held. The
 * pieces themselves can be read. The result goes to at_inject_send. */
struct at_edits *at_inject_plan(struct at_conn *c, int fd, const struct iovec *iov, int count);

/* One more edit, of n bytes at `text`, of the head that belongs to x: at offset `at` of what is
 * written. False: too many, or no memory. */
bool at_inject_edit(struct at_edits *e, struct at_exchange *x, size_t at, const char *text,
		    size_t n, bool replaces);

/* Two that belong together: three bytes written over at `length_at`, and n inserted at `at` behind
 * them. Both or none; *e may become another. */
bool at_inject_grow(struct at_edits **e, struct at_exchange *x, size_t length_at,
		    const char length[3], size_t at, const char *text, size_t n);

/* HTTP/1's part in it; see struct at_protocol. */
uint64_t at_inject_http1_unread(const struct at_talk *t);
void at_inject_http1_look(struct at_talk *t, struct at_edits **edits, const char *data, size_t n);

/* The value of a field that a proxy passes on, as the call x has it, in `text` (at least 64 bytes);
 * returns its length, 0: none of the present propagators'. */
size_t at_inject_passed_on(const struct at_exchange *x, enum at_field field, char *text);

/* The fields that the call x sends, as lines: in memory from the pool, for the caller to give back,
 * or NULL; *ret_n their bytes. */
char *at_inject_lines(const struct at_exchange *x, size_t *ret_n);

/* Gives the edits' memory back; what of it belongs to left-overs stays with `t` (or NULL). Lock of
 * t held. at_inject_send does it itself. */
void at_inject_free(struct at_talk *t, struct at_edits *e);

/* All of the edits have left: notes which exchanges carry their header. Any lock. */
void at_inject_mark(const struct at_edits *e);

/* Writes the changed bytes by one sendmsg (`base` gives name and control data, or NULL) and returns
 * what the application is told: its own bytes, or -1 with errno. Lock NOT held: it may block.
 * Afterwards edits are freed and left-overs are kept with the connection of fd. */
ssize_t at_inject_send(int fd, const struct iovec *iov, int count, const struct msghdr *base,
		       int flags, struct at_edits *edits);

#endif
