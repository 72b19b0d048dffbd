/*
 * The names of field.def, found by name. Read by every engine that meets header fields; pure.
 */
#ifndef AT_WIRE_FIELD_H
#define AT_WIRE_FIELD_H

#include "base/bytes.h"

/* The enum at_field of a header name in any case, or -1 when it is none of ours. The name holds no
 * byte below 0x21. */
int at_field_find(struct at_str name);

#endif
