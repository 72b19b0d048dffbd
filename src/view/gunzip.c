/*
 * Unpacks a request's body. Fed by the receiver, on the program's one thread. Owns the z_stream for
 * the time of the call.
 */
#include "view/gunzip.h"

#include <zlib.h>

#define STEP      65536u
#define GZIP_ONLY (16 + MAX_WBITS)

/* One turn of inflate into fresh room. */
static int step(z_stream *zip, struct at_body *plain, size_t limit)
{
	size_t room = limit - plain->n < STEP ? limit - plain->n : STEP;
	int result;

	if (!at_body_reserve(plain, room + 1))
		return Z_MEM_ERROR;
	zip->next_out = (unsigned char *)plain->p + plain->n;
	/* One byte more than allowed, so that exactly `limit` bytes are not mistaken for too many.
	 */
	zip->avail_out = (unsigned int)room + 1;
	result = inflate(zip, Z_NO_FLUSH);
	plain->n += room + 1 - zip->avail_out;
	return result;
}

static enum at_gunzip_result unpack(z_stream *zip, struct at_body *plain, size_t limit)
{
	for (;;) {
		int result = step(zip, plain, limit);

		if (plain->n > limit)
			return AT_GUNZIP_TOO_BIG;
		if (result == Z_MEM_ERROR)
			return AT_GUNZIP_NO_MEMORY;
		if (result == Z_STREAM_END) {
			if (zip->avail_in == 0)
				return AT_GUNZIP_DONE;
			result = inflateReset(zip);
		}
		if (result != Z_OK)
			return AT_GUNZIP_GARBAGE;
	}
}

enum at_gunzip_result at_gunzip(struct at_str packed, struct at_body *plain, size_t limit)
{
	z_stream zip = {.next_in = (unsigned char *)packed.p, .avail_in = (unsigned int)packed.n};
	enum at_gunzip_result result;

	if (packed.n > UINT32_MAX)
		return AT_GUNZIP_TOO_BIG;
	if (inflateInit2(&zip, GZIP_ONLY) != Z_OK)
		return AT_GUNZIP_NO_MEMORY;
	result = unpack(&zip, plain, limit);
	inflateEnd(&zip);
	return result;
}
