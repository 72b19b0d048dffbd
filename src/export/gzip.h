/*
 * Bodies compressed. The worker's thread only.
 */
#ifndef AT_EXPORT_GZIP_H
#define AT_EXPORT_GZIP_H

#include "export/out.h"

struct at_gzip;

/* NULL: no memory. */
struct at_gzip *at_gzip_open(void);

/* One gzip member with all of `body`, behind what `out` holds. False: no memory. */
bool at_gzip_pack(struct at_gzip *g, struct at_str body, struct at_out *out);

#endif
