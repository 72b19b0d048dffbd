/*
 * Replaces methods. Fed by the parts of the bridge, once each.
 */
#include "bridge/python_patch.h"

static bool replace(struct at_py *type, struct at_python_patch *p)
{
	struct at_py *original = at_py.PyObject_GetAttrString(type, p->method.name);
	struct at_py *ours = original ? at_py.PyDescr_NewMethod(type, &p->method) : NULL;
	p->original = original;
	bool ok = ours && at_py.PyObject_SetAttrString(type, p->method.name, ours) == 0;
	at_py.Py_DecRef(ours);
	if (!ok) {
		at_py.PyErr_Clear();
		at_py.Py_DecRef(original);
	}
	return ok;
}

bool at_python_patch(struct at_py *type, struct at_python_patch *patches, size_t count)
{
	size_t done = 0;
	while (done < count && replace(type, &patches[done]))
		done++;
	if (done == count)
		return true;
	while (done) {
		struct at_python_patch *p = &patches[--done];
		if (at_py.PyObject_SetAttrString(type, p->method.name, p->original) != 0)
			at_py.PyErr_Clear();
	}
	return false;
}
