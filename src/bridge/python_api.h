/*
 * Python's C API as the bridge calls it: found in the running process, since the library is linked
 * to no Python. The names of the structure's members are Python's own.
 */
#ifndef AT_BRIDGE_PYTHON_API_H
#define AT_BRIDGE_PYTHON_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Any object of Python's; never looked into but by python_peek.c. */
struct at_py;

/* As PyMethodDef. */
struct at_py_method {
	const char *name;
	struct at_py *(*function)(struct at_py *self, struct at_py *const *args, long count,
				  struct at_py *keywords);
	int flags;       /* AT_PY_FASTCALL */
	const char *doc; /* the signature as Python reads it */
};
#define AT_PY_FASTCALL 0x82 /* METH_FASTCALL | METH_KEYWORDS */

struct at_python_api {
#define AT_PY(ret, name, params)       ret(*name) params;
#define AT_PY_LATER(ret, name, params) AT_PY(ret, name, params)
#include "bridge/python_api.def"
#undef AT_PY_LATER
#undef AT_PY
	/* The state of the thread that has the GIL; _PyThreadState_UncheckedGet before 3.13. */
	void *(*PyThreadState_GetUnchecked)(void);
};

/* Filled by at_python_api_load. */
extern struct at_python_api at_py;

/* Looks for a Python in this process; false when there is none, or one that lacks something.
 * Takes the loader's lock; no malloc. */
bool at_python_api_load(void);

/* Its version if the bridge knows it (0x0308 to 0x030d), else 0: another one, a free-threaded
 * build, or another implementation. The interpreter must be initialised. */
unsigned at_python_api_version(void);

/* Calls callable(self, *args, **keywords) with the arguments of a method of ours. GIL held. */
struct at_py *at_python_call(struct at_py *callable, struct at_py *self, struct at_py *const *args,
			     long count, struct at_py *keywords);

/* sys.modules[module].name, a new reference; NULL, without an exception, when the module is not
 * there or not far enough. Imports nothing and runs nothing of the program's. GIL held. */
struct at_py *at_python_find(const char *module, const char *name);

/* Whether that is a class made by `type` itself: asking it for an attribute runs nothing of the
 * program's. GIL held. */
bool at_python_is_class(const struct at_py *object);

#endif
