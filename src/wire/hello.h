/*
 * The beginning of a TLS ClientHello (RFC 8446, 4.1.2 and 5.1), as far as its random: by these 32
 * bytes a session is told from all others. Pure, incremental at every byte.
 *
 *   16 03 xx | length: 2 | 01 | length: 3 | version: 2 | random: 32
 */
#ifndef AT_WIRE_HELLO_H
#define AT_WIRE_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_HELLO_RANDOM 32

struct at_hello {
	uint8_t n;                       /* bytes looked at so far */
	uint8_t random[AT_HELLO_RANDOM]; /* filled as they come */
};

enum at_hello_verdict {
	AT_HELLO_NO,   /* these bytes begin no ClientHello */
	AT_HELLO_MORE, /* so far they may */
	AT_HELLO_YES   /* they do, and random is whole */
};

/* The next n bytes of a stream; h is zero at its first byte. Ask no more once it was no or yes. */
enum at_hello_verdict at_hello_feed(struct at_hello *h, const char *bytes, size_t n);

#endif
