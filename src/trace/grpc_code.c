/*
 * See grpc_code.h; grpc_code.def has the list.
 */
#include "trace/grpc_code.h"

static const struct at_str names[AT_GRPC_CODES] = {
#define AT_GRPC_CODE(name) {#name, sizeof(#name) - 1},
#include "trace/grpc_code.def"
#undef AT_GRPC_CODE
};

enum at_grpc_code at_grpc_code_read(struct at_str text)
{
	uint64_t n;
	return at_str_u64(text, &n) && n < AT_GRPC_CODES ? (enum at_grpc_code)n : AT_GRPC_UNKNOWN;
}

struct at_str at_grpc_code_name(enum at_grpc_code code)
{
	return names[code < AT_GRPC_CODES ? code : AT_GRPC_UNKNOWN];
}
