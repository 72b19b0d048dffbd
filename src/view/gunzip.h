/*
 * Content-Encoding: gzip (RFC 1952), with a limit on what comes out. Any thread; zlib does the
 * work.
 */
#ifndef AT_VIEW_GUNZIP_H
#define AT_VIEW_GUNZIP_H

#include "view/body.h"

enum at_gunzip_result {
	AT_GUNZIP_DONE,
	AT_GUNZIP_GARBAGE, /* no gzip data, damaged, or cut short */
	AT_GUNZIP_TOO_BIG, /* more than `limit` bytes would come out */
	AT_GUNZIP_NO_MEMORY
};

/* Appends the unpacked bytes of `packed` (one member or several) to `plain`, which holds at most
 * `limit` bytes afterwards. What has been appended before an error stays. */
enum at_gunzip_result at_gunzip(struct at_str packed, struct at_body *plain, size_t limit);

#endif
