/*
 * See tls.h. Fed by the hooks of the TLS libraries, any thread. Owns the tables of originals: one
 * for each object that calls, and one for each library that sessions led to. Without locks: a table
 * is filled before anybody is shown it, and two threads that fill the same one do no harm.
 */
#include "libc/tls.h"

#include <errno.h>
#include <string.h>

#include "libc/objects.h"

/* Tables; when programs load and unload more, the oldest makes way. */
#define TABLES 64u
/* Call sites remembered, a power of two. */
#define PLACES 256u

static unsigned global;   /* objects the program was started with */
static bool of_program;   /* the program's own library is seen into */
static uint32_t begun;    /* tables begun so far (atomic) */
static uint64_t unloaded; /* objects unloaded when GnuTLS's tables were last believed (atomic) */
static uint8_t epoch;     /* changes with it (atomic) */

static struct slot {
	bool ready; /* filled (atomic) */
	struct at_tls tls;
} tables[TABLES];

/* Where a call returns to, the epoch, and whose table it is plus 1: site << 16 | epoch << 8 | index
 * (atomic). */
static uint64_t places[PLACES];

void at_tls_start(void)
{
	global = at_objects_count();
}

/* ---- tables ---- */

#define AT_OPENSSL(ret, name, params, args) \
	static ret missing_##name params    \
	{                                   \
		return (ret)-1;             \
	}
#define AT_GNUTLS(ret, name, params, args) AT_OPENSSL(ret, name, params, args)
#define AT_OPENSSL_ASK(ret, name, params)
#define AT_GNUTLS_ASK(ret, name, params)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wpedantic"
#include "libc/tls.def"
#pragma GCC diagnostic pop
#undef AT_OPENSSL
#undef AT_GNUTLS
#undef AT_OPENSSL_ASK
#undef AT_GNUTLS_ASK

enum family { OPENSSL, GNUTLS };

static const struct row {
	const char *name;
	size_t place;  /* in struct at_tls */
	void *missing; /* in its stead; NULL in rows that we ask ourselves */
	enum family family;
} rows[] = {
#define AT_OPENSSL(ret, name, params, args) \
	{#name, offsetof(struct at_tls, name), (void *)missing_##name, OPENSSL},
#define AT_GNUTLS(ret, name, params, args) \
	{#name, offsetof(struct at_tls, name), (void *)missing_##name, GNUTLS},
#define AT_OPENSSL_ASK(ret, name, params) {#name, offsetof(struct at_tls, name), NULL, OPENSSL},
#define AT_GNUTLS_ASK(ret, name, params)  {#name, offsetof(struct at_tls, name), NULL, GNUTLS},
#include "libc/tls.def"
#undef AT_OPENSSL
#undef AT_GNUTLS
#undef AT_OPENSSL_ASK
#undef AT_GNUTLS_ASK
};

/* What cannot be done without, and which library all of it is in. */
static void judge(struct at_tls *t, enum family family)
{
	struct at_object library = {0};
	if (family == OPENSSL)
		t->observable = t->SSL_get_client_random && t->SSL_version && t->SSL_get_error &&
				t->SSL_get_shutdown && t->SSL_get_fd && t->SSL_get_rbio;
	else
		t->observable = t->gnutls_session_get_random && t->gnutls_protocol_get_version &&
				t->gnutls_error_is_fatal && t->gnutls_packet_get;
	const void *of = family == OPENSSL ? (const void *)t->SSL_get_client_random
					   : (const void *)t->gnutls_session_get_random;
	if (!of || !at_objects_at(of, &library))
		return;
	t->begin = library.begin;
	t->end = library.end;
}

/* By the caller's view of names; or, when `library` is given, all out of that one. */
static void fill(struct at_tls *t, enum family family, const struct at_object *caller,
		 const struct at_object *library)
{
	memset(t, 0, sizeof(*t));
	t->caller = caller ? caller->base : 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *found = NULL;
		if (rows[i].family == family && library)
			found = at_names_find(&library->names, rows[i].name);
		else if (rows[i].family == family)
			found = at_objects_next(rows[i].name, caller, global ? global : UINT32_MAX);
		if (!found)
			found = rows[i].missing;
		memcpy((char *)t + rows[i].place, &found, sizeof(found));
	}
	judge(t, family);
}

static bool is_same(const struct at_tls *a, const struct at_tls *b)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (memcmp((const char *)a + rows[i].place, (const char *)b + rows[i].place,
			   sizeof(void *)) != 0)
			return false;
	return a->caller == b->caller;
}

/* The table that says the same, or a new one. */
static const struct at_tls *keep(const struct at_tls *t)
{
	for (unsigned i = 0; i < TABLES; i++)
		if (__atomic_load_n(&tables[i].ready, __ATOMIC_ACQUIRE) &&
		    is_same(&tables[i].tls, t))
			return &tables[i].tls;
	struct slot *s = &tables[__atomic_fetch_add(&begun, 1, __ATOMIC_RELAXED) % TABLES];
	__atomic_store_n(&s->ready, false, __ATOMIC_RELAXED);
	s->tls = *t;
	__atomic_store_n(&s->ready, true, __ATOMIC_RELEASE);
	return &s->tls;
}

static const struct at_tls *make(enum family family, const void *caller)
{
	struct at_tls t;
	struct at_object object;
	bool known = at_objects_at(caller, &object);
	fill(&t, family, known ? &object : NULL, NULL);
	return keep(&t);
}

/* ---- by the caller ---- */

static uint64_t *place_of(const void *site, enum family family)
{
	uint64_t hash = ((uint64_t)(uintptr_t)site + family) * 0x9e3779b97f4a7c15u;
	return &places[hash >> 56];
}

static const struct at_tls *by_caller(enum family family, const void *site)
{
	int saved = errno;
	uint8_t now = family == GNUTLS ? __atomic_load_n(&epoch, __ATOMIC_ACQUIRE) : 0;
	uint64_t *place = place_of(site, family);
	uint64_t seen = __atomic_load_n(place, __ATOMIC_ACQUIRE);
	uint64_t wanted = (uint64_t)(uintptr_t)site << 16 | (uint64_t)now << 8;
	if ((seen & ~(uint64_t)0xff) == wanted && (seen & 0xff))
		return &tables[(seen & 0xff) - 1].tls;
	const struct at_tls *t = make(family, site);
	uint64_t index =
		(uint64_t)((const struct slot *)((const char *)t - offsetof(struct slot, tls)) -
			   tables);
	__atomic_store_n(place, wanted | (index + 1), __ATOMIC_RELEASE);
	errno = saved;
	return t;
}

/* ---- by the session ---- */

/* Words at an SSL object's beginning of which one is its method table, in all versions. */
#define WORDS 4

static bool owns(const struct at_tls *t, const void *ssl)
{
	const uintptr_t *word = ssl;
	for (int i = 0; i < WORDS; i++)
		if (word[i] >= t->begin && word[i] < t->end)
			return true;
	return false;
}

const struct at_tls *at_tls_of_session(const void *ssl)
{
	int saved = errno;
	const void *const *word = ssl;
	struct at_object library;
	struct at_tls t;
	for (unsigned i = 0; i < TABLES; i++)
		if (__atomic_load_n(&tables[i].ready, __ATOMIC_ACQUIRE) &&
		    tables[i].tls.observable && owns(&tables[i].tls, ssl))
			return &tables[i].tls;
	for (int i = 0; i < WORDS; i++) {
		if ((uintptr_t)word[i] < 4096 || !at_objects_at(word[i], &library) ||
		    !library.named || !at_names_find(&library.names, "SSL_read"))
			continue;
		fill(&t, OPENSSL, NULL, &library);
		errno = saved;
		return keep(&t);
	}
	errno = saved;
	return NULL;
}

const struct at_tls *at_tls_openssl(const void *ssl, const void *caller)
{
	const struct at_tls *t = by_caller(OPENSSL, caller);
	if (!ssl || !t->observable || __builtin_expect(owns(t, ssl), 1))
		return t;
	const struct at_tls *other = at_tls_of_session(ssl);
	return other ? other : t;
}

/* OpenSSL stays loaded, GnuTLS need not. */
const struct at_tls *at_tls_gnutls(const void *session, const void *caller)
{
	(void)session;
	uint64_t now = at_objects_unloaded();
	if (__atomic_exchange_n(&unloaded, now, __ATOMIC_ACQ_REL) != now)
		__atomic_add_fetch(&epoch, 1, __ATOMIC_ACQ_REL);
	return by_caller(GNUTLS, caller);
}

void at_tls_of_program(void)
{
	of_program = true;
}

bool at_tls_is_there(void)
{
	static uint64_t looked; /* objects loaded when the answer was found, plus 1 (atomic) */
	static bool found;      /* the answer (atomic) */
	uint64_t now = at_objects_loaded() + 1;
	if (__atomic_load_n(&looked, __ATOMIC_ACQUIRE) != now) {
		bool is = of_program || at_objects_have("SSL_read") ||
			  at_objects_have("gnutls_record_recv");
		__atomic_store_n(&found, is, __ATOMIC_RELAXED);
		__atomic_store_n(&looked, now, __ATOMIC_RELEASE);
	}
	return __atomic_load_n(&found, __ATOMIC_RELAXED);
}
