/*
 * Names to addresses, kept: libcurl is given addresses, so that it never looks one up while a fork
 * waits for it, and a forked child need not look up what its parent knew. The worker's thread only.
 */
#ifndef AT_EXPORT_RESOLVE_H
#define AT_EXPORT_RESOLVE_H

#include "base/bytes.h"

/* Host and port of a URL; port by scheme when it has none. */
struct at_resolve_target {
	struct at_str scheme;
	struct at_str host; /* without brackets */
	unsigned port;
};

/* False when the text is no URL with a host. Without "scheme://" in front, http is meant. */
bool at_resolve_read_url(struct at_resolve_target *e, struct at_str url);

enum at_resolve_state {
	AT_RESOLVE_FOUND,
	AT_RESOLVE_FAILED, /* no address */
	AT_RESOLVE_BUSY    /* it is being looked up: ask again (with the same arguments) */
};

/* "host:port:address,address…" as CURLOPT_RESOLVE takes it, NUL-terminated, valid until the next
 * call for another host; empty when the host is an address already or means this machine. The name
 * is looked up when it is not known, or when `again` is set; what was known before serves when that
 * fails. Not found: *ret_error says why. Never waits, but for want of a thread (lookup.h). */
enum at_resolve_state at_resolve(const struct at_resolve_target *e, bool again, struct at_str *ret,
				 const char **ret_error);

/* The proxy of the environment for URLs of this scheme, or NULL; no_proxy is not considered. */
const char *at_resolve_proxy(struct at_str scheme);

#endif
