/*
 * Contexts read as they lie in memory. CPython keeps a context's variables in a hash array mapped
 * trie of immutable nodes (Python/hamt.c), the same from 3.8 to 3.13; where a thread's context
 * stands in its state differs and is found out. What was learnt is tried on contexts with one, few
 * and many variables before it is used.
 *
 *   thread state -> context -> variables -> root -> node -> … -> key, value
 */
#include "bridge/python_peek.h"

#include <string.h>

#include "base/memory.h"

#define STATE_MAX  640 /* bytes of a thread's state that are searched */
#define DEPTH_MAX  7   /* levels of a trie of 32 bit hashes, 5 bits each */
#define TRIAL_VARS 200 /* enough for nodes of all kinds */

/* The head of each object. */
struct head {
	long references;
	const void *type;
};

struct context {
	struct head head;
	const void *previous;
	const struct variables *variables;
};

struct variables {
	struct head head;
	const struct head *root;
};

/* A node with up to 16 children, or key and value in their place (key NULL: a child). */
struct sparse {
	struct head head;
	long size;
	uint32_t bitmap;
	const void *pair[];
};

/* A node with a child in any of 32 places. */
struct dense {
	struct head head;
	const struct head *child[32];
};

struct bytes {
	struct head head;
	long size, hash;
	char data[];
};

static const void *context_type;
static size_t offset;           /* of the context in a thread's state */
static const void *sparse_type; /* of sparse and dense nodes */
static const void *dense_type;
static const void *wanted; /* the variable */
static uint32_t wanted_hash;

static const struct bytes *find(const struct head *node)
{
	for (unsigned level = 0; node && level < DEPTH_MAX; level++) {
		uint32_t at = wanted_hash >> (5 * level) & 31;
		if (node->type == dense_type) {
			node = ((const struct dense *)node)->child[at];
			continue;
		}
		const struct sparse *s = (const struct sparse *)node;
		if (node->type != sparse_type || !(s->bitmap >> at & 1))
			return NULL;
		int i = 2 * __builtin_popcount(s->bitmap & ((1u << at) - 1));
		if (s->pair[i])
			return s->pair[i] == wanted ? s->pair[i + 1] : NULL;
		node = s->pair[i + 1];
	}
	return NULL;
}

const void *at_python_peek(const struct at_py *context)
{
	const struct context *c = (const struct context *)context;
	const struct bytes *found = c && c->variables ? find(c->variables->root) : NULL;
	return found ? found->data : NULL;
}

struct at_py *at_python_peek_context(void)
{
	if (!at_py.Py_IsInitialized())
		return NULL;
	const char *state = at_py.PyGILState_GetThisThreadState();
	return state ? *(struct at_py *const *)(state + offset) : NULL;
}

static const struct head *root_of(const struct at_py *context)
{
	return ((const struct context *)context)->variables->root;
}

static bool set(struct at_py *var, struct at_py *value)
{
	struct at_py *token = at_py.PyContextVar_Set(var, value);
	at_py.Py_DecRef(token);
	return token != NULL;
}

/* The place that holds this context, and held nothing like it before. */
static bool find_offset(struct at_py *context, const char *before, size_t size)
{
	const char *state = at_py.PyGILState_GetThisThreadState();
	for (offset = 0; offset < size; offset += sizeof(void *))
		if (*(struct at_py *const *)(state + offset) == context &&
		    *(struct at_py *const *)(before + offset) != context)
			return true;
	return false;
}

static void hash_of(struct at_py *var)
{
	uint64_t hash = (uint64_t)at_py.PyObject_Hash(var);
	wanted = var;
	wanted_hash = (uint32_t)hash ^ (uint32_t)(hash >> 32);
	if (wanted_hash == UINT32_MAX)
		wanted_hash = UINT32_MAX - 1;
}

/* Inside a new context: the variable alone, among few, among many; and another of them that is not
 * there, and is. */
static bool try_out(struct at_py *context, struct at_py *var, struct at_py *value)
{
	struct at_py *others[TRIAL_VARS];
	int made = 0;
	bool ok = set(var, value);
	const char *data = at_py.PyBytes_AsString(value);
	hash_of(var);
	if (ok)
		sparse_type = root_of(context)->type;
	ok = ok && at_python_peek(context) == data;
	while (ok && made < TRIAL_VARS) {
		others[made] = at_py.PyContextVar_New("autotrace", NULL);
		if (!others[made])
			break;
		hash_of(others[made]);
		ok = !at_python_peek(context) && set(others[made], value);
		if (root_of(context)->type != sparse_type)
			dense_type = root_of(context)->type;
		ok = ok && at_python_peek(context) == data;
		made++;
		hash_of(var);
		ok = ok && at_python_peek(context) == data;
	}
	ok = ok && made == TRIAL_VARS && dense_type;
	while (made)
		at_py.Py_DecRef(others[--made]);
	return ok;
}

bool at_python_is_context(const struct at_py *object)
{
	return ((const struct head *)object)->type == context_type;
}

static bool try_in_a_context(struct at_py *var, struct at_py *value)
{
	char before[STATE_MAX];
	struct at_py *context = at_py.PyContext_New();
	const char *state = at_py.PyGILState_GetThisThreadState();
	size_t size = sizeof(before);
	while (size && !at_memory_readable(state, size, NULL))
		size -= 64;
	memcpy(before, state, size);
	bool ok = context && at_py.PyContext_Enter(context) == 0;
	if (ok) {
		context_type = ((const struct head *)context)->type;
		ok = find_offset(context, before, size) && try_out(context, var, value);
		if (at_py.PyContext_Exit(context) != 0)
			ok = false;
		ok = ok && at_python_peek_context() != context;
	}
	at_py.Py_DecRef(context);
	return ok;
}

bool at_python_peek_learn(struct at_py *var)
{
	struct at_py *value = at_py.PyBytes_FromStringAndSize("trial", 5);
	bool ok = value && try_in_a_context(var, value);
	at_py.Py_DecRef(value);
	return ok;
}
