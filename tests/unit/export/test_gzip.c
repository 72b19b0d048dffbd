/*
 * Bodies compressed, and what comes out of them again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/entropy.h"
#include "export/gzip.h"

static void test_round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 100, 65536, 3000000};
	struct at_gzip *g = at_gzip_open();
	struct at_out packed = {.cap = 8u << 20};
	(void)state;
	assert_non_null(g);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int random = 0; random < 2; random++) {
			char *body = malloc(sizes[i] + 1);
			char *back = malloc(sizes[i] + 1);
			z_stream z = {.avail_in = 0};
			for (size_t k = 0; k < sizes[i]; k++)
				body[k] = random ? (char)at_entropy_u64() : 'x';
			at_out_reset(&packed, SIZE_MAX);
			at_out_str(&packed, AT_STR("front"));
			assert_true(at_gzip_pack(g, at_str(body, sizes[i]), &packed));
			assert_memory_equal(packed.p, "front", 5);
			assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
			z.next_in = (Bytef *)packed.p + 5;
			z.avail_in = (uInt)packed.n - 5;
			z.next_out = (Bytef *)back;
			z.avail_out = (uInt)sizes[i] + 1;
			assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
			assert_int_equal(z.total_out, sizes[i]);
			assert_memory_equal(back, body, sizes[i]);
			inflateEnd(&z);
			free(body);
			free(back);
		}
	at_out_free(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
