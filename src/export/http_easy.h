/*
 * What all transfers of a client have in common, as handles of libcurl. For http.c alone; the
 * worker's thread.
 */
#ifndef AT_EXPORT_HTTP_EASY_H
#define AT_EXPORT_HTTP_EASY_H

#include <curl/curl.h>

#include "export/http.h"
#include "export/http_take.h"
#include "export/roots.h"

/* A handle that posts to the client's URL and hands the answer to `take`; `error` has room for
 * CURL_ERROR_SIZE bytes, `client` is its CURLINFO_PRIVATE. All outlive it. NULL: no memory. */
CURL *at_http_easy_open(const struct at_http_options *o, struct at_http_take *take, char *error,
			void *client);

/* Before a transfer by https: the authorities as they stand in their file now. Lets forks go first.
 * `roots` is the client's and outlives the handle; what cannot be read is left to libcurl, which
 * finds words for it. */
void at_http_easy_trust(CURL *e, const struct at_http_options *o, struct at_roots *roots);

/* The headers of a request with a plain body. Says in the log which of the user's are malformed.
 * To be freed by curl_slist_free_all, as those of the next. */
struct curl_slist *at_http_easy_headers(const struct at_http_options *o);

/* The same and that the body is compressed. */
struct curl_slist *at_http_easy_gzip(const struct at_http_options *o,
				     const struct curl_slist *plain);

#endif
