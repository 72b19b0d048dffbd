/*
 * What looks like a Python to the library, far enough to be worked in: loaded by span_flow.c. The
 * thread that loads it is known to it and has let its lock go, until python_locked.
 */
#include <stddef.h>

void python_on_work(void (*fn)(void));
void python_locked(void);
int Py_IsInitialized(void);
const char *Py_GetVersion(void);
void *PyGILState_GetThisThreadState(void);
void *PyThreadState_GetUnchecked(void);
void *PyInterpreterState_Get(void);
void *PyInterpreterState_Main(void);
void PyErr_Fetch(void **type, void **value, void **traceback);

static void (*on_work)(void);
static char me, interpreter;
static void *locked_by;

void python_on_work(void (*fn)(void))
{
	on_work = fn;
}

void python_locked(void)
{
	locked_by = &me;
}

int Py_IsInitialized(void)
{
	return 1;
}

const char *Py_GetVersion(void)
{
	return "3.11.2 (none)";
}

void *PyGILState_GetThisThreadState(void)
{
	return &me;
}

void *PyThreadState_GetUnchecked(void)
{
	return locked_by;
}

void *PyInterpreterState_Get(void)
{
	return &interpreter;
}

void *PyInterpreterState_Main(void)
{
	return &interpreter;
}

/* What the library does first of all. */
void PyErr_Fetch(void **type, void **value, void **traceback)
{
	*type = *value = *traceback = NULL;
	on_work();
}
