/*
 * The reader of spool files: whole ones, unfinished records, every length a file can be cut to,
 * every byte that can be wrong, and what pretends to be a spool file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../support/spool_image.h"

#define LAYOUT  77u
#define RECORDS 8u

static struct image image;
static struct image broken;

/* The k-th record: its number, and bytes that follow from it. */
static size_t make(char *dst, unsigned k)
{
	size_t n = 40 + k * 29;
	memset(dst, (int)(k * 7 + 1), n);
	dst[0] = (char)k;
	return n;
}

static void fill(unsigned from, unsigned to)
{
	char record[1024];
	for (unsigned k = from; k < to; k++) {
		size_t n = make(record, k);
		assert_true(image_put(&image, record, n));
	}
}

static int set_up(void **state)
{
	(void)state;
	image_make(&image, LAYOUT, AT_STR("A=b\0"), AT_STR("whose they are"));
	return 0;
}

/* Reads everything: a bit for each record that came as it was made. Others, and any that comes out
 * of order, fail. */
static unsigned read_all(const void *file, size_t n, struct at_spool_reader *r)
{
	char record[1024];
	const char *got;
	size_t got_n;
	unsigned seen = 0;
	if (at_spool_read(r, file, n, LAYOUT) != AT_SPOOL_GOOD)
		return 0;
	while ((got = at_spool_next(r, &got_n))) {
		unsigned k = (unsigned char)got[0];
		assert_true(k < 32 && seen < 1u << k);
		assert_int_equal(got_n, make(record, k));
		assert_memory_equal(got, record, got_n);
		seen |= 1u << k;
	}
	return seen;
}

static void test_whole(void **state)
{
	struct at_spool_reader r;
	(void)state;
	fill(0, RECORDS);
	assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), (1u << RECORDS) - 1);
	assert_int_equal(r.torn, 0);
	assert_true(at_str_eq(r.settings, AT_STR("A=b\0")));
	assert_true(at_str_eq(r.resource, AT_STR("whose they are")));
}

static void test_behind_the_mark_only(void **state)
{
	struct at_spool_reader r;
	(void)state;
	fill(0, RECORDS);
	image_settle(&image, 3);
	assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), 0xf8);
	image_settle(&image, RECORDS);
	assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), 0);
	assert_int_equal(r.torn, 0);
}

/* Round and round: pads, and what earlier laps left. */
static void test_laps(void **state)
{
	struct at_spool_reader r;
	(void)state;
	for (unsigned lap = 0; lap < 300; lap++) {
		fill(lap % 4, lap % 4 + RECORDS);
		assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), ((1u << RECORDS) - 1)
									       << lap % 4);
		assert_int_equal(r.torn, 0);
		image_settle(&image, RECORDS);
	}
}

/* Killed after the settling and before the bytes were given back: the mark counts. */
static void test_settled_and_not_yet_zeroed(void **state)
{
	struct at_spool_reader r;
	size_t n;
	(void)state;
	fill(0, RECORDS);
	for (int i = 0; i < 5 && at_ring_peek(&image.ring, &n); i++)
		at_ring_pass(&image.ring);
	image_head(&image)->mark[0] = at_spool_mark_of(image_head(&image)->salt, image.ring.read);
	assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), 0xe0);
	assert_int_equal(r.torn, 0);
}

/* One that was being written holds back nobody and is no loss: it was not finished. */
static void test_unfinished_in_between(void **state)
{
	struct at_spool_reader r;
	(void)state;
	fill(0, 3);
	char *place = image_reserve(&image, 300);
	memset(place, 'x', 200);
	fill(4, RECORDS);
	assert_non_null(image_reserve(&image, 50));
	assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), 0xf7);
	assert_int_equal(r.torn, 0);
}

/* A client's bytes that look like a record are none, wherever the reader begins. */
static void test_made_up_record(void **state)
{
	struct at_spool_reader r;
	struct at_ring_header fake = {AT_RING_COMMITTED | 24, 24, 0};
	char record[64] = {0};
	(void)state;
	fake.seal = at_spool_seal_of(0, 0, record + 32, 24);
	memcpy(record + 16, &fake, sizeof(fake));
	char *place = image_reserve(&image, sizeof(record));
	memcpy(place, record, sizeof(record));
	fill(1, 3);
	assert_int_equal(read_all(image.bytes, IMAGE_ALL, &r), 6);
}

static void test_every_truncation(void **state)
{
	struct at_spool_reader r;
	unsigned last = 0;
	(void)state;
	fill(0, RECORDS);
	for (size_t n = 0; n < IMAGE_ALL; n++) {
		char *cut = malloc(n + 1); /* the sanitizer sees a step too far */
		memcpy(cut, image.bytes, n);
		unsigned seen = read_all(cut, n, &r);
		/* A longer file holds no less, and always the first ones. */
		assert_true(seen >= last && (seen & (seen + 1)) == 0);
		if (n >= AT_SPOOL_SETTINGS)
			assert_true(r.torn >= 1);
		last = seen;
		free(cut);
	}
	assert_int_equal(last, (1u << RECORDS) - 1);
}

/* What a wrong byte at `offset` may cost. */
static void check_flip(size_t offset, const struct at_spool_reader *r, enum at_spool_verdict v,
		       unsigned seen)
{
	const unsigned all = (1u << RECORDS) - 1;
	unsigned missing = all & ~seen;
	if (offset < offsetof(struct at_spool_head, resource_sum)) {
		assert_int_not_equal(v, AT_SPOOL_GOOD);
		return;
	}
	assert_int_equal(v, AT_SPOOL_GOOD);
	/* One record at most, and it was counted. */
	assert_int_equal(missing & (missing - 1), 0);
	assert_true(offset >= AT_SPOOL_RING || !missing);
	assert_true(!missing || r->torn == 1);
	assert_int_equal(r->settings_lost,
			 offset >= AT_SPOOL_SETTINGS && offset < AT_SPOOL_SETTINGS + 4);
}

static void test_every_wrong_byte(void **state)
{
	static const unsigned char flips[] = {0x01, 0x80, 0xff};
	unsigned lost = 0;
	(void)state;
	fill(0, RECORDS);
	for (size_t i = 0; i < IMAGE_ALL; i++)
		for (size_t k = 0; k < sizeof(flips); k++) {
			struct at_spool_reader r;
			image.bytes[i] ^= (char)flips[k];
			enum at_spool_verdict v = at_spool_read(&r, image.bytes, IMAGE_ALL, LAYOUT);
			unsigned seen = read_all(image.bytes, IMAGE_ALL, &r);
			check_flip(i, &r, v, seen);
			lost += v == AT_SPOOL_GOOD && seen != (1u << RECORDS) - 1;
			image.bytes[i] ^= (char)flips[k];
		}
	assert_true(lost > RECORDS * 40 * sizeof(flips));
}

static void test_others(void **state)
{
	struct at_spool_reader r;
	(void)state;
	assert_int_equal(at_spool_read(&r, image.bytes, IMAGE_ALL, LAYOUT + 1), AT_SPOOL_OTHER);
	assert_int_equal(at_spool_read(&r, image.bytes, 0, LAYOUT), AT_SPOOL_FOREIGN);
	memset(&broken, 0, sizeof(broken));
	assert_int_equal(at_spool_read(&r, broken.bytes, IMAGE_ALL, LAYOUT), AT_SPOOL_FOREIGN);
	/* Of the future: nothing behind the version is looked at. */
	memcpy(broken.bytes, AT_SPOOL_MAGIC, 8);
	image_head(&broken)->version = AT_SPOOL_VERSION + 1;
	assert_int_equal(at_spool_read(&r, broken.bytes, IMAGE_ALL, LAYOUT), AT_SPOOL_OTHER);
}

/* A file made to cost time: each step finds a long record with a wrong seal. */
static void test_bounded_work(void **state)
{
	struct at_spool_reader r;
	size_t n;
	(void)state;
	for (size_t i = 0; i < IMAGE_RING; i += 16) {
		struct at_ring_header h = {AT_RING_COMMITTED | 1000, 1000, i};
		memcpy(image.bytes + AT_SPOOL_RING + i, &h, sizeof(h));
	}
	assert_int_equal(at_spool_read(&r, image.bytes, IMAGE_ALL, LAYOUT), AT_SPOOL_GOOD);
	uint64_t budget = r.budget;
	assert_true(budget <= 8 * IMAGE_RING);
	assert_null(at_spool_next(&r, &n));
	assert_true(r.budget == 0 && r.torn >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_whole, set_up),
		cmocka_unit_test_setup(test_behind_the_mark_only, set_up),
		cmocka_unit_test_setup(test_laps, set_up),
		cmocka_unit_test_setup(test_settled_and_not_yet_zeroed, set_up),
		cmocka_unit_test_setup(test_unfinished_in_between, set_up),
		cmocka_unit_test_setup(test_made_up_record, set_up),
		cmocka_unit_test_setup(test_every_truncation, set_up),
		cmocka_unit_test_setup(test_every_wrong_byte, set_up),
		cmocka_unit_test_setup(test_others, set_up),
		cmocka_unit_test_setup(test_bounded_work, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
