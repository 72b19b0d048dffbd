/*
 * See spool_file.h. Fed by recover.c with the bytes of files; trusts nothing in them.
 *
 * From the mark on the records follow one another. Where none begins (one that was being written
 * when the process died, or a damaged one) the reader looks at each multiple of 16 until the next
 * seal is right. It sums up four times the ring's size at most; in a file that wants more, all
 * behind that counts as torn.
 */
#include "export/spool_file.h"

#include "base/ring.h"

#define MARK_BITS 48
#define WORK      4u

uint64_t at_spool_mark_of(uint64_t salt, uint64_t position)
{
	uint64_t units = position / 16 & ((UINT64_C(1) << MARK_BITS) - 1);
	return units | at_checksum_mix(salt, units) << MARK_BITS;
}

static bool read_mark(uint64_t salt, uint64_t mark, uint64_t *ret)
{
	uint64_t position = (mark & ((UINT64_C(1) << MARK_BITS) - 1)) * 16;
	*ret = position;
	return at_spool_mark_of(salt, position) == mark;
}

uint64_t at_spool_head_check(const struct at_spool_head *h)
{
	return at_checksum(0, h, offsetof(struct at_spool_head, check));
}

/* From the first mark on, and no further than a lap behind the second: room that was not zeroed yet
 * holds no new record. One of them will do. */
static bool read_marks(struct at_spool_reader *r)
{
	uint64_t one = 0, two = 0;
	bool first = read_mark(r->head->salt, r->head->mark[0], &one);
	bool second = read_mark(r->head->salt, r->head->mark[1], &two);
	r->position = first ? one : two;
	r->end = (second && two < r->position ? two : r->position) + r->head->ring_bytes;
	if (!read_mark(r->head->salt, r->head->flight, &r->flight))
		r->flight = r->position;
	return first || second;
}

/* A text of the head, when it is there as it was written. */
static struct at_str part(const char *file, size_t n, size_t from, size_t to, uint64_t bytes,
			  uint64_t sum, uint64_t salt)
{
	if (bytes == 0 || bytes > to - from || n < from + bytes ||
	    at_checksum(salt, file + from, (size_t)bytes) != sum)
		return AT_STR_NONE;
	return at_str(file + from, (size_t)bytes);
}

enum at_spool_verdict at_spool_read(struct at_spool_reader *r, const void *file, size_t n,
				    uint64_t layout)
{
	const struct at_spool_head *h = file;
	const char *bytes = file;
	*r = (struct at_spool_reader){.head = h};
	if (n < sizeof(h->magic) + sizeof(h->version) ||
	    memcmp(h->magic, AT_SPOOL_MAGIC, sizeof(h->magic)) != 0)
		return AT_SPOOL_FOREIGN;
	if (h->version != AT_SPOOL_VERSION)
		return AT_SPOOL_OTHER;
	if (n < AT_SPOOL_SETTINGS || at_spool_head_check(h) != h->check ||
	    h->ring_bytes < AT_SPOOL_RING_MIN || h->ring_bytes > AT_SPOOL_RING_MAX ||
	    (h->ring_bytes & (h->ring_bytes - 1)) || !read_marks(r))
		return AT_SPOOL_DAMAGED;
	if (h->layout != layout)
		return AT_SPOOL_OTHER;
	r->settings = part(bytes, n, AT_SPOOL_SETTINGS, AT_SPOOL_RESOURCE, h->settings,
			   h->settings_sum, h->salt);
	r->settings_lost = h->settings && !r->settings.n;
	r->resource = part(bytes, n, AT_SPOOL_RESOURCE, AT_SPOOL_RING, h->resource, h->resource_sum,
			   h->salt);
	r->ring = bytes + (n > AT_SPOOL_RING ? AT_SPOOL_RING : 0);
	r->there = n > AT_SPOOL_RING ? n - AT_SPOOL_RING : 0;
	if (r->there > h->ring_bytes)
		r->there = h->ring_bytes;
	r->torn = r->there < h->ring_bytes;
	r->budget = WORK * h->ring_bytes;
	return AT_SPOOL_GOOD;
}

/* The header at the position, or NULL when the file ends before it does. */
static const struct at_ring_header *header_at(const struct at_spool_reader *r)
{
	uint64_t offset = r->position & (r->head->ring_bytes - 1);
	if (offset + sizeof(struct at_ring_header) > r->there)
		return NULL;
	return (const struct at_ring_header *)(r->ring + offset);
}

/* Whether the record behind h is whole. */
static bool is_whole(struct at_spool_reader *r, const struct at_ring_header *h)
{
	uint64_t offset = r->position & (r->head->ring_bytes - 1);
	uint32_t n = h->word & AT_RING_LENGTH;
	if (h->word != (AT_RING_COMMITTED | n) || h->payload != n ||
	    at_ring_bytes(n) > r->there - offset || at_ring_bytes(n) > r->end - r->position)
		return false;
	if (r->budget < n) {
		r->budget = 0;
		return false;
	}
	r->budget -= n;
	return at_spool_seal_of(r->head->salt, r->position, h + 1, n) == h->seal;
}

/* What fills the end of the ring when a record did not fit there. It has no seal, so it must lead
 * exactly to the ring's end. */
static bool is_pad(const struct at_spool_reader *r, const struct at_ring_header *h)
{
	uint64_t to_end = r->head->ring_bytes - (r->position & (r->head->ring_bytes - 1));
	uint32_t n = h->word & AT_RING_LENGTH;
	return h->word == (AT_RING_COMMITTED | AT_RING_PAD | n) && at_ring_bytes(n) == to_end &&
	       !r->in_gap;
}

/* One step of 16 bytes over what is no record. While one is being written its word is 0; any other
 * was damaged. */
static void step_over(struct at_spool_reader *r, const struct at_ring_header *h)
{
	static const struct at_ring_header nothing;
	bool empty = !h || memcmp(h, &nothing, sizeof(nothing)) == 0;
	if (!r->in_gap && !empty) {
		r->in_gap = true;
		r->torn += h->word != 0;
	}
	r->position += 16;
}

const void *at_spool_next(struct at_spool_reader *r, size_t *ret_n)
{
	while (r->position < r->end && r->budget) {
		const struct at_ring_header *h = header_at(r);
		if (h && is_whole(r, h)) {
			*ret_n = h->payload;
			r->in_gap = false;
			r->position += at_ring_bytes(h->payload);
			return h + 1;
		}
		if (h && is_pad(r, h))
			r->position += at_ring_bytes(h->word & AT_RING_LENGTH);
		else
			step_over(r, h);
	}
	r->torn += r->position < r->end;
	r->position = r->end;
	return NULL;
}
