/*
 * A ClientHello from any bytes: what is said of them does not depend on how they are cut.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct at_hello whole = {0}, cut = {0};
	char *copy = malloc(size + 1);
	memcpy(copy, data, size);
	enum at_hello_verdict once = at_hello_feed(&whole, copy, size), step = AT_HELLO_MORE;
	for (size_t i = 0; i < size && step == AT_HELLO_MORE; i++)
		step = at_hello_feed(&cut, copy + i, 1);
	if (step != once || memcmp(&whole, &cut, sizeof(cut)) != 0)
		abort();
	if (once == AT_HELLO_YES && memcmp(whole.random, data + 11, 32) != 0)
		abort();
	free(copy);
	return 0;
}
