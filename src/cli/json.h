/*
 * Foreign text as JSON. For the programs; one thread.
 */
#ifndef AT_CLI_JSON_H
#define AT_CLI_JSON_H

#include <jansson.h>

/* A JSON string; bytes that are no UTF-8 become question marks. */
json_t *at_json_safe(const char *string);

#endif
