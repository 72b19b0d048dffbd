/*
 * See roots.h. Fed by http.c, feeds OpenSSL through it; on the worker's thread. Owns the store; a
 * connection under way keeps the one it began with. A fork in between two steps leaves a half-read
 * store in the child, where nobody looks at it. Not my job: what a file that is no good is called
 * for people; libcurl tries it too, and says.
 */
#include "export/roots.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "export/gate.h"
#include "libc/libc.h"

/* Larger lists are left to libcurl. */
#define SIZE_MAX_READ (16 << 20)

static char *read_file(const char *path, struct stat *is)
{
	char *text = NULL;
	off_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, is) == 0 && S_ISREG(is->st_mode) && is->st_size <= SIZE_MAX_READ)
		text = malloc((size_t)is->st_size + 1);
	while (text && n < is->st_size) {
		ssize_t got = at_libc.read(fd, text + n, (size_t)(is->st_size - n));
		if (got <= 0)
			break;
		n += got;
	}
	at_libc.close(fd);
	if (n == is->st_size)
		return text;
	free(text);
	return NULL;
}

static bool add_certificate(X509_STORE *s, X509 *x)
{
	bool good = x && X509_STORE_add_cert(s, x);
	X509_free(x);
	return good;
}

/* As X509_STORE_load_file takes it; keys and the like are passed by. */
static bool add_block(X509_STORE *s, const char *name, const unsigned char *data, long n)
{
	if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0)
		return add_certificate(s, d2i_X509(NULL, &data, n));
	if (strcmp(name, PEM_STRING_X509_TRUSTED) == 0)
		return add_certificate(s, d2i_X509_AUX(NULL, &data, n));
	if (strcmp(name, PEM_STRING_X509_CRL) != 0)
		return true;
	X509_CRL *crl = d2i_X509_CRL(NULL, &data, n);
	bool good = crl && X509_STORE_add_crl(s, crl);
	X509_CRL_free(crl);
	return good;
}

/* Each block of the text; false when one is no good or there is none. */
static bool add_all(X509_STORE *s, BIO *text)
{
	char *name, *header;
	unsigned char *data;
	bool good = true;
	unsigned count = 0;
	long n;
	for (; good && PEM_read_bio(text, &name, &header, &data, &n); count++) {
		good = add_block(s, name, data, n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(data);
		at_gate_yield();
	}
	return good && count && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* The flags are those that libcurl gives its own. */
static X509_STORE *make_store(const char *text, off_t n)
{
	X509_STORE *s = X509_STORE_new();
	BIO *bio = BIO_new_mem_buf(text, (int)n);
	bool good = s && bio && add_all(s, bio);
	BIO_free(bio);
	ERR_clear_error();
	if (good)
		X509_STORE_set_flags(s, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
	if (good)
		return s;
	X509_STORE_free(s);
	return NULL;
}

static bool is_known(const struct at_roots *r, const struct stat *is)
{
	return r->store && r->inode == is->st_ino && r->size == is->st_size &&
	       r->at.tv_sec == is->st_mtim.tv_sec && r->at.tv_nsec == is->st_mtim.tv_nsec;
}

bool at_roots_read(struct at_roots *r, const char *path)
{
	struct stat is;
	if (stat(path, &is) == 0 && is_known(r, &is))
		return true;
	char *text = read_file(path, &is);
	X509_STORE_free(r->store);
	r->store = text ? make_store(text, is.st_size) : NULL;
	free(text);
	r->inode = is.st_ino;
	r->size = is.st_size;
	r->at = is.st_mtim;
	return r->store != NULL;
}
