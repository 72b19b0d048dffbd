/*
 * OpenSSL's methods, the tables of functions through which SSL_read, SSL_write and their kin do
 * their work: in those of the program the functions that move application data are replaced by
 * ours, which call them. Fed by Node's threads; feeds flow/secure.h as hooks/openssl.c does, with
 * all that follows from it: the connection is found by the ClientHello's random, requests are seen
 * and described, the header is added.
 *
 * A method is found by the exported function that returns it, and the place in it by the address of
 * the exported function that stands there, so that no layout is known here. The tables are
 * constants of the program: their pages are opened for the moment of the write. All of the tables
 * that a session can come by are changed, or none.
 */
#include "bridge/node_tls.h"

#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "flow/secure.h"
#include "libc/floor.h"
#include "libc/sys.h"
#include "libc/tls.h"

#define PAGE  4096ul
#define WORDS 24 /* of a method that are searched */

/* The functions that return a method. Without the required ones there is nothing to be done. */
static const struct {
	const char *name;
	bool required;
} methods[] = {
	{"TLS_method", true},
	{"TLS_server_method", true},
	{"TLS_client_method", true},
	{"tlsv1_3_method", true},
	{"tlsv1_3_server_method", true},
	{"tlsv1_3_client_method", true},
	{"tlsv1_2_method", true},
	{"tlsv1_2_server_method", true},
	{"tlsv1_2_client_method", true},
	{"tlsv1_1_method", false},
	{"tlsv1_1_server_method", false},
	{"tlsv1_1_client_method", false},
	{"tlsv1_method", false},
	{"tlsv1_server_method", false},
	{"tlsv1_client_method", false},
	{"TLSv1_2_method", false},
	{"TLSv1_2_server_method", false},
	{"TLSv1_2_client_method", false},
};

#define METHODS (sizeof(methods) / sizeof(methods[0]))

static int (*true_read)(void *ssl, void *buf, size_t n, size_t *ret_n);
static int (*true_write)(void *ssl, const void *buf, size_t n, size_t *ret_n);
static int (*true_shutdown)(void *ssl);
static void (*true_free)(void *ssl);

/* ---- in their place ---- */

/* A handshake that is over calls Node back from inside a read, and Node may write its request there
 * and then: such a call on the same session is not the library's with itself. */
static bool enter(struct at_secure *s, void *ssl)
{
	const struct at_tls *t = at_tls_of_session(ssl);
	if (!t || !at_secure_enter(s, &at_dialect_openssl, t, ssl))
		return false;
	at_secure_leave(s);
	return true;
}

static int method_read(void *ssl, void *buf, size_t n, size_t *ret_n)
{
	struct at_secure s;
	if (!enter(&s, ssl))
		return true_read(ssl, buf, n, ret_n);
	int rc = true_read(ssl, buf, n, ret_n);
	at_secure_read(&s, buf, rc > 0 ? *ret_n : 0, rc);
	return rc;
}

static size_t send_write(const struct at_secure *s, void *call, const void *bytes, size_t n,
			 long *ret_rc)
{
	size_t taken = 0;
	(void)call;
	*ret_rc = true_write(s->session, bytes, n, &taken);
	return *ret_rc > 0 ? taken : 0;
}

static int method_write(void *ssl, const void *buf, size_t n, size_t *ret_n)
{
	struct at_secure s;
	long rc = 0;
	if (!n || !enter(&s, ssl))
		return true_write(ssl, buf, n, ret_n);
	size_t taken = at_secure_write(&s, buf, n, send_write, NULL, &rc);
	if (!taken)
		return (int)rc;
	*ret_n = taken;
	return 1;
}

static int method_shutdown(void *ssl)
{
	struct at_secure s;
	if (!enter(&s, ssl))
		return true_shutdown(ssl);
	int rc = true_shutdown(ssl);
	if (rc >= 0)
		at_secure_shut(&s);
	else
		at_secure_leave(&s);
	return rc;
}

static void method_free(void *ssl)
{
	at_secure_gone(ssl);
	true_free(ssl);
}

/* ---- the tables ---- */

static const struct {
	const char *name; /* of the function that stands there */
	void *ours;       /* the one that comes in its place */
	void **keep;      /* where ours finds it */
} functions[] = {
	{"ssl3_read", (void *)method_read, (void **)&true_read},
	{"ssl3_write", (void *)method_write, (void **)&true_write},
	{"ssl3_shutdown", (void *)method_shutdown, (void **)&true_shutdown},
	{"tls1_free", (void *)method_free, (void **)&true_free},
};

#define FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* Where in a method each of the functions stands. */
struct places {
	void **place[FUNCTIONS];
};

/* False: one of them stands there not at all, or more than once. */
static bool read_method(void **method, struct places *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < WORDS; i++)
		for (unsigned f = 0; f < FUNCTIONS; f++)
			if (method[i] == *functions[f].keep) {
				if (ret->place[f])
					return false;
				ret->place[f] = &method[i];
			}
	for (unsigned f = 0; f < FUNCTIONS; f++)
		if (!ret->place[f])
			return false;
	return true;
}

/* The program's pages from begin to end, and how they are protected. */
struct range {
	uintptr_t begin, end;
	int protection; /* -1: they are in no segment of the program */
};

static int find_segment(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct range *r = arg;
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t begin = info->dlpi_addr + p->p_vaddr;
		if (p->p_type != PT_LOAD || r->begin < begin || r->end > begin + p->p_memsz)
			continue;
		r->protection = PROT_READ | (p->p_flags & PF_W ? PROT_WRITE : 0) |
				(p->p_flags & PF_X ? PROT_EXEC : 0);
	}
	return 1; /* the first object is the program */
}

static bool open_pages(struct range *r)
{
	r->protection = -1;
	dl_iterate_phdr(find_segment, r);
	r->begin &= ~(PAGE - 1);
	r->end = (r->end + PAGE - 1) & ~(PAGE - 1);
	return r->protection >= 0 && at_sys(SYS_mprotect, (long)r->begin, (long)(r->end - r->begin),
					    PROT_READ | PROT_WRITE) == 0;
}

/* Where the system gives nobody back the right to execute what was written to, the constants do
 * without. */
static void close_pages(const struct range *r)
{
	long n = (long)(r->end - r->begin);
	if (at_sys(SYS_mprotect, (long)r->begin, n, r->protection) != 0)
		at_sys(SYS_mprotect, (long)r->begin, n, PROT_READ);
}

static bool find_methods(struct places *found, struct range *ret_range)
{
	*ret_range = (struct range){UINTPTR_MAX, 0, -1};
	for (size_t i = 0; i < METHODS; i++) {
		void *(*method)(void) = (void *(*)(void))at_floor_walk_first(methods[i].name);
		void **table = method ? method() : NULL;
		if (!table || !read_method(table, &found[i])) {
			if (methods[i].required)
				return false;
			found[i].place[0] = NULL;
			continue;
		}
		if ((uintptr_t)table < ret_range->begin)
			ret_range->begin = (uintptr_t)table;
		if ((uintptr_t)(table + WORDS) > ret_range->end)
			ret_range->end = (uintptr_t)(table + WORDS);
	}
	return true;
}

bool at_node_tls_prepare(void)
{
	static struct places found[METHODS];
	struct range range;
	for (size_t f = 0; f < FUNCTIONS; f++)
		if (!(*functions[f].keep = at_floor_walk_first(functions[f].name)))
			return false;
	if (!find_methods(found, &range) || range.end - range.begin > 4 * PAGE ||
	    !open_pages(&range))
		return false;
	for (size_t i = 0; i < METHODS; i++)
		for (size_t f = 0; found[i].place[0] && f < FUNCTIONS; f++)
			__atomic_store_n(found[i].place[f], functions[f].ours, __ATOMIC_RELEASE);
	close_pages(&range);
	at_tls_of_program();
	return true;
}
