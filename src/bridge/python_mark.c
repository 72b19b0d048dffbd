/*
 * The context variable. Fed by python_asyncio.c and its kin, read by python.c for the flow.
 */
#include "bridge/python_mark.h"

#include <string.h>

#include "bridge/python_peek.h"

static struct at_py *var; /* ours for the life of the process */

bool at_python_mark_start(void)
{
	if (!var)
		var = at_py.PyContextVar_New("autotrace", NULL);
	return var && at_python_peek_learn(var);
}

struct at_python_mark at_python_mark_of(const struct at_py *context)
{
	struct at_python_mark mark = {0};
	const void *value = context ? at_python_peek(context) : NULL;
	if (value)
		memcpy(&mark, value, sizeof(mark));
	return mark;
}

void at_python_mark_set(struct at_py *context, struct at_python_mark mark)
{
	bool inside = at_python_peek_context() == context;
	struct at_py *value = at_py.PyBytes_FromStringAndSize((const char *)&mark, sizeof(mark));
	if (value && (inside || at_py.PyContext_Enter(context) == 0)) {
		at_py.Py_DecRef(at_py.PyContextVar_Set(var, value));
		if (!inside)
			at_py.PyContext_Exit(context);
	}
	at_py.PyErr_Clear();
	at_py.Py_DecRef(value);
}

struct at_py *at_python_mark_lend(struct at_python_mark mark)
{
	struct at_py *value = at_py.PyBytes_FromStringAndSize((const char *)&mark, sizeof(mark));
	struct at_py *lent = value ? at_py.PyContextVar_Set(var, value) : NULL;
	at_py.PyErr_Clear();
	at_py.Py_DecRef(value);
	return lent;
}

/* An exception of the program's may be on its way. */
void at_python_mark_take_back(struct at_py *lent)
{
	struct at_py *type, *value, *traceback;
	if (!lent)
		return;
	at_py.PyErr_Fetch(&type, &value, &traceback);
	at_py.PyContextVar_Reset(var, lent);
	at_py.PyErr_Clear();
	at_py.PyErr_Restore(type, value, traceback);
	at_py.Py_DecRef(lent);
}
