/*
 * The true functions behind the interposed names of TLS libraries. A process may hold several such
 * libraries (Python's wheels bring their own), so the original depends on who calls: it is the one
 * the caller would have been bound to without us. Nothing is looked up before the first call, and
 * no look-up calls dlopen, dlsym or malloc. Any thread; errno is kept.
 */
#ifndef AT_LIBC_TLS_H
#define AT_LIBC_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* gnutls_datum_t */
struct at_tls_datum {
	unsigned char *data;
	unsigned size;
};

/* The originals for one caller. Rows of the family that was not asked for lead nowhere; what a
 * library lacks is NULL in the rows we ask ourselves, and does nothing and says -1 in the others.
 */
struct at_tls {
	uintptr_t caller;     /* where the object that calls is loaded; 0: found by the session */
	uintptr_t begin, end; /* the library's addresses */
	uintptr_t observable; /* not 0: it has all that we ask it for */
#define AT_OPENSSL(ret, name, params, args) ret(*name) params;
#define AT_GNUTLS(ret, name, params, args)  ret(*name) params;
#define AT_OPENSSL_ASK(ret, name, params)   ret(*name) params;
#define AT_GNUTLS_ASK(ret, name, params)    ret(*name) params;
#include "libc/tls.def"
#undef AT_OPENSSL
#undef AT_GNUTLS
#undef AT_OPENSSL_ASK
#undef AT_GNUTLS_ASK
};

/* Remembers which objects the program was started with: their names are seen by all. By the
 * constructor. */
void at_tls_start(void);

/* For a call on `ssl` that returns to `caller`. An SSL object leads to its own library by the
 * method table it points to, so a caller that cannot be told apart (a tail call) does no harm. */
const struct at_tls *at_tls_openssl(const void *ssl, const void *caller);
const struct at_tls *at_tls_gnutls(const void *session, const void *caller);

/* For a call on `ssl` of which nothing else is known: the library whose method table it points to.
 * NULL: there is none. */
const struct at_tls *at_tls_of_session(const void *ssl);

/* The program has a TLS library of its own, and its calls do not go past us any more. By the
 * constructor. */
void at_tls_of_program(void);

/* Whether any loaded object but the program itself, whose own calls go past us, has a TLS library's
 * functions; or at_tls_of_program was called. Looks again when objects were loaded or unloaded
 * since. */
bool at_tls_is_there(void);

#endif
