/*
 * The user's headers: "name=value,name=value" with percent-encoded values
 * (OTEL_EXPORTER_OTLP_HEADERS). Pure but for the warning.
 */
#ifndef AT_EXPORT_HTTP_HEADER_H
#define AT_EXPORT_HTTP_HEADER_H

#include "base/bytes.h"

/* The next header of the list as a line "name: value" ("name;" when the value is empty, which is
 * how libcurl wants it), NUL-terminated in dst; *list goes behind it. What is malformed, or would
 * break out of its line, is left out with a warning that does not show it. False when there is no
 * more. */
bool at_http_header_next(struct at_str *list, char *dst, size_t room);

#endif
