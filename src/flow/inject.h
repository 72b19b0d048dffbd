/*
 * Changing the bytes a client sends, and nothing but: header lines are inserted in front of the
 * empty line of a request head, or a passed-on value is overwritten at its own length. The
 * application's byte count is what the call returns; what the kernel did not take of ours leaves
 * before the application's next bytes.
 */
#ifndef AT_FLOW_INJECT_H
#define AT_FLOW_INJECT_H

#include "flow/talk.h"

/* Changes of one write at most; further heads of a pipelined burst leave as they are, counted. */
#define AT_INJECT_EDITS 12

/* One change: at byte `at` of the application's bytes, `text_len` bytes of ours. */
struct at_edit {
	size_t at;           /* offset in the application's bytes */
	uint32_t text_at;    /* offset of the bytes in at_edits.text */
	uint32_t text_len;   /* how many */
	bool replaces;       /* overwrite as many of the application's bytes; false: insert */
	bool left_over;      /* from an earlier call: part of it has left already */
	struct at_ref owner; /* the exchange whose header this is */
};

/* All changes of one write, ascending by offset. In pool memory, owned by the call. */
struct at_edits {
	uint32_t count;
	struct at_edit edit[AT_INJECT_EDITS];
	struct at_buf text; /* the bytes of all edits */
};

/* Looks at what is about to be written on a client's connection. NULL: write it as it is. Lock held.
 * The result goes to at_inject_send. */
struct at_edits *at_inject_plan(struct at_conn *c, int fd, const struct iovec *iov, int count);

/* Gives the edits' memory back. at_inject_send does it itself. */
void at_inject_free(struct at_edits *e);

/* Writes the changed bytes by one sendmsg (`base` gives name and control data, or NULL) and returns
 * what the application is told: its own bytes, or -1 with errno. Lock NOT held: it may block.
 * Afterwards edits are freed and left-overs are kept with the connection of fd. */
ssize_t at_inject_send(int fd, const struct iovec *iov, int count, const struct msghdr *base,
		       int flags, struct at_edits *edits);

#endif
