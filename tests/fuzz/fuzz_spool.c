/*
 * Spool files: the reader must come to an end, stay within the bytes there are, and give nothing
 * that is not sealed; what stands in them besides, settings and resource, is read as well.
 *
 * An input is a file whose empty stretches are left out: pieces of "offset (3 bytes), length (2
 * bytes), bytes". With the first bit of the first byte the checksums of the head are put right, so
 * that what they cover is reached.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/log.h"
#include "config/config.h"
#include "export/spool_settings.h"
#include "trace/record.h"
#include "trace/resource.h"
#include "../support/spool_image.h"

static struct image image;
static struct at_config config;
static char arena[AT_CONFIG_ARENA];
static struct at_span span;

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* Writes the pieces; returns the file's length. */
static size_t unpack(const uint8_t *data, size_t n)
{
	size_t end = 0;
	while (n >= 5) {
		size_t at = (data[0] | (size_t)data[1] << 8 | (size_t)data[2] << 16) % IMAGE_ALL;
		size_t len = data[3] | (size_t)data[4] << 8;
		data += 5;
		n -= 5;
		len = len < n ? len : n;
		len = len < IMAGE_ALL - at ? len : IMAGE_ALL - at;
		memcpy(image.bytes + at, data, len);
		data += len;
		n -= len;
		end = at + len > end ? at + len : end;
	}
	return end;
}

/* As if its writer had meant it. */
static void put_right(void)
{
	struct at_spool_head *h = image_head(&image);
	size_t settings = h->settings % (AT_SPOOL_RESOURCE - AT_SPOOL_SETTINGS);
	size_t resource = h->resource % (AT_SPOOL_RING - AT_SPOOL_RESOURCE);
	memcpy(h->magic, AT_SPOOL_MAGIC, sizeof(h->magic));
	h->version = AT_SPOOL_VERSION;
	h->layout = at_record_layout();
	h->ring_bytes = IMAGE_RING;
	h->settings = settings;
	h->settings_sum = at_checksum(h->salt, image.bytes + AT_SPOOL_SETTINGS, settings);
	h->check = at_spool_head_check(h);
	h->resource = resource;
	h->resource_sum = at_checksum(h->salt, image.bytes + AT_SPOOL_RESOURCE, resource);
	h->mark[0] = at_spool_mark_of(h->salt, h->mark[0] % IMAGE_RING * 16);
}

static void read_records(struct at_spool_reader *r)
{
	const void *record;
	size_t n;
	uint64_t last = 0;
	unsigned count = 0;
	while ((record = at_spool_next(r, &n))) {
		check(r->position > last && r->position <= r->end);
		check((const char *)record >= r->ring &&
		      (const char *)record + n <= r->ring + r->there);
		check(at_spool_seal_of(r->head->salt, r->position - at_ring_bytes(n), record, n) ==
		      ((const struct at_ring_header *)record - 1)->seal);
		last = r->position;
		count++;
		if (at_span_read(&span, record, n))
			at_span_expand(&span);
	}
	check(count <= IMAGE_RING / 16 && r->torn <= IMAGE_RING / 16 + 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct at_spool_reader r;
	at_log_set_level(AT_LOG_NONE);
	memset(image.bytes, 0, sizeof(image.bytes));
	if (!n)
		return 0;
	size_t end = unpack(data + 1, n - 1);
	if (data[0] & 1) {
		put_right();
		end = end < AT_SPOOL_SETTINGS ? AT_SPOOL_SETTINGS : end;
	}
	char *file = malloc(end + 1);
	memcpy(file, image.bytes, end);
	if (at_spool_read(&r, file, end, at_record_layout()) == AT_SPOOL_GOOD) {
		read_records(&r);
		at_spool_settings_load(r.settings, &config, arena, sizeof(arena));
		at_spool_settings_executable(r.settings);
		struct at_resource *resource = at_resource_unpack(r.resource);
		check(!resource || resource->count <= AT_RESOURCE_MAX);
		at_resource_free(resource);
	}
	free(file);
	return 0;
}
