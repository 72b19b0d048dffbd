/*
 * All that the library calls of a Python, doing nothing: 0. What matters is in python.c, in the
 * place of what is here.
 */
#define AT_PY(ret, name, params)               \
	void *name(void);                      \
	__attribute__((weak)) void *name(void) \
	{                                      \
		return 0;                      \
	}
#define AT_PY_LATER(ret, name, params) AT_PY(ret, name, params)
#include "bridge/python_api.def"
