/*
 * See hello.h. Fed by flow with the first bytes of connections, under the connection's lock. No
 * state of its own.
 */
#include "wire/hello.h"

#define RANDOM_AT 11
#define END       (RANDOM_AT + AT_HELLO_RANDOM)

/* Whether this byte may stand there. */
static bool fits(size_t at, uint8_t byte)
{
	switch (at) {
	case 0:
		return byte == 0x16; /* a handshake record */
	case 1:
	case 9:
		return byte == 3; /* of SSL 3.0 or later */
	case 5:
		return byte == 1; /* a ClientHello */
	default:
		return true;
	}
}

enum at_hello_verdict at_hello_feed(struct at_hello *h, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n && h->n < END; i++, h->n++) {
		uint8_t byte = (uint8_t)bytes[i];
		if (!fits(h->n, byte))
			return AT_HELLO_NO;
		if (h->n >= RANDOM_AT)
			h->random[h->n - RANDOM_AT] = byte;
	}
	return h->n == END ? AT_HELLO_YES : AT_HELLO_MORE;
}
