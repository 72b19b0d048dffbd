/*
 * The text of OTEL_RESOURCE_ATTRIBUTES: key=value pairs, separated by commas, percent-encoded where
 * needed (OpenTelemetry specification, Resource SDK; W3C Baggage). For the programs; one thread.
 */
#ifndef AT_CLI_RESOURCE_H
#define AT_CLI_RESOURCE_H

#include "cli/text.h"

#include <stdbool.h>

/*
 * Adds one attribute, given as plain "key=value", to the list that existing already is (NULL or "":
 * none): pairs in existing with this key go, all others stay letter by letter. False: no "=", or an
 * empty key.
 */
bool at_resource_merge(const char *existing, const char *attribute, struct at_text *merged);

#endif
