/*
 * Finds Python's C API in the process and puts the few calls on top that the bridge needs more than
 * once. Fed by python.c.
 */
#include "bridge/python_api.h"

#include <string.h>

#include "base/bytes.h"
#include "libc/floor.h"

struct at_python_api at_py;

/* Arguments that a call passes on without making a tuple. */
#define ARGS_MAX 15

static const struct {
	const char *name;
	size_t place; /* in struct at_python_api */
	bool later;   /* not all have it */
} functions[] = {
#define AT_PY(ret, name, params)       {#name, offsetof(struct at_python_api, name), false},
#define AT_PY_LATER(ret, name, params) {#name, offsetof(struct at_python_api, name), true},
#include "bridge/python_api.def"
#undef AT_PY_LATER
#undef AT_PY
};

bool at_python_api_load(void)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *found = at_floor_walk_first(functions[i].name);
		if (!found && !functions[i].later)
			return false;
		memcpy((char *)&at_py + functions[i].place, &found, sizeof(found));
	}
	void *state = at_floor_walk_first("PyThreadState_GetUnchecked");
	if (!state)
		state = at_floor_walk_first("_PyThreadState_UncheckedGet");
	memcpy(&at_py.PyThreadState_GetUnchecked, &state, sizeof(state));
	return state != NULL;
}

unsigned at_python_api_version(void)
{
	const char *version = at_py.Py_GetVersion();
	struct at_str text = at_str_c(version);
	uint64_t major, minor;
	if (!version || strstr(version, "free-threading"))
		return 0;
	if (!at_str_u64(at_str_cut(&text, '.'), &major) ||
	    !at_str_u64(at_str_cut(&text, '.'), &minor))
		return 0;
	return major == 3 && minor >= 8 && minor <= 13 ? 0x0300 + (unsigned)minor : 0;
}

/* The same by a tuple and a dictionary. */
static struct at_py *call_slowly(struct at_py *callable, struct at_py *self,
				 struct at_py *const *args, long count, struct at_py *keywords)
{
	long named = keywords ? at_py.PyTuple_Size(keywords) : 0;
	struct at_py *r = NULL;
	struct at_py *tuple = at_py.PyTuple_New(count + 1);
	struct at_py *dict = named ? at_py.PyDict_New() : NULL;
	bool ok = tuple && (dict || !named);
	for (long i = 0; ok && i <= count; i++) {
		struct at_py *item = i ? args[i - 1] : self;
		at_py.Py_IncRef(item);
		ok = at_py.PyTuple_SetItem(tuple, i, item) == 0;
	}
	for (long i = 0; ok && i < named; i++)
		ok = at_py.PyDict_SetItem(dict, at_py.PyTuple_GetItem(keywords, i),
					  args[count + i]) == 0;
	if (ok)
		r = at_py.PyObject_Call(callable, tuple, dict);
	at_py.Py_DecRef(tuple);
	at_py.Py_DecRef(dict);
	return r;
}

struct at_py *at_python_call(struct at_py *callable, struct at_py *self, struct at_py *const *args,
			     long count, struct at_py *keywords)
{
	struct at_py *all[1 + ARGS_MAX];
	long named = keywords ? at_py.PyTuple_Size(keywords) : 0;
	if (!at_py.PyObject_Vectorcall || count + named > ARGS_MAX)
		return call_slowly(callable, self, args, count, keywords);
	all[0] = self;
	for (long i = 0; i < count + named; i++)
		all[1 + i] = args[i];
	return at_py.PyObject_Vectorcall(callable, all, (size_t)count + 1, keywords);
}

struct at_py *at_python_find(const char *module, const char *name)
{
	struct at_py *modules = at_py.PyImport_GetModuleDict();
	struct at_py *found = modules ? at_py.PyDict_GetItemString(modules, module) : NULL;
	struct at_py *dict = found ? at_py.PyModule_GetDict(found) : NULL;
	struct at_py *object = dict ? at_py.PyDict_GetItemString(dict, name) : NULL;
	at_py.PyErr_Clear();
	if (object)
		at_py.Py_IncRef(object);
	return object;
}

static const struct at_py *type_of(const struct at_py *object)
{
	struct object {
		long references;
		const struct at_py *type;
	};
	return ((const struct object *)object)->type;
}

bool at_python_is_class(const struct at_py *object)
{
	struct at_py *modules = at_py.PyImport_GetModuleDict();
	return modules && type_of(object) == type_of(type_of(modules));
}
