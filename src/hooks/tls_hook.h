/*
 * How an interposed call of a TLS library is written: AT_TLS_HOOK(name) declares it under its
 * exported name from its row in libc/tls.def. A hook is: its library, guard, true call, one line to
 * flow.
 */
#ifndef AT_HOOKS_TLS_HOOK_H
#define AT_HOOKS_TLS_HOOK_H

#include "flow/secure.h"
#include "libc/tls.h"

#define AT_OPENSSL(ret, name, params, args) \
	ret at_hook_##name params __asm__(#name) __attribute__((visibility("default")));
#define AT_GNUTLS(ret, name, params, args) AT_OPENSSL(ret, name, params, args)
#define AT_OPENSSL_ASK(ret, name, params)
#define AT_GNUTLS_ASK(ret, name, params)
#include "libc/tls.def"
#undef AT_OPENSSL
#undef AT_GNUTLS
#undef AT_OPENSSL_ASK
#undef AT_GNUTLS_ASK

#define AT_TLS_HOOK(name) at_hook_##name

/* The library of the call that the hook is. */
#define AT_LIBRARY_OPENSSL(ssl)    at_library(ssl, __builtin_return_address(0), at_tls_openssl)
#define AT_LIBRARY_GNUTLS(session) at_library(session, __builtin_return_address(0), at_tls_gnutls)

static inline const struct at_tls *at_library(const void *session, const void *caller,
					      const struct at_tls *(*by_caller)(const void *session,
										const void *caller))
{
	const struct at_tls *t = at_secure_inside(session);
	return t ? t : by_caller(session, caller);
}

#endif
