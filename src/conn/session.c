/*
 * See session.h. Fed by flow/secure.c; owns the entries, type-stable slots that are never given to
 * anything else. A lock for many chains.
 */
#include "conn/session.h"

#include "base/slab.h"

#define CHAINS 8192u /* a power of two */
#define LOCKS  128u

struct entry {
	uint64_t slab;      /* the slab's own while free */
	const void *key;    /* the library's object */
	struct entry *next; /* of the same chain */
	struct at_session s;
	void *kept; /* flow's, or NULL */
};

static struct at_slab entries = AT_SLAB_INIT(sizeof(struct entry));
static struct entry *chains[CHAINS]; /* under the chain's lock */
static struct at_lock locks[LOCKS];  /* one for each LOCKS-th chain */
static uint32_t count;               /* entries in use (atomic) */

static unsigned chain_of(const void *key)
{
	return (unsigned)((uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u >> 51) % CHAINS;
}

/* A holder that will not come back has left a chain that may be in pieces: these sessions are
 * forgotten, and their memory stays away. */
static bool lock(unsigned chain)
{
	enum at_lock_result got = at_lock(&locks[chain % LOCKS]);
	if (got == AT_LOCK_STALE)
		for (unsigned i = chain % LOCKS; i < CHAINS; i += LOCKS)
			chains[i] = NULL;
	return got != AT_LOCK_BUSY;
}

static void unlock(unsigned chain)
{
	at_unlock(&locks[chain % LOCKS]);
}

static struct entry **find(unsigned chain, const void *key)
{
	struct entry **at = &chains[chain];
	while (*at && (*at)->key != key)
		at = &(*at)->next;
	return at;
}

bool at_session_get(const void *key, struct at_session *ret)
{
	unsigned chain = chain_of(key);
	/* Nobody else speaks of a session while it is born: an empty chain needs no lock. */
	if (!__atomic_load_n(&chains[chain], __ATOMIC_ACQUIRE) || !lock(chain))
		return false;
	const struct entry *e = *find(chain, key);
	if (e) {
		*ret = e->s;
		ret->keeps = e->kept != NULL;
	}
	unlock(chain);
	return e != NULL;
}

bool at_session_put(const void *key, struct at_session s)
{
	unsigned chain = chain_of(key);
	struct entry *fresh = NULL;
	if (__atomic_load_n(&count, __ATOMIC_RELAXED) < AT_SESSIONS)
		fresh = at_slab_get(&entries);
	if (!lock(chain)) {
		if (fresh)
			at_slab_put(fresh);
		return false;
	}
	struct entry **at = find(chain, key);
	struct entry *unused = *at ? fresh : NULL;
	if (!*at && fresh) {
		fresh->key = key;
		fresh->next = NULL;
		fresh->kept = NULL;
		__atomic_store_n(at, fresh, __ATOMIC_RELEASE);
		__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	}
	bool there = *at != NULL;
	if (there)
		(*at)->s = s;
	unlock(chain);
	if (unused)
		at_slab_put(unused);
	return there;
}

bool at_session_drop(const void *key, struct at_session *ret, void **ret_kept)
{
	unsigned chain = chain_of(key);
	if (!__atomic_load_n(&chains[chain], __ATOMIC_ACQUIRE) || !lock(chain))
		return false;
	struct entry **at = find(chain, key);
	struct entry *e = *at;
	if (e) {
		*ret = e->s;
		*ret_kept = e->kept;
		__atomic_store_n(at, e->next, __ATOMIC_RELEASE);
		__atomic_sub_fetch(&count, 1, __ATOMIC_RELAXED);
	}
	unlock(chain);
	if (e)
		at_slab_put(e);
	return e != NULL;
}

void *at_session_keep(const void *key, void *kept)
{
	unsigned chain = chain_of(key);
	if (!lock(chain))
		return kept;
	struct entry *e = *find(chain, key);
	void *before = kept;
	if (e) {
		before = e->kept;
		e->kept = kept;
	}
	unlock(chain);
	return before;
}
