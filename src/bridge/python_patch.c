/*
 * Replaces methods. Fed by the parts of the bridge, once each.
 */
#include "bridge/python_patch.h"

/* What type.__dict__ is a view of; NULL when that is not as expected. */
static struct at_py *dict_of(struct at_py *type)
{
	struct object {
		long references;
		const void *type;
		struct at_py *target;
	};
	const struct object *known = (const struct object *)at_py.PyImport_GetModuleDict();
	struct at_py *view = at_py.PyObject_GetAttrString(type, "__dict__");
	struct at_py *dict = view ? ((const struct object *)view)->target : NULL;
	at_py.Py_DecRef(view);
	return dict && known && ((const struct object *)dict)->type == known->type ? dict : NULL;
}

/* The type's dictionary holds its methods for as long as the type lives. */
static bool set(struct at_py *type, const char *name, struct at_py *value, bool extension)
{
	if (!extension)
		return at_py.PyObject_SetAttrString(type, name, value) == 0;
	struct at_py *dict = dict_of(type);
	if (!dict || !at_py.PyDict_GetItemString(dict, name) ||
	    at_py.PyDict_SetItemString(dict, name, value) != 0)
		return false;
	at_py.PyType_Modified(type);
	return true;
}

static bool replace(struct at_py *type, struct at_python_patch *p, bool extension)
{
	struct at_py *original = at_py.PyObject_GetAttrString(type, p->method.name);
	struct at_py *ours = original ? at_py.PyDescr_NewMethod(type, &p->method) : NULL;
	p->original = original;
	bool ok = ours && set(type, p->method.name, ours, extension);
	at_py.Py_DecRef(ours);
	if (!ok) {
		at_py.PyErr_Clear();
		at_py.Py_DecRef(original);
	}
	return ok;
}

static bool patch(struct at_py *type, struct at_python_patch *patches, size_t count, bool extension)
{
	size_t done = 0;
	if (!at_python_is_class(type))
		return false;
	while (done < count && replace(type, &patches[done], extension))
		done++;
	if (done == count)
		return true;
	while (done) {
		struct at_python_patch *p = &patches[--done];
		if (!set(type, p->method.name, p->original, extension))
			at_py.PyErr_Clear();
	}
	return false;
}

bool at_python_patch(struct at_py *type, struct at_python_patch *patches, size_t count)
{
	return patch(type, patches, count, false);
}

bool at_python_patch_extension(struct at_py *type, struct at_python_patch *patches, size_t count)
{
	return patch(type, patches, count, true);
}
