/*
 * A spool file in memory, made as spool.c makes one, with a ring small enough to try every byte.
 */
#ifndef AT_TESTS_SUPPORT_SPOOL_IMAGE_H
#define AT_TESTS_SUPPORT_SPOOL_IMAGE_H

#include "base/ring.h"
#include "export/spool_file.h"

#define IMAGE_RING 4096u
#define IMAGE_ALL  (AT_SPOOL_RING + IMAGE_RING)

struct image {
	_Alignas(64) char bytes[IMAGE_ALL]; /* the file */
	struct at_ring ring;                /* in it */
};

static inline struct at_spool_head *image_head(struct image *i)
{
	return (struct at_spool_head *)i->bytes;
}

/* The texts may be empty. */
static inline void image_make(struct image *i, uint64_t layout, struct at_str settings,
			      struct at_str resource)
{
	struct at_spool_head *h = image_head(i);
	memset(i, 0, sizeof(*i));
	memcpy(h->magic, AT_SPOOL_MAGIC, sizeof(h->magic));
	h->version = AT_SPOOL_VERSION;
	h->pid = 4711;
	h->layout = layout;
	h->ring_bytes = IMAGE_RING;
	h->salt = 0x1234567890abcdef;
	memcpy(h->instance, "0123456789abcdef", 16);
	if (settings.n)
		memcpy(i->bytes + AT_SPOOL_SETTINGS, settings.p, settings.n);
	h->settings = settings.n;
	h->settings_sum = at_checksum(h->salt, settings.p, settings.n);
	h->check = at_spool_head_check(h);
	if (resource.n)
		memcpy(i->bytes + AT_SPOOL_RESOURCE, resource.p, resource.n);
	h->resource_sum = at_checksum(h->salt, resource.p, resource.n);
	h->resource = resource.n;
	h->mark[0] = h->mark[1] = h->flight = at_spool_mark_of(h->salt, 0);
	at_ring_adopt(&i->ring, i->bytes + AT_SPOOL_RING, IMAGE_RING, 1000);
}

/* Room for a record, not yet committed; NULL: full. */
static inline char *image_reserve(struct image *i, size_t n)
{
	return at_ring_reserve(&i->ring, n);
}

static inline void image_commit(struct image *i, char *place, size_t n)
{
	uint64_t position = at_ring_position(&i->ring, place);
	at_ring_seal(place, at_spool_seal_of(image_head(i)->salt, position, place, n));
	at_ring_commit(&i->ring, place);
}

/* A whole record; false: full. */
static inline bool image_put(struct image *i, const void *record, size_t n)
{
	char *place = image_reserve(i, n);
	if (!place)
		return false;
	memcpy(place, record, n);
	image_commit(i, place, n);
	return true;
}

/* The oldest records are settled, as many as `count`. */
static inline void image_settle(struct image *i, unsigned count)
{
	size_t n;
	while (count-- && at_ring_peek(&i->ring, &n))
		at_ring_pass(&i->ring);
	image_head(i)->mark[0] = image_head(i)->mark[1] =
		at_spool_mark_of(image_head(i)->salt, i->ring.read);
	at_ring_give(&i->ring, i->ring.read, at_ring_wipe(&i->ring, i->ring.read));
}

#endif
