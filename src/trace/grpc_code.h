/*
 * The status codes of gRPC and their names. Constants: any thread.
 */
#ifndef AT_TRACE_GRPC_CODE_H
#define AT_TRACE_GRPC_CODE_H

#include "base/bytes.h"

enum at_grpc_code {
#define AT_GRPC_CODE(name) AT_GRPC_##name,
#include "trace/grpc_code.def"
#undef AT_GRPC_CODE
	AT_GRPC_CODES
};

/* The code that the text of a grpc-status field stands for; UNKNOWN when it stands for none. */
enum at_grpc_code at_grpc_code_read(struct at_str text);

/* Its name, "NOT_FOUND"; static, NUL-terminated. */
struct at_str at_grpc_code_name(enum at_grpc_code code);

#endif
